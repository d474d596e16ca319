import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandom } from './random.ts';

const draws = (seed: number, label = '', count = 20_000): number[] => {
  const random = createRandom(seed, label);
  return Array.from({ length: count }, () => random.next());
};
const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('random numbers', () => {
  it('agree for one seed and differ for others', () => {
    fc.assert(
      fc.property(fc.nat(), fc.string(), (seed, label) => {
        expect(draws(seed, label, 8)).toEqual(draws(seed, label, 8));
        expect(draws(seed + 1, label, 8)).not.toEqual(draws(seed, label, 8));
      }),
    );
  });

  it('are uniform: mean 1/2, variance 1/12, every tenth as full as the others', () => {
    const values = draws(1);
    expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
    // Four standard errors.
    expect(Math.abs(mean(values) - 0.5)).toBeLessThan(4 * Math.sqrt(1 / 12 / values.length));
    const counts = Array(10).fill(0);
    for (const value of values) counts[Math.floor(value * 10)] += 1;
    const expected = values.length / 10;
    const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // The 99.9 % point of chi-square with nine degrees of freedom.
    expect(chiSquare).toBeLessThan(27.9);
  });

  it('are normal: mean 0, variance 1, 68 % within one', () => {
    const random = createRandom(2);
    const values = Array.from({ length: 20_000 }, () => random.normal());
    expect(Math.abs(mean(values))).toBeLessThan(4 / Math.sqrt(values.length));
    expect(mean(values.map((value) => value ** 2))).toBeCloseTo(1, 1);
    expect(values.filter((value) => Math.abs(value) < 1).length / values.length).toBeCloseTo(0.6827, 1);
  });

  it('fork by label: the same whatever was drawn before, and unlike each other', () => {
    const random = createRandom(3);
    const before = random.fork('a').next();
    random.next();
    expect(random.fork('a').next()).toBe(before);
    expect(random.fork('b').next()).not.toBe(before);
    expect(random.fork('a').fork('b').next()).not.toBe(random.fork('b').fork('a').next());
    const others = draws(3, '/b', 5_000);
    const pairs = draws(3, '/a', 5_000).map((value, index) => (value - 0.5) * ((others[index] ?? 0) - 0.5));
    expect(Math.abs(mean(pairs))).toBeLessThan(0.01);
  }, 60_000);

  it('shuffle keeps every item, and integers stay below', () => {
    fc.assert(
      fc.property(fc.nat(), fc.array(fc.integer()), fc.integer({ min: 1, max: 1000 }), (seed, items, below) => {
        const random = createRandom(seed);
        expect(random.shuffle(items).sort()).toEqual([...items].sort());
        expect(random.integer(below)).toBeLessThan(below);
      }),
    );
    expect(() => createRandom(1).integer(0)).toThrow('got 0');
  });
});
