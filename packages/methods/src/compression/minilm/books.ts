/** The experiment's text: passages of books, split by chapter, some of them labelled with their book. */
import type { Tokenizer } from '@working-papers/models';
import { partOf, permutation, randomKey, type Sequence } from '@working-papers/training';
import type { RunContext } from '../../contract.ts';
import type { Labelled } from './classify.ts';
import { corpusHash, sequencesOf } from './corpus.ts';
import type { Settings } from './settings.ts';

export interface Books {
  /** Passages of the chapters that are learnt from, in no labelled order. */
  sequences: Sequence[];
  /** Passages of other chapters. */
  heldOut: Sequence[];
  labels: string[];
  train: Labelled[];
  test: Labelled[];
  tokens: number;
  /** Names this text in keys. */
  hash: string;
}

const shares = { train: 0.8, test: 0.2 };

/** Reads the books, cuts every chapter into passages of `seq` tokens, and draws what is labelled. Throws a sentence where there are too few. */
export async function readBooks(
  context: RunContext,
  tokenizer: Tokenizer,
  settings: Settings,
  seed = 0,
): Promise<Books> {
  const chapters = new Map<string, { book: string; part: string; text: string }>();
  for await (const { book, chapter, text } of context.rows(settings.books)) {
    if (typeof book !== 'string' || typeof text !== 'string') continue;
    const key = `${book}, chapter ${chapter}`;
    const known = chapters.get(key);
    if (known) known.text += ` ${text}`;
    else chapters.set(key, { book, part: partOf(key, shares, seed), text });
  }
  const passages = [...chapters.values()].flatMap(({ book, part, text }) =>
    sequencesOf(tokenizer, text, settings.seq)
      .filter(({ ids }) => ids.length >= settings.seq / 2)
      .map((sequence) => ({ book, part, sequence })),
  );
  const of = (wanted: string) => passages.filter(({ part }) => part === wanted);
  const counts = new Map<string, number>();
  for (const { book } of passages) counts.set(book, (counts.get(book) ?? 0) + 1);
  // The books with most text.
  const labels = [...counts.entries()]
    .sort(([, one], [, other]) => other - one)
    .slice(0, settings.classes)
    .map(([book]) => book)
    .sort();
  const drawn = (part: string, most: number): Labelled[] =>
    labels.flatMap((book, label) => {
      const own = of(part).filter((passage) => passage.book === book);
      if (own.length < Math.min(most, 5))
        throw new Error(`"${book}" has ${own.length} passages in the part "${part}"; the experiment needs more of it.`);
      const order = permutation(randomKey(seed, part, book), own.length);
      return Array.from(order.subarray(0, most), (index) => ({ ...own[index]!.sequence, label }));
    });
  const sequences = of('train').map(({ sequence }) => sequence);
  const others = of('test').map(({ sequence }) => sequence);
  const held = permutation(randomKey(seed, 'held out'), others.length).subarray(0, settings.heldOut);
  const heldOut = Array.from(held, (index) => others[index]!);
  return {
    sequences,
    heldOut,
    labels,
    train: drawn('train', settings.labelled),
    test: drawn('test', settings.tested),
    tokens: sequences.reduce((sum, { ids }) => sum + ids.length, 0),
    hash: await corpusHash({ sequences, heldOut }),
  };
}
