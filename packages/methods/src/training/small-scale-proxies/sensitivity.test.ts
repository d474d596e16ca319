/** The statistic against its worked example, limits and invariants. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ratesOf } from './arms.ts';
import {
  bestRate,
  checkComparable,
  highSideSensitivity,
  learningRateSensitivity,
  type RatePoint,
  stableBand,
} from './sensitivity.ts';

const rates = [3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1];
const points = (losses: readonly (number | null)[]): RatePoint[] =>
  losses.map((loss, i) => ({ rate: rates[i]!, loss }));
const losses = fc.array(fc.double({ min: 0, max: 9, noNaN: true }), { minLength: 7, maxLength: 7 });

describe('learning-rate sensitivity', () => {
  test('of the worked example is 9.3 / 7', () => {
    const example = points([4.0, 3.5, 3.2, 3.1, 3.3, 6.9, Number.NaN]);
    expect(learningRateSensitivity(example, 7)).toBeCloseTo(9.3 / 7, 12);
    expect(learningRateSensitivity(points([4.0, 3.5, 3.2, 3.1, 3.3, 6.9, null]), 7)).toBeCloseTo(1.328571, 6);
    // By hand: 3.1, 3.3, 6.9 and 7 lie 0, 0.2, 3.8 and 3.9 above the best.
    expect(highSideSensitivity(example, 7)).toBeCloseTo(7.9 / 4, 12);
  });

  test('of our pilot is what the note says of it', () => {
    const base = points([2.44, 2.0, 1.75, 1.73, 2.1, 2.8, 3.11]);
    const qk = points([2.5, 2.08, 1.77, 1.67, 1.73, 1.87, 2.22]);
    expect(learningRateSensitivity(base, 5)).toBeCloseTo(0.546, 2);
    expect(highSideSensitivity(base, 5)).toBeCloseTo(0.706, 2);
    expect(learningRateSensitivity(qk, 5)).toBeCloseTo(0.311, 2);
    expect(highSideSensitivity(qk, 5)).toBeCloseTo(0.205, 2);
  });

  test('does not change when a constant is added to all, is 0 where all are equal, and never passes loss_0 - loss*', () => {
    fc.assert(
      fc.property(
        losses,
        fc.double({ min: 0, max: 9, noNaN: true }),
        fc.double({ min: -3, max: 3, noNaN: true }),
        (all, initial, by) => {
          const one = learningRateSensitivity(points(all), initial);
          const shifted = all.map((loss) => loss + by);
          expect(learningRateSensitivity(points(shifted), initial + by)).toBeCloseTo(one, 9);
          expect(one).toBeGreaterThanOrEqual(0);
          expect(one).toBeLessThanOrEqual(Math.max(0, initial - Math.min(...all, initial)) + 1e-12);
        },
      ),
    );
    expect(learningRateSensitivity(points([2, 2, 2, 2, 2, 2, 2]), 5)).toBe(0);
    expect(learningRateSensitivity(points([9, 9, 9, 9, 9, 9, null]), 5)).toBe(0);
    expect(() => learningRateSensitivity([], 5)).toThrow('got none');
  });
});

test('the stable band ends where the line between two rates passes the best loss + 0.2', () => {
  // 1e-3 to 1e-1 in decades; the loss rises by 0.4 a decade on both sides: half a decade each.
  const three = [
    { rate: 1e-3, loss: 2.4 },
    { rate: 1e-2, loss: 2 },
    { rate: 1e-1, loss: 2.4 },
  ];
  expect(stableBand(three, 5)).toBeCloseTo(1, 9);
  expect(stableBand(three, 5, 1)).toBeCloseTo(2, 9);
  expect(stableBand([three[0]!, three[1]!, { rate: 1e-1, loss: null }], 5)).toBeCloseTo(0.5 + 0.2 / 3, 9);
});

test('the best rate of a parabola is its vertex', () => {
  const parabola = rates.map((rate) => ({ rate, loss: 2 + 0.3 * (Math.log10(rate) + 1.8) ** 2 }));
  expect(bestRate(parabola, 9)).toBeCloseTo(-1.8, 9);
  expect(bestRate(points([1, 2, 3, 4, 5, 6, 7]), 9)).toBeCloseTo(Math.log10(3e-4), 12);
});

describe('learning rates', () => {
  test('from a range are spread by equal factors, from a list sorted', () => {
    const range = ratesOf('3e-4..3e-1/7');
    expect(range).toHaveLength(7);
    for (const [i, rate] of range.entries()) expect(rate).toBeCloseTo(3e-4 * 10 ** (i / 2), 6);
    expect(ratesOf('1e-1, 1e-3,1e-2')).toEqual([1e-3, 1e-2, 1e-1]);
  });

  test.each([
    ['1e-3,1e-1', 'at least 3 learning rates'],
    ['1e-3..1e-2/7', 'says little'],
    ['1e-3,2e-3,1e-2', 'says little'],
    ['1e-3..1/x', 'Learning rates must be above'],
    ['1e-6,1e-3,1e-1', 'must be above'],
    ['1e-3,,1e-1', 'one comma'],
    ['fast', 'must be above'],
  ])('%s is refused', (list, sentence) => {
    expect(() => ratesOf(list)).toThrow(sentence);
  });

  test('scans over other rates or steps are not compared', () => {
    const one = { rates: [1e-3, 1e-2, 1e-1], steps: 300 };
    expect(() => checkComparable(one, { ...one })).not.toThrow();
    expect(() => checkComparable(one, { ...one, steps: 400 })).toThrow('300 and of 400 steps cannot be compared');
    expect(() => checkComparable(one, { ...one, rates: [1e-3, 1e-2, 3e-1] })).toThrow('cannot be compared');
  });
});
