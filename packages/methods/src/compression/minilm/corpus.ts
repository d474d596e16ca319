/** The reader's texts as token sequences, some of them held out. */
import type { Tokenizer } from '@working-papers/models';
import { permutation, randomKey, type Sequence } from '@working-papers/training';
import type { Row } from '../../contract.ts';

export interface Corpus {
  /** What is learnt from. */
  sequences: Sequence[];
  /** What is only looked at. */
  heldOut: Sequence[];
  passages: number;
  /** Tokens of `sequences`, special ones included. */
  tokens: number;
  /** Whether reading ended before the corpus did, because there was enough. */
  cut: boolean;
}

export interface CorpusOptions {
  /** Most tokens of a sequence, special ones included: n of the paper. */
  length: number;
  /** Sequences that are wanted; reading ends at twice as many. */
  wanted: number;
  /** Sequences that are held out, at most a tenth of all. */
  heldOut: number;
  seed: number;
}

/** Sequences with fewer tokens teach little about attention, and are left out where there are others. */
const fewest = 8;

/** Throws a sentence where a row has no text, or the corpus no more than one sequence. */
export async function readCorpus(
  rows: AsyncIterable<Row>,
  tokenizer: Tokenizer,
  { length, wanted, heldOut, seed }: CorpusOptions,
): Promise<Corpus> {
  const all: Sequence[] = [];
  let passages = 0;
  let cut = false;
  for await (const row of rows) {
    passages += 1;
    const text = row.text ?? row.abstract;
    if (typeof text !== 'string')
      throw new Error(
        `Row ${passages} of the corpus has no "text" (it has ${Object.keys(row).join(', ') || 'nothing'}). Give one passage a line, or a field or column "text".`,
      );
    if (text.trim() === '') continue;
    all.push(...sequencesOf(tokenizer, text, length));
    if (all.length >= 2 * wanted + heldOut) {
      cut = true;
      break;
    }
  }
  const long = all.filter(({ ids }) => ids.length >= fewest);
  const kept = long.length >= 2 ? long : all;
  if (kept.length < 2)
    throw new Error(
      `The corpus has ${kept.length === 0 ? 'no text' : 'one sequence'}; a student needs many, and some are held out. Give more text.`,
    );
  const order = permutation(randomKey(seed, 'held out'), kept.length);
  const held = Math.max(1, Math.min(heldOut, Math.floor(kept.length / 10)));
  const out = new Set(order.slice(0, held));
  const sequences = kept.filter((_, index) => !out.has(index));
  return {
    sequences,
    heldOut: kept.filter((_, index) => out.has(index)),
    passages,
    tokens: sequences.reduce((sum, { ids }) => sum + ids.length, 0),
    cut,
  };
}

/** A text in stretches of at most `length` tokens, each with the special tokens that the model reads texts with. */
export function sequencesOf(tokenizer: Tokenizer, text: string, length: number): Sequence[] {
  const { ids, overflow = [] } = tokenizer.encode(text, { maxLength: length, stride: 0 });
  return [{ ids }, ...overflow.map((window) => ({ ids: window.ids }))];
}

/** SHA-256 of all sequences: which corpus a checkpoint is of. */
export async function corpusHash({ sequences, heldOut }: Pick<Corpus, 'sequences' | 'heldOut'>): Promise<string> {
  const all = [...sequences, ...heldOut].flatMap(({ ids }) => [ids.length, ...ids]);
  const digest = await crypto.subtle.digest('SHA-256', Int32Array.from(all));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
