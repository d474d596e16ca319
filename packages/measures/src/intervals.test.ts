import { describe, expect, it } from 'vitest';
import {
  bootstrapInterval,
  mean,
  medianInterval,
  normalQuantile,
  pairedBootstrap,
  seededRandom,
  wilson,
} from './index.ts';

describe('seededRandom', () => {
  it('repeats, differs by seed, and is even', () => {
    const draw = (seed: number, n: number) => Array.from({ length: n }, seededRandom(seed));
    expect(draw(1, 5)).toEqual(draw(1, 5));
    expect(draw(1, 5)).not.toEqual(draw(2, 5));
    const values = draw(3, 20_000);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values)).toBeLessThan(1);
    expect(mean(values)).toBeCloseTo(0.5, 2);
    for (let bin = 0; bin < 10; bin++) {
      const count = values.filter((value) => Math.floor(value * 10) === bin).length;
      expect(Math.abs(count - 2000)).toBeLessThan(200);
    }
    expect(() => seededRandom(0.5)).toThrow('A seed must be an integer');
  });
});

describe('wilson', () => {
  it('agrees with published values', () => {
    const eight = wilson(8, 10);
    expect(eight.value).toBe(0.8);
    expect(eight.low).toBeCloseTo(0.4902, 4);
    expect(eight.high).toBeCloseTo(0.9433, 4);
    // Newcombe (1998), table I, method 3: 81 of 263, 15 of 148, 0 of 20.
    expect(wilson(81, 263).low).toBeCloseTo(0.2553, 4);
    expect(wilson(81, 263).high).toBeCloseTo(0.3662, 4);
    expect(wilson(15, 148).low).toBeCloseTo(0.0624, 4);
    expect(wilson(15, 148).high).toBeCloseTo(0.1605, 4);
    expect(wilson(0, 20).low).toBe(0);
    expect(wilson(0, 20).high).toBeCloseTo(0.1611, 4);
    expect(() => wilson(3, 2)).toThrow('got 3 of 2');
  });

  it('stands on the normal quantile of tables', () => {
    expect(normalQuantile(0.975)).toBeCloseTo(1.959963984540054, 12);
    expect(normalQuantile(0.995)).toBeCloseTo(2.5758293035489, 12);
    expect(normalQuantile(0.5)).toBe(0);
    expect(normalQuantile(0.05)).toBeCloseTo(-1.6448536269514722, 12);
  });
});

describe('medianInterval', () => {
  const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

  it('takes the order statistics of the binomial table', () => {
    // Tables of the sign test: n = 10 gives places 2 and 9 (97.9 %), n = 20 gives 6 and 15 (95.9 %).
    expect(medianInterval(upTo(10))).toEqual({ value: 5.5, low: 2, high: 9, coverage: expect.closeTo(0.978515625, 9) });
    const twenty = medianInterval(upTo(20));
    expect([twenty.low, twenty.high]).toEqual([6, 15]);
    expect(twenty.coverage).toBeCloseTo(0.9586, 4);
    expect(medianInterval(upTo(6))).toMatchObject({ low: 1, high: 6, coverage: 0.96875 });
  });

  it('says what few values are worth', () => {
    expect(medianInterval(upTo(5))).toMatchObject({ value: 3, low: 1, high: 5, coverage: 0.9375 });
    expect(medianInterval([7])).toEqual({ value: 7, low: 7, high: 7, coverage: 0 });
  });

  it('narrows as the square root for many', () => {
    const { low, high, coverage } = medianInterval(upTo(5000));
    // Normal approximation: 2500 -+ 1.96 * sqrt(5000) / 2.
    expect(Math.abs(low - 2431)).toBeLessThan(2);
    expect(Math.abs(high - 2570)).toBeLessThan(2);
    expect(coverage).toBeGreaterThanOrEqual(0.95);
  });
});

describe('bootstrap', () => {
  it('of a mean is near the normal interval, and repeats with its seed', () => {
    const random = seededRandom(11);
    const values = Array.from({ length: 400 }, random);
    const interval = bootstrapInterval(values, mean, { seed: 1 });
    // Standard error of a uniform mean: sqrt(1 / 12 / 400).
    const half = 1.96 * Math.sqrt(1 / 12 / 400);
    expect(interval.value).toBe(mean(values));
    expect(interval.low).toBeCloseTo(interval.value - half, 2);
    expect(interval.high).toBeCloseTo(interval.value + half, 2);
    expect(bootstrapInterval(values, mean, { seed: 1 })).toEqual(interval);
    expect(bootstrapInterval(values, mean, { seed: 2 })).not.toEqual(interval);
  });

  it('covers the truth about as often as it says', () => {
    const random = seededRandom(5);
    let covered = 0;
    for (let trial = 0; trial < 200; trial++) {
      const values = Array.from({ length: 40 }, random);
      const { low, high } = bootstrapInterval(values, mean, { seed: trial, samples: 300, level: 0.9 });
      if (low <= 0.5 && 0.5 <= high) covered += 1;
    }
    // Binomial(200, 0.9) lies within 180 -+ 17 in all but 1 of 10,000; the percentile interval is a little short.
    expect(covered).toBeGreaterThan(160);
    expect(covered).toBeLessThan(198);
  });

  it('of pairs finds a small steady difference that unpaired spread would hide', () => {
    const random = seededRandom(6);
    const b = Array.from({ length: 50 }, () => random() * 10);
    const a = b.map((value) => value + 0.1 + 0.01 * random());
    const paired = pairedBootstrap(a, b, { seed: 1, samples: 500 });
    expect(paired.low).toBeGreaterThan(0.1);
    expect(paired.high).toBeLessThan(0.11);
    expect(paired.notBetter).toBe(0);
    expect(pairedBootstrap(b, a, { seed: 1, samples: 500 }).notBetter).toBe(1);
    expect(pairedBootstrap(b, b, { seed: 1, samples: 50 })).toEqual({ value: 0, low: 0, high: 0, notBetter: 1 });
  });

  it('says what it cannot take', () => {
    expect(() => bootstrapInterval([], mean, { seed: 1 })).toThrow('at least one value');
    expect(() => bootstrapInterval([1], () => NaN, { seed: 1, samples: 3 })).toThrow('finite numbers');
    expect(() => bootstrapInterval([1], mean, { seed: 1, level: 95 })).toThrow('such as 0.95; got 95');
  });
});
