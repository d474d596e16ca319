/**
 * Texts that teach recall: what was said before is asked for again. Each is so many tokens long, with the weight of every token in the loss;
 * `random` gives numbers in [0, 1).
 */

/** What texts are made of: tokens of prose, and how words become tokens. No token is longer than its bytes are many. */
export interface Material {
  prose: Tokens;
  encode(text: string): ArrayLike<number>;
}

export type Tokens = Uint8Array | Int32Array;

/** Tokens, and how much predicting each of them counts. */
export interface WeightedText {
  ids: Int32Array;
  weights: Float32Array;
}

type Random = () => number;

/** How much the digits count that are asked for. */
export const answerWeight = 10;

/** Names of what a passkey is called. */
export const passkeyNames = ['pass key', 'secret number', 'access code', 'magic number'] as const;

const between = (random: Random, least: number, most: number) => least + Math.floor(random() * (most - least + 1));
const letters = (random: Random, count: number, from: string) =>
  Array.from({ length: count }, () => from[Math.floor(random() * from.length)]!).join('');
/** Five digits. */
export const randomKey = (random: Random): string => letters(random, 5, '0123456789');

/** Material whose tokens are bytes. */
export const bytesOf = (prose: Uint8Array): Material => ({ prose, encode: (text) => new TextEncoder().encode(text) });

/** A stretch of the prose, at a place in [0, 1). */
function stretchAt(place: number, { prose }: Material, length: number): Tokens {
  if (prose.length < length)
    throw new Error(`The text has ${prose.length} tokens; a stretch of ${length} was asked for.`);
  const start = Math.floor(place * (prose.length - length + 1));
  return prose.subarray(start, start + length);
}

/** A stretch of the prose, anywhere. */
export const proseOf = (random: Random, material: Material, length: number): Tokens =>
  stretchAt(random(), material, length);

class Writer {
  readonly ids: Int32Array;
  readonly weights: Float32Array;
  at = 0;

  constructor(length: number) {
    this.ids = new Int32Array(length);
    this.weights = new Float32Array(length);
  }

  get left(): number {
    return this.ids.length - this.at;
  }

  /** Adds tokens of one weight; what does not fit is cut off. */
  add(part: ArrayLike<number>, weight: number): this {
    const count = Math.min(part.length, this.left);
    for (let i = 0; i < count; i++) this.ids[this.at + i] = part[i]!;
    this.weights.fill(weight, this.at, this.at + count);
    this.at += count;
    return this;
  }
}

/** Prose alone, every token of weight 1. */
export const proseText = (random: Random, material: Material, length: number): WeightedText =>
  new Writer(length).add(proseOf(random, material, length), 1);

/**
 * A segment of 8 to a third of the tokens, random characters or prose, copied again and again with gaps of up to 12 tokens of prose: the
 * first copy counts for nothing, gaps for 0.1, copies for 1.
 */
export function repeatsText(random: Random, material: Material, length: number): WeightedText {
  const writer = new Writer(length);
  const size = between(random, 8, Math.max(8, Math.floor(length / 3)));
  const printable = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join('');
  const segment = random() < 0.5 ? material.encode(letters(random, size, printable)) : proseOf(random, material, size);
  writer.add(segment, 0);
  while (writer.left > 0) writer.add(proseOf(random, material, between(random, 0, 12)), 0.1).add(segment, 1);
  return writer;
}

/**
 * Names with numbers, ` abcd is 12345. `, among gaps of prose, then some of them again: the digits that are asked for count for 10, all else
 * for 0.1. There are from 2 names to one every 64 tokens.
 */
export function keyValueText(random: Random, material: Material, length: number): WeightedText {
  const longest = ' abcd is 12345. '.length;
  if (length < 3 * longest) throw new Error(`Names with numbers need at least ${3 * longest} tokens; got ${length}.`);
  const writer = new Writer(length);
  const fitting = Math.floor(length / longest);
  const count = Math.min(between(random, 2, Math.max(2, Math.floor(length / 64))), fitting - 1);
  const asked = between(random, 1, Math.min(count, fitting - count));
  const pairs = Array.from({ length: count }, () => {
    const name = letters(random, 4, 'abcdefghijklmnopqrstuvwxyz');
    const parts = [` ${name} is `, randomKey(random), '. '].map((part) => material.encode(part)) as [Said, Said, Said];
    return { parts, size: parts.reduce((sum, { length }) => sum + length, 0) };
  });
  // Which are asked for is drawn as the text is made; until then there is room for the largest.
  const largest = Math.max(...pairs.map(({ size }) => size));
  let room = length - pairs.reduce((sum, { size }) => sum + size, 0) - asked * largest;
  const gap = () => {
    const size = between(random, 0, Math.min(room, Math.ceil((2 * room) / (count + asked))));
    room -= size;
    return proseOf(random, material, size);
  };
  for (const { parts } of pairs) {
    writer.add(gap(), 0.1);
    for (const part of parts) writer.add(part, 0.1);
  }
  for (let i = 1; i <= asked; i++) {
    if (i < asked) writer.add(gap(), 0.1);
    // The rest of the room stands before the last, so that the text ends with an answer.
    const place = i === asked ? random() : 0;
    const { parts, size } = pairs[Math.floor(random() * count)]!;
    room += largest - size;
    if (i === asked) writer.add(stretchAt(place, material, room), 0.1);
    const [name, key, end] = parts;
    writer.add(name, 0.1).add(key, answerWeight).add(end, 0.1);
  }
  return writer;
}

type Said = ArrayLike<number>;

/** The end of a text with a passkey: the question, and its answer's beginning. */
export const passkeyQuestion = (name: string): string => ` What is the ${name}? The ${name} is `;

/**
 * A number somewhere in prose, ` The pass key is 12345. Remember it. `, that is asked for at the end: its digits count for 10, all else for 1.
 * `depth` in [0, 1] says where; by default anywhere.
 */
export function passkeyText(random: Random, material: Material, length: number, depth = random()): WeightedText {
  const name = passkeyNames[Math.floor(random() * passkeyNames.length)]!;
  const key = randomKey(random);
  const [told, question, answer, end] = [` The ${name} is ${key}. Remember it. `, passkeyQuestion(name), key, '.'].map(
    (part) => material.encode(part),
  ) as [Said, Said, Said, Said];
  const room = length - told.length - question.length - answer.length - end.length;
  if (room < 0) throw new Error(`A text with a passkey needs at least ${length - room} tokens; got ${length}.`);
  const prose = proseOf(random, material, room);
  const place = Math.round(depth * room);
  return new Writer(length)
    .add(prose.subarray(0, place), 1)
    .add(told, 1)
    .add(prose.subarray(place), 1)
    .add(question, 1)
    .add(answer, answerWeight)
    .add(end, 1);
}

/** Whether all digits that count are the likeliest, given those before: what greedy decoding says then. */
export const answersRight = ({ ids, weights }: WeightedText, next: ArrayLike<bigint>): boolean =>
  weights.every((weight, i) => weight !== answerWeight || Number(next[i - 1]) === ids[i]);
