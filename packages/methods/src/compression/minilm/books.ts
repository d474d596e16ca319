/** The experiment's text: passages of books, split by chapter, some of them labelled with their book. */
import type { Tokenizer } from '@working-papers/models';
import { type ChapterRow, passagesByChapter, permutation, randomKey, type Sequence } from '@working-papers/training';
import type { RunContext } from '../../contract.ts';
import type { LabelledText } from './comparison.ts';
import { corpusHash } from './corpus.ts';
import type { Settings } from './settings.ts';

export interface Books {
  /** Every passage of the chapters that are learnt from. */
  sequences: Sequence[];
  /** Some of other chapters. */
  heldOut: Sequence[];
  labels: string[];
  train: LabelledText[];
  test: LabelledText[];
  /** Names this text in keys. */
  hash: string;
}

const shares = { train: 0.8, test: 0.2 };

/**
 * Reads the books and cuts every chapter into passages of at most `seq` tokens; of the books with most passages some are labelled. Throws
 * a sentence where a row is no paragraph of a chapter, or a book has too few passages.
 */
export async function readBooks(context: RunContext, tokenizer: Tokenizer, settings: Settings): Promise<Books> {
  const { seq, classes, heldOut: held } = settings;
  const rows: ChapterRow[] = [];
  for await (const { book, chapter, text } of context.rows(settings.books)) {
    if (typeof book !== 'string' || typeof chapter !== 'number' || typeof text !== 'string')
      throw new Error(`Row ${rows.length + 1} of ${settings.books} is no paragraph: it needs book, chapter and text.`);
    rows.push({ book, chapter, text });
  }
  const ids = (text: string, addSpecialTokens = true) =>
    tokenizer.encode(text, { addSpecialTokens, maxLength: seq }).ids;
  const specials = ids('').length;
  const { train = [], test = [] } = passagesByChapter(rows, {
    tokens: seq - specials,
    countOf: (word) => ids(word, false).length,
    shares,
    seed: 0,
  });
  const counts = new Map<string, number>();
  for (const { label } of train) counts.set(label, (counts.get(label) ?? 0) + 1);
  const labels = [...counts.entries()]
    .sort(([, one], [, other]) => other - one)
    .slice(0, classes)
    .map(([book]) => book)
    .sort();
  // Within a part the passages of a book stand in random order.
  const drawn = (part: readonly LabelledText[], most: number): LabelledText[] =>
    labels.flatMap((book) => {
      const own = part.filter(({ label }) => label === book).slice(0, most);
      if (own.length < most) throw new Error(`"${book}" has ${own.length} passages where ${most} are wanted.`);
      return own.map(({ text, label }) => ({ text, label }));
    });
  const sequences = train.map(({ text }) => ({ ids: ids(text) }));
  const order = permutation(randomKey(0, 'held out'), test.length).subarray(0, held);
  const heldOut = Array.from(order, (index) => ({ ids: ids(test[index]!.text) }));
  return {
    sequences,
    heldOut,
    labels,
    train: drawn(train, settings.labelled),
    test: drawn(test, settings.tested),
    hash: await corpusHash({ sequences, heldOut }),
  };
}
