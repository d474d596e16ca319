import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accuracy, auc, pearson, ranks, spearman } from './index.ts';

describe('correlations', () => {
  it('of a worked example', () => {
    // x - 3 = [-2, -1, 0, 1, 2], y - 4 = [-2, 0, 1, 0, 1]: sums of products 6, 10 and 6.
    expect(pearson([1, 2, 3, 4, 5], [2, 4, 5, 4, 5])).toBeCloseTo(6 / Math.sqrt(60), 12);
    // One exchange among five without ties: 1 - 6 * 2 / (5 * 24).
    expect(spearman([1, 2, 3, 4, 5], [10, 20, 40, 30, 99])).toBeCloseTo(0.9, 12);
    // Ranks 1 2.5 2.5 4 against 1 2 3 4: products of deviations 4.5, squares 4.5 and 5.
    expect(spearman([1, 5, 5, 9], [1, 2, 3, 4])).toBeCloseTo(4.5 / Math.sqrt(4.5 * 5), 12);
    expect(ranks([10, 30, 20, 30])).toEqual([1, 3.5, 2, 3.5]);
    expect(spearman([1, 1], [1, 2])).toBeNaN();
  });

  it('do not change with scale, and ranks not with any rising function', () => {
    const lists = fc.array(fc.tuple(fc.integer({ min: -50, max: 50 }), fc.integer({ min: -50, max: 50 })), {
      minLength: 3,
      maxLength: 20,
    });
    fc.assert(
      fc.property(lists, (pairs) => {
        const [a, b] = [pairs.map(([x]) => x), pairs.map(([, y]) => y)];
        fc.pre(new Set(a).size > 1 && new Set(b).size > 1);
        expect(
          pearson(
            a.map((x) => 3 * x + 7),
            b,
          ),
        ).toBeCloseTo(pearson(a, b), 9);
        expect(
          spearman(
            a.map((x) => x ** 3),
            b,
          ),
        ).toBeCloseTo(spearman(a, b), 9);
        expect(Math.abs(spearman(a, b))).toBeLessThanOrEqual(1 + 1e-12);
      }),
    );
  });
});

describe('classification', () => {
  it('counts what is right', () => {
    expect(accuracy(['a', 'b', 'a', 'c'], ['a', 'b', 'b', 'c'])).toBe(0.75);
    expect(() => accuracy([], [])).toThrow('at least one');
  });

  it('auc is the share of pairs in order', () => {
    expect(auc([0.1, 0.4, 0.35, 0.8], [false, false, true, true])).toBe(0.75);
    expect(auc([1, 1, 1], [true, false, true])).toBe(0.5);
    expect(auc([1, 2], [true, true])).toBeNaN();
    const items = fc.array(fc.tuple(fc.integer({ min: 0, max: 5 }), fc.boolean()), { minLength: 2, maxLength: 15 });
    fc.assert(
      fc.property(items, (pairs) => {
        const positives = pairs.filter(([, is]) => is);
        const negatives = pairs.filter(([, is]) => !is);
        fc.pre(positives.length > 0 && negatives.length > 0);
        let wins = 0;
        for (const [p] of positives) for (const [q] of negatives) wins += p > q ? 1 : p === q ? 0.5 : 0;
        const area = auc(
          pairs.map(([score]) => score),
          pairs.map(([, is]) => is),
        );
        expect(area).toBeCloseTo(wins / (positives.length * negatives.length), 12);
      }),
    );
  });
});
