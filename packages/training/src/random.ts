/**
 * Random numbers by counting: the number at a place depends on a key and the place alone, so nothing has to be carried from one step
 * to the next, and training that goes on from a checkpoint draws what it would have drawn. Only 32-bit integers are added, multiplied,
 * shifted and xored: every machine draws the same, and a graph can do it too.
 */

/** 64 bits that name one sequence of 2^32 random numbers. */
export type RandomKey = readonly [first: number, second: number];

/**
 * A permutation of the 32-bit integers in which each bit of the input turns each of the output's half the time (bias 0.11 %): Chris
 * Wellons' search for such hashes, github.com/skeeto/hash-prospector, "16 21f0aaad 15 735a2d97 15".
 */
function mix(word: number): number {
  let z = Math.imul(word ^ (word >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return z ^ (z >>> 15);
}

/**
 * The key of a seed and what it is for: `randomKey(seed, 'dropout', step, 'blocks.3.mlp')`. Other seeds, labels or orders of labels
 * make unrelated keys. Throws a RangeError for a number that is no whole number.
 */
export function randomKey(seed: number, ...labels: readonly (number | string)[]): RandomKey {
  let [first, second] = [0x243f6a88, 0x85a308d3];
  const absorb = (word: number) => {
    first = mix(first ^ word);
    second = mix((second + first) | 0);
  };
  for (const label of [seed, ...labels]) {
    if (typeof label === 'number') {
      if (!Number.isSafeInteger(label))
        throw new RangeError(`A seed, step or place must be a whole number of at most 53 bits; got ${label}.`);
      absorb(1);
      absorb(label | 0);
      absorb(Math.floor(label / 2 ** 32) | 0);
    } else {
      const bytes = new TextEncoder().encode(label);
      absorb(2);
      absorb(bytes.length);
      for (let at = 0; at < bytes.length; at += 4)
        absorb(bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24));
    }
  }
  return [first, second];
}

/**
 * 32 random bits, an integer in `[0, 2^32)`, at a place below 2^32 of a key's sequence: two rounds of xor with the key and
 * {@link mix} (an iterated Even-Mansour cipher). No two places of a key have the same bits.
 */
export function randomBits([first, second]: RandomKey, place: number): number {
  return mix(mix(place ^ first) ^ second) >>> 0;
}

/** A number in `[0, 1)` with 53 random bits, those of places `2 * place` and `2 * place + 1`; `place` is below 2^31. */
export function uniformAt(key: RandomKey, place: number): number {
  const high = randomBits(key, 2 * place) >>> 5;
  const low = randomBits(key, 2 * place + 1) >>> 6;
  return (high * 0x4000000 + low) / 0x20000000000000;
}

/** A random order of `0 .. count - 1` (Fisher and Yates), each as likely as the others; `count` is at most 2^31. */
export function permutation(key: RandomKey, count: number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  for (let last = count - 1; last > 0; last--) {
    const chosen = Math.floor(uniformAt(key, last) * (last + 1));
    const held = order[last]!;
    order[last] = order[chosen]!;
    order[chosen] = held;
  }
  return order;
}
