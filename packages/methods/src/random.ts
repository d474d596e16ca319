/**
 * The random numbers of a run: sfc32 (Chris Doty-Humphrey's small fast counter, PractRand), seeded from the run's seed and a label
 * by splitmix32. Same seed, same numbers, on every machine.
 */
import type { Random } from './contract.ts';

/** @param seed a whole number; its low 53 bits count */
export function createRandom(seed: number, label = ''): Random {
  const next32 = sfc32(seedWords(seed, label));
  /** 53 bits, as many as a double's fraction holds. */
  const next = (): number => ((next32() >>> 5) * 0x4000000 + (next32() >>> 6)) / 0x20000000000000;
  let spare: number | undefined;
  return {
    next,
    normal: () => {
      if (spare !== undefined) {
        const value = spare;
        spare = undefined;
        return value;
      }
      // Box and Muller: two uniforms make two independent normals. 1 - u is never 0.
      const radius = Math.sqrt(-2 * Math.log(1 - next()));
      const angle = 2 * Math.PI * next();
      spare = radius * Math.sin(angle);
      return radius * Math.cos(angle);
    },
    integer: (below) => {
      if (!(Number.isInteger(below) && below >= 1 && below <= 2 ** 53 - 1)) {
        throw new RangeError(`A random integer needs a whole number of at least 1 to stay below; got ${below}.`);
      }
      return Math.floor(next() * below);
    },
    shuffle: (items) => {
      const shuffled = [...items];
      for (let last = shuffled.length - 1; last > 0; last--) {
        const chosen = Math.floor(next() * (last + 1));
        const held = shuffled[last] as (typeof shuffled)[number];
        shuffled[last] = shuffled[chosen] as (typeof shuffled)[number];
        shuffled[chosen] = held;
      }
      return shuffled;
    },
    // Named by its label alone: what was drawn before does not change it.
    fork: (forked) => createRandom(seed, `${label}/${forked}`),
  };
}

type Words = [number, number, number, number];

function sfc32(words: Words): () => number {
  let [a, b, c, counter] = words;
  const step = (): number => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return sum >>> 0;
  };
  for (let warm = 0; warm < 12; warm++) step();
  return step;
}

/** Seed and label to three well-mixed words and the counter's start. */
function seedWords(seed: number, label: string): Words {
  let hash = 0x811c9dc5;
  const mix = (value: number): void => {
    hash = Math.imul(hash ^ value, 0x01000193);
    hash ^= hash >>> 15;
  };
  mix(seed >>> 0);
  mix(Math.floor(seed / 2 ** 32) >>> 0);
  for (const byte of new TextEncoder().encode(label)) mix(byte);
  const splitmix = (): number => {
    hash = (hash + 0x9e3779b9) | 0;
    let z = hash ^ (hash >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z ^= z >>> 15;
    z = Math.imul(z, 0x735a2d97);
    return (z ^ (z >>> 15)) | 0;
  };
  return [splitmix(), splitmix(), splitmix(), 1];
}
