/**
 * What the fuzz tests share: how files are spoilt, and what a reader may be answered. A property names its cases: `npm test` takes
 * the first 150 of them, of one seed; `npm run test:long` takes all, so many times (FUZZ_TIMES, 1 unless given), of a new seed,
 * which it prints (FUZZ_SEED repeats it).
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { expect } from 'vitest';

export const long = process.env.WORKING_PAPERS_LONG === '1';
const seed = Number(process.env.FUZZ_SEED ?? (long ? Date.now() % 2 ** 31 : 1));
const times = Number(process.env.FUZZ_TIMES ?? 1);
/** Cases of one property in `npm test`: a fault of one case in fifty is met nineteen times of twenty. */
const casesInShort = 150;
if (long) console.log(`FUZZ_SEED=${seed}`);

/** Settings of a property of so many cases. */
export const cases = (runs: number) => ({
  seed,
  numRuns: long ? runs * times : Math.min(runs, casesInShort),
  endOnFailure: long,
});

const extremes = [
  0n,
  1n,
  0x7fn,
  0xffn,
  0xffffn,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
];

export interface Edit {
  kind: 'flip' | 'cut' | 'number' | 'remove' | 'repeat' | 'splice';
  place: number;
  /** Where counts and lengths stand, rather than anywhere. */
  dense: boolean;
  value: number;
}

/** A few edits: a bit flipped, the end cut off, 2, 4 or 8 bytes made an extreme number, a stretch removed, repeated or put elsewhere. */
export const byteEdits: fc.Arbitrary<Edit[]> = fc.array(
  fc.record({
    kind: fc.constantFrom('flip', 'flip', 'cut', 'number', 'number', 'remove', 'repeat', 'splice'),
    place: fc.nat(),
    dense: fc.boolean(),
    value: fc.nat(),
  }),
  { minLength: 1, maxLength: 4 },
);

/** Bytes `[from, to)` of a file, where counts, lengths and places stand. */
export type Stretch = readonly [from: number, to: number];

/** The bytes after the edits, half of which fall into the `dense` stretches. */
export const spoilBytes = (
  bytes: Uint8Array,
  edits: readonly Edit[],
  dense: readonly Stretch[] = [[0, 99]],
): Uint8Array => new Uint8Array(edits.reduce((spoilt, edit) => spoilOnce(spoilt, edit, dense), bytes));

function spoilOnce(bytes: Uint8Array, edit: Edit, dense: readonly Stretch[]): Uint8Array {
  const { kind, place, value } = edit;
  const [from, to] = edit.dense ? dense[value % dense.length]! : [0, bytes.length];
  const at = Math.min(bytes.length, from + (place % (to - from + 1)));
  const length = value % 64;
  if (kind === 'cut') return bytes.subarray(0, at);
  if (kind === 'remove') return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
  if (kind === 'repeat') return Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)]);
  const spoilt = Buffer.from(bytes);
  if (kind === 'splice') spoilt.copyWithin(at, value % (bytes.length + 1), (value % (bytes.length + 1)) + length);
  if (kind === 'flip' && at < bytes.length) spoilt[at]! ^= 1 << (value % 8);
  if (kind === 'number') {
    const number = Buffer.alloc(8);
    const near = BigInt.asUintN(64, BigInt(bytes.length - (value % 40)));
    number.writeBigUInt64LE(value % 3 === 0 ? near : extremes[value % extremes.length]!);
    number.copy(spoilt, at, 0, [4, 8, 2, 8][value % 4]);
  }
  return spoilt;
}

const strange = [
  null,
  true,
  -1,
  0,
  1.5,
  1e308,
  1e9,
  4096,
  2 ** 31,
  2 ** 53,
  '',
  'x',
  '__proto__',
  '\u0000',
  '\ud800',
  'é'.repeat(5000),
  [],
  {},
  [[[]]],
  { a: 1 },
];

/** What only the text of a file can hold, by the value that stands for it. */
const texts: Record<string, string> = {
  '@deep list@': `${'['.repeat(20_000)}${']'.repeat(20_000)}`,
  '@deep object@': `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`,
  '@infinite@': '1e999',
  '@digits@': '9'.repeat(400),
  '@minus nothing@': '-0',
  '@half@': '0.5e-320',
};
const again = '@again@';

export interface JsonEdit {
  kind: 'replace' | 'remove' | 'wrap' | 'repeat';
  place: number;
  value: number;
}

/** A few edits of a JSON object: parts replaced by strange ones, left out, wrapped in a list, or (in its text) given twice. */
export const jsonEdits: fc.Arbitrary<JsonEdit[]> = fc.array(
  fc.record({
    kind: fc.constantFrom('replace', 'replace', 'replace', 'remove', 'wrap', 'repeat'),
    place: fc.nat(),
    value: fc.nat(),
  }),
  { minLength: 1, maxLength: 3 },
);

/** The text of the object after the edits; it may have keys twice, numbers out of range and values a thousand deep. */
export function spoilJsonText(original: object, edits: readonly JsonEdit[]): string {
  const text = JSON.stringify(spoilJson(original, edits, [...strange, ...Object.keys(texts)], again));
  return Object.entries(texts)
    .reduce((whole, [stand, written]) => whole.replaceAll(JSON.stringify(stand), written), text)
    .replaceAll(again, '');
}

export function spoilJson<T extends object>(
  original: T,
  edits: readonly JsonEdit[],
  values: readonly unknown[] = strange,
  twice = '_',
): T {
  const root = structuredClone(original);
  for (const { place, kind, value } of edits) {
    const places = placesOf(root);
    if (places.length === 0) break;
    const [holder, key] = places[place % places.length]!;
    const odd = structuredClone(values[value % values.length]);
    if (kind === 'remove') delete holder[key];
    else if (kind === 'repeat' && !Array.isArray(holder)) holder[key + twice] = odd;
    else holder[key] = kind === 'wrap' ? [holder[key]] : odd;
  }
  return root;
}

type Holder = Record<string, unknown>;

function placesOf(holder: object): [Holder, string][] {
  return Object.keys(holder).flatMap((key): [Holder, string][] => {
    const value = (holder as Holder)[key];
    const inside = typeof value === 'object' && value !== null ? placesOf(value) : [];
    return [[holder as Holder, key], ...inside];
  });
}

/** A refusal that a reader may see: a whole sentence about their input, no slip of the program and no stack. */
export function expectSentence(error: unknown): void {
  expect(error).toBeInstanceOf(Error);
  const { message, name } = error as Error;
  const slip = error instanceof TypeError || error instanceof ReferenceError || error instanceof SyntaxError;
  if (slip) throw new Error(`A slip of the program instead of a sentence: ${name}: ${message}`, { cause: error });
  expectSentenceText(message);
}

export function expectSentenceText(text: string): void {
  expect(text).toMatch(/^\S.*[.?!)]\s*$/s);
  expect(text).not.toMatch(
    /\n\s+at |^Cannot |^\S+ is not (a function|iterable)|^Maximum call stack|^(Invalid|Array buffer).*(length|size|allocation)/,
  );
  expect(text.length).toBeLessThan(2_000);
}

/** What `body` gives, or undefined when it refuses with a sentence; in bounded time and memory for an input of so many bytes. */
export async function answerOrSentence<T>(bytes: number, body: () => T | Promise<T>): Promise<T | undefined> {
  const before = memory();
  const began = performance.now();
  try {
    return await body();
  } catch (error) {
    expectSentence(error);
    return undefined;
  } finally {
    // Several times what the slowest takes alone, for other tests run beside. What is quadratic takes minutes.
    expect(performance.now() - began, 'milliseconds').toBeLessThan(25_000);
    const bound = 64 * 2 ** 20 + 40 * bytes;
    if (memory() - before > bound) collectGarbage();
    expect(memory() - before, 'bytes kept').toBeLessThan(bound);
  }
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
}

function memory(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
