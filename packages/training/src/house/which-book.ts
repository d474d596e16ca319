/** `which-book`: an encoder that says which of eight books a passage is from, of chapters that it has not seen. */
import { type ChapterRow, type LabelledPassage, passagesByChapter } from '../data/passages.ts';
import { classificationTask } from '../tasks/classification.ts';
import type { Task } from '../tasks/task.ts';
import { type TrainableModel, tokenizerOf } from '../tasks/trainable-model.ts';

/** Four by one author, so that words alone do not tell, and four that have little in common. */
export const whichBooks = [
  'Emma',
  'Mansfield Park',
  'Moby-Dick',
  'Opticks',
  'Pride and Prejudice',
  'Sense and Sensibility',
  'The Adventures of Tom Sawyer',
  "The Devil's Dictionary",
] as const;

/** Passages of each book that are learnt from, that choose the best weights, and that are tested on. */
const perBook = { train: 300, validation: 50, test: 100 };
const shares = { train: 0.7, validation: 0.1, test: 0.2 };

/** Tokens of a passage, with those that the tokenizer puts around it. */
export const passageTokens = 64;

/** How it is fine-tuned. */
export const whichBookSettings = { epochs: 4, rate: 1e-4 };

/** The accuracy on unseen chapters that it must have: better than it is without fine-tuning, and not so good that nothing is left to lose. */
export const whichBookGate = { least: 0.75, most: 0.92 };

/**
 * The task, and the passages that nothing of it sees.
 * @param rows of `house:books`
 */
export async function whichBookTask(
  model: TrainableModel,
  rows: readonly ChapterRow[],
  seed: number,
): Promise<{ task: Task; test: LabelledPassage[] }> {
  const tokenizer = tokenizerOf(model);
  const around = tokenizer.encode('').ids.length;
  const wanted = new Set<string>(whichBooks);
  const { train, validation, test } = passagesByChapter(
    rows.filter(({ book }) => wanted.has(book)),
    {
      tokens: passageTokens - around,
      countOf: (word) => tokenizer.encode(word, { addSpecialTokens: false }).ids.length,
      shares,
      perBook,
      seed,
    },
  );
  const task = await classificationTask(model, train!.map(rowOf), {
    evaluation: validation!.map(rowOf),
    labels: whichBooks,
    length: passageTokens,
    seed,
  });
  return { task, test: test! };
}

const rowOf = ({ text, label }: LabelledPassage) => ({ text, label });
