/** What a scan trains on: a text as numbers of its characters, or a file of tokens. */
import { joinedPieces } from '@working-papers/models';
import { randomKey, type StepInputs, uniformAt } from '@working-papers/training';
import type { RunContext } from '../../contract.ts';

export interface Corpus {
  /** What it is, for settings. */
  name: string;
  /** FNV-1a of the tokens, hexadecimal. */
  hash: string;
  vocabulary: number;
  training: Uint16Array;
  /** A twentieth, from all over the text. */
  validation: Uint16Array;
}

/** Characters that have a number of their own; all others share one. */
const characters = 95;
const most = 50_000_000;

/** Reads a text, a data set with a column `text`, or tokens (.bin, uint16). Throws a sentence where there is too little. */
export async function readCorpus(
  input: string,
  context: RunContext,
  { sequence }: { sequence: number },
): Promise<Corpus> {
  const name = input.includes('\n') || input.length > 100 ? 'a text of the reader' : input;
  const { tokens, vocabulary } = /\.bin$/i.test(input)
    ? await readTokens(input, context)
    : numbersOf(await readText(input, context));
  const least = 20 * (sequence + 1);
  if (tokens.length < least)
    throw new Error(
      `${name} has ${tokens.length} tokens; a scan with sequences of ${sequence} needs at least ${least}. Give a longer text.`,
    );
  const { training, validation } = parted(tokens, Math.min(stretches, Math.floor(tokens.length / least)));
  return { name, hash: hashOf(tokens), vocabulary, training, validation };
}

/** Stretches that a text is cut into at most. */
const stretches = 50;

/** The last twentieth of each of `count` stretches, which no training sees, and the rest: a text may change on its way. */
function parted(tokens: Uint16Array, count: number): { training: Uint16Array; validation: Uint16Array } {
  const kept = (held: boolean) => {
    const parts = Array.from({ length: count }, (_, i) => {
      const [from, to] = [i, i + 1].map((end) => Math.floor((end * tokens.length) / count)) as [number, number];
      const middle = to - Math.ceil((to - from) / 20);
      return held ? tokens.subarray(middle, to) : tokens.subarray(from, middle);
    });
    const together = new Uint16Array(parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of parts) {
      together.set(part, at);
      at += part.length;
    }
    return together;
  };
  return { training: kept(false), validation: kept(true) };
}

async function readText(input: string, context: RunContext): Promise<string> {
  const parts: string[] = [];
  let length = 0;
  const add = (part: string) => {
    parts.push(part);
    length += part.length;
    if (length > most) throw new Error(`The text is longer than ${most} characters; give a part of it.`);
  };
  if (/^house:|\.(jsonl|csv|tsv)$/i.test(input)) {
    for await (const { text } of context.rows(input)) {
      if (typeof text !== 'string') throw new Error(`${input} has a row without a column "text".`);
      add(`${text}\n`);
    }
  } else {
    const decoder = new TextDecoder();
    for await (const piece of context.bytes(input)) add(decoder.decode(piece, { stream: true }));
    add(decoder.decode());
  }
  return parts.join('');
}

async function readTokens(input: string, context: RunContext): Promise<{ tokens: Uint16Array; vocabulary: number }> {
  async function* limited() {
    let length = 0;
    for await (const piece of context.bytes(input)) {
      length += piece.byteLength;
      if (length > 2 * most) throw new Error(`${input} has more than ${most} tokens; give a part of it.`);
      yield piece;
    }
  }
  const bytes = await joinedPieces(limited());
  if (bytes.length % 2 !== 0)
    throw new Error(`${input} has ${bytes.length} bytes; tokens are two bytes each (uint16, little-endian).`);
  const tokens = new Uint16Array(bytes.buffer);
  return { tokens, vocabulary: tokens.reduce((top, token) => Math.max(top, token), 0) + 1 };
}

/** The 95 most frequent characters of a text by rank, and one number for all others. Typographic marks are the plain ones first. */
export function numbersOf(text: string): { tokens: Uint16Array; vocabulary: number; alphabet: string[] } {
  const plain = text
    .normalize('NFKC')
    .replace(/\r\n?/g, '\n')
    .replace(/[‘’]/g, "'")
    .replace(/[“”]/g, '"')
    .replace(/[‐-―]/g, '-');
  const counts = new Map<string, number>();
  for (const character of plain) counts.set(character, (counts.get(character) ?? 0) + 1);
  const alphabet = [...counts]
    .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
    .slice(0, characters)
    .map(([character]) => character);
  const numbers = new Map(alphabet.map((character, number) => [character, number]));
  // At most one a unit of the string; surrogate pairs are one character.
  const tokens = new Uint16Array(plain.length);
  let length = 0;
  for (const character of plain) tokens[length++] = numbers.get(character) ?? alphabet.length;
  return { tokens: tokens.slice(0, length), vocabulary: alphabet.length + 1, alphabet };
}

function hashOf(tokens: Uint16Array): string {
  let hash = 2166136261;
  for (const token of tokens) hash = Math.imul(hash ^ token, 16777619);
  return (hash >>> 0).toString(16);
}

export interface BatchShape {
  batch: number;
  sequence: number;
}

/** The batch of a step: windows at places that the seed and the step decide, `ids` and the `labels` that follow them `[batch, sequence]`. */
export function trainingBatch(
  tokens: Uint16Array,
  { batch, sequence }: BatchShape,
  { seed, step }: { seed: number; step: number },
): StepInputs {
  const key = randomKey(seed, 'batch', step);
  const places = tokens.length - sequence;
  return windows(
    tokens,
    Array.from({ length: batch }, (_, row) => Math.floor(uniformAt(key, row) * places)),
    sequence,
  );
}

/** Windows beside each other over a whole stretch of tokens, evenly spread where there are more than `batches`. */
export function validationBatches(tokens: Uint16Array, { batch, sequence }: BatchShape, batches: number): StepInputs[] {
  const windowsThere = Math.floor((tokens.length - 1) / sequence);
  const used = Math.min(batches, Math.max(1, Math.floor(windowsThere / batch)));
  const starts = Array.from({ length: used * batch }, (_, i) => {
    const window = Math.floor((i * windowsThere) / (used * batch));
    return window * sequence;
  });
  return Array.from({ length: used }, (_, b) => windows(tokens, starts.slice(b * batch, (b + 1) * batch), sequence));
}

function windows(tokens: Uint16Array, starts: readonly number[], sequence: number): StepInputs {
  const shape = [starts.length, sequence];
  const ids = new BigInt64Array(starts.length * sequence);
  const labels = new BigInt64Array(starts.length * sequence);
  for (const [row, start] of starts.entries()) {
    for (let place = 0; place < sequence; place++) {
      ids[row * sequence + place] = BigInt(tokens[start + place]!);
      labels[row * sequence + place] = BigInt(tokens[start + place + 1]!);
    }
  }
  return { ids: { dtype: 'int64', shape, data: ids }, labels: { dtype: 'int64', shape, data: labels } };
}
