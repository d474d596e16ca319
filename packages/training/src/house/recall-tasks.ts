/**
 * Texts of bytes that teach recall: what was said before is asked for again. Each is so many bytes long, with the weight of every byte
 * in the loss; `random` gives numbers in [0, 1).
 */

/** Bytes, and how much predicting each of them counts. */
export interface WeightedText {
  bytes: Uint8Array;
  weights: Float32Array;
}

type Random = () => number;

/** Names of what a passkey is called. */
export const passkeyNames = ['pass key', 'secret number', 'access code', 'magic number'] as const;

const encoder = new TextEncoder();
const between = (random: Random, least: number, most: number) => least + Math.floor(random() * (most - least + 1));
const letters = (random: Random, count: number, from: string) =>
  Array.from({ length: count }, () => from[Math.floor(random() * from.length)]!).join('');
/** Five digits. */
export const randomKey = (random: Random): string => letters(random, 5, '0123456789');

/** A stretch of a text. */
export function proseOf(random: Random, book: Uint8Array, length: number): Uint8Array {
  if (book.length < length) throw new Error(`The text has ${book.length} bytes; a stretch of ${length} was asked for.`);
  const start = Math.floor(random() * (book.length - length + 1));
  return book.subarray(start, start + length);
}

class Writer {
  readonly bytes: Uint8Array;
  readonly weights: Float32Array;
  at = 0;

  constructor(length: number) {
    this.bytes = new Uint8Array(length);
    this.weights = new Float32Array(length);
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  /** Adds bytes of one weight; what does not fit is cut off. */
  add(part: Uint8Array | string, weight: number): this {
    const bytes = (typeof part === 'string' ? encoder.encode(part) : part).subarray(0, this.left);
    this.bytes.set(bytes, this.at);
    this.weights.fill(weight, this.at, this.at + bytes.length);
    this.at += bytes.length;
    return this;
  }
}

/** Prose alone, every byte of weight 1. */
export function proseText(random: Random, book: Uint8Array, length: number): WeightedText {
  return { bytes: proseOf(random, book, length), weights: new Float32Array(length).fill(1) };
}

/**
 * A segment of 8 to a third of the bytes, random characters or prose, copied again and again with gaps of up to 12 bytes of prose: the first
 * copy counts for nothing, gaps for 0.1, copies for 1.
 */
export function repeatsText(random: Random, book: Uint8Array, length: number): WeightedText {
  const writer = new Writer(length);
  const size = between(random, 8, Math.max(8, Math.floor(length / 3)));
  const printable = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join('');
  const segment = random() < 0.5 ? encoder.encode(letters(random, size, printable)) : proseOf(random, book, size);
  writer.add(segment, 0);
  while (writer.left > 0) writer.add(proseOf(random, book, between(random, 0, 12)), 0.1).add(segment, 1);
  return writer;
}

/**
 * Names with numbers, ` abcd is 12345. `, among gaps of prose, then some of them again: the digits that are asked for count for 10, all else for
 * 0.1. From 2 to a 64th of the bytes of them.
 */
export function keyValueText(random: Random, book: Uint8Array, length: number): WeightedText {
  const one = encoder.encode(' abcd is 12345. ').length;
  if (length < 3 * one) throw new Error(`Names with numbers need at least ${3 * one} bytes; got ${length}.`);
  const writer = new Writer(length);
  const fitting = Math.floor(length / one);
  const count = Math.min(between(random, 2, Math.max(2, Math.floor(length / 64))), fitting - 1);
  const asked = between(random, 1, Math.min(count, fitting - count));
  const pairs = Array.from({ length: count }, () => ({
    name: letters(random, 4, 'abcdefghijklmnopqrstuvwxyz'),
    key: randomKey(random),
  }));
  let room = length - one * (count + asked);
  const gap = () => {
    const size = between(random, 0, Math.min(room, Math.ceil((2 * room) / (count + asked))));
    room -= size;
    return proseOf(random, book, size);
  };
  for (const { name, key } of pairs) writer.add(gap(), 0.1).add(` ${name} is ${key}. `, 0.1);
  for (let i = 0; i < asked; i++) {
    // The rest of the room stands before the last, so that the text ends with an answer.
    writer.add(i === asked - 1 ? proseOf(random, book, room) : gap(), 0.1);
    const { name, key } = pairs[Math.floor(random() * count)]!;
    writer.add(` ${name} is `, 0.1).add(key, 10).add('. ', 0.1);
  }
  return writer;
}

/** The end of a text with a passkey: the question, and its answer's beginning. */
export const passkeyQuestion = (name: string): string => ` What is the ${name}? The ${name} is `;

/**
 * A number somewhere in prose, ` The pass key is 12345. Remember it. `, that is asked for at the end: its digits count for 10, all else for 1. `depth`
 * in [0, 1] says where; by default anywhere.
 */
export function passkeyText(random: Random, book: Uint8Array, length: number, depth = random()): WeightedText {
  const name = passkeyNames[Math.floor(random() * passkeyNames.length)]!;
  const key = randomKey(random);
  const told = ` The ${name} is ${key}. Remember it. `;
  const question = passkeyQuestion(name);
  const room = length - encoder.encode(`${told}${question}${key}.`).length;
  if (room < 0) throw new Error(`A text with a passkey needs at least ${length - room} bytes; got ${length}.`);
  const prose = proseOf(random, book, room);
  const place = Math.round(depth * room);
  return new Writer(length)
    .add(prose.subarray(0, place), 1)
    .add(told, 1)
    .add(prose.subarray(place), 1)
    .add(question, 1)
    .add(key, 10)
    .add('.', 1);
}
