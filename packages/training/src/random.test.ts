import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { permutation, type RandomKey, randomBits, randomKey, uniformAt } from './random.ts';

interface Case {
  labels: [number, ...(number | string)[]];
  key: number[];
  bits: number[];
  uniform: number[];
  permutation: number[];
}
const stored = readFileSync(new URL('./fixtures/random.json', import.meta.url), 'utf8');
const { places, cases } = JSON.parse(stored) as { places: number[]; cases: Case[] };

const bitsOf = (word: number) => word.toString(2).replaceAll('0', '').length;
/** Pearson's statistic of counts against equal ones. */
const chiSquare = (counts: readonly number[]) => {
  const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  return counts.reduce((sum, count) => sum + (count - mean) ** 2 / mean, 0);
};

describe('random numbers by counting', () => {
  it.each(cases)('are those of the script: $labels', ({ labels, key, ...drawn }) => {
    const ours = randomKey(...labels);
    expect(ours.map((word) => word >>> 0)).toEqual(key);
    expect(places.map((place) => randomBits(ours, place))).toEqual(drawn.bits);
    expect(drawn.uniform.map((_, index) => uniformAt(ours, places[index]!))).toEqual(drawn.uniform);
    expect([...permutation(ours, 12)]).toEqual(drawn.permutation);
  });

  it('turn half of their bits when any bit of place, seed or step is turned', () => {
    const draws: Record<string, (word: number, other: number) => number> = {
      place: (word, other) => randomBits(randomKey(other), word),
      seed: (word, other) => randomBits(randomKey(word, 'dropout', other), 5),
      step: (word, other) => randomBits(randomKey(other, 'dropout', word), 5),
    };
    for (const draw of Object.values(draws))
      for (let bit = 0; bit < 32; bit++) {
        const turned = new Array<number>(32).fill(0);
        const times = 1_000;
        for (let other = 0; other < times; other++) {
          const word = Math.imul(other, 0x9e3779b1) >>> 0;
          const difference = draw(word, other) ^ draw((word ^ (1 << bit)) >>> 0, other);
          for (let out = 0; out < 32; out++) turned[out]! += (difference >>> out) & 1;
        }
        // Half of a thousand with a deviation of 16: all of 3,072 shares within six deviations.
        for (const count of turned) expect(Math.abs(count - times / 2)).toBeLessThan(95);
      }
  });

  it('are spread evenly, and keys of neighbouring steps have nothing to do with each other', () => {
    const cells = 64;
    const pairs = new Array<number>(cells * cells).fill(0);
    const draws = 400_000;
    const [one, other]: RandomKey[] = [randomKey(3, 'dropout', 10), randomKey(3, 'dropout', 11)];
    for (let place = 0; place < draws; place++)
      pairs[Math.floor(uniformAt(one!, place) * cells) * cells + Math.floor(uniformAt(other!, place) * cells)]!++;
    // 4,095 degrees of freedom: 4,095 within five deviations of 90.
    expect(Math.abs(chiSquare(pairs) - 4_095)).toBeLessThan(450);
    let same = 0;
    for (let place = 0; place < draws; place++)
      same += bitsOf(~(randomBits(one!, place) ^ randomBits(one!, place + 1)) >>> 0);
    // 12.8 million fair coins: within five deviations of 1,789.
    expect(Math.abs(same - 16 * draws)).toBeLessThan(5 * 1_789);
  });

  it('refuse what is no whole number', () => {
    expect(() => randomKey(1.5)).toThrow(/whole number.*1\.5/);
    expect(() => randomKey(1, 'x', Number.NaN)).toThrow(/whole number/);
  });
});

describe('permutation', () => {
  it('has every number once', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.nat({ max: 300 }), (seed, count) => {
        const order = permutation(randomKey(seed), count);
        expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
      }),
    );
  });

  it('gives each of the 24 orders of four as often', () => {
    const counts = new Map<string, number>();
    for (let seed = 0; seed < 24_000; seed++) {
      const order = permutation(randomKey(seed, 'shuffle', 0), 4).join();
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    // 23 degrees of freedom; one in ten million passes 76.
    expect(chiSquare([...counts.values()])).toBeLessThan(76);
  });
});
