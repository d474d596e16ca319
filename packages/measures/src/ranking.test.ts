import { describe, expect, it } from 'vitest';
import { mrr, ndcg, recallAtK, reciprocalRank } from './index.ts';

describe('ndcg', () => {
  // Relevances of the results in order 3 2 3 0 1 2; one relevant item (2) was not found... the ideal is 3 3 2 2 2 1.
  const relevance = new Map([
    ['a', 3],
    ['b', 2],
    ['c', 3],
    ['d', 0],
    ['e', 1],
    ['f', 2],
    ['missed', 2],
  ]);
  const ranked = ['a', 'b', 'c', 'd', 'e', 'f'];

  it('of a worked example', () => {
    const discounts = [1, Math.log2(3), 2, Math.log2(5), Math.log2(6), Math.log2(7)];
    const sum = (gains: number[]) => gains.reduce((total, gain, i) => total + gain / discounts[i]!, 0);
    expect(sum([3, 2, 3, 0, 1, 2])).toBeCloseTo(6.861, 3); // the known value of this example
    expect(ndcg(ranked, relevance, 6)).toBeCloseTo(6.861126688593502 / sum([3, 3, 2, 2, 2, 1]), 12);
    expect(ndcg(ranked, relevance, 2)).toBeCloseTo((3 + 2 / Math.log2(3)) / (3 + 3 / Math.log2(3)), 12);
    const exponential = (7 + 3 / Math.log2(3)) / (7 + 7 / Math.log2(3));
    expect(ndcg(ranked, relevance, 2, { gain: 'exponential' })).toBeCloseTo(exponential, 12);
  });

  it('with one relevant result depends on its rank alone', () => {
    const one = new Map([['x', 1]]);
    expect(ndcg(['x', 'y'], one, 10)).toBe(1);
    expect(ndcg(['y', 'x'], one, 10)).toBeCloseTo(1 / Math.log2(3), 12);
    expect(ndcg(['y', 'x'], one, 1)).toBe(0);
    expect(ndcg([], one, 10)).toBe(0);
    expect(ndcg(['y'], new Map(), 10)).toBeNaN();
  });

  it('counts an item once and refuses nonsense', () => {
    expect(ndcg(['x', 'x'], new Map([['x', 1]]), 2)).toBe(1);
    expect(() => ndcg(['x'], new Map([['x', -1]]), 2)).toThrow("that of 'x' is -1");
    expect(() => ndcg(['x'], new Map(), 0)).toThrow('k must be a positive integer; got 0');
  });
});

describe('recall and reciprocal rank', () => {
  it('of worked examples', () => {
    const relevant = new Set(['b', 'd', 'z']);
    expect(recallAtK(['a', 'b', 'c', 'd'], relevant, 2)).toBeCloseTo(1 / 3, 12);
    expect(recallAtK(['a', 'b', 'c', 'd'], relevant, 10)).toBeCloseTo(2 / 3, 12);
    expect(recallAtK(['b', 'b', 'd'], relevant, 2)).toBeCloseTo(2 / 3, 12);
    expect(reciprocalRank(['a', 'b'], relevant)).toBe(0.5);
    expect(reciprocalRank(['a'], relevant)).toBe(0);
    const queries = [
      { ranked: ['b'], relevant },
      { ranked: ['a', 'c', 'x', 'd'], relevant },
      { ranked: ['a'], relevant },
    ];
    expect(mrr(queries)).toBeCloseTo((1 + 0.25 + 0) / 3, 12);
    expect(() => mrr([])).toThrow('at least one query');
  });
});
