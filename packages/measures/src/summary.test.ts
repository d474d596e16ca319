import { describe, expect, it } from 'vitest';
import { cosine, distinctN, mean, median, perplexity, standardDeviation } from './index.ts';

describe('summaries', () => {
  it('are those of the textbook example 2, 4, 4, 4, 5, 5, 7, 9', () => {
    const values = [2, 4, 4, 4, 5, 5, 7, 9];
    expect(mean(values)).toBe(5);
    expect(median(values)).toBe(4.5);
    // Squared deviations sum to 32, over n - 1 = 7.
    expect(standardDeviation(values)).toBeCloseTo(Math.sqrt(32 / 7), 12);
    expect(mean(Float32Array.of(1, 2))).toBe(1.5);
  });

  it('measure angles', () => {
    expect(cosine([1, 0], [1, 1])).toBeCloseTo(Math.SQRT1_2, 12);
    expect(cosine([1, 2, 3], [-2, -4, -6])).toBe(-1);
    expect(cosine([1, 0], [0, 5])).toBe(0);
    expect(cosine([0, 0], [1, 1])).toBeNaN();
  });

  it('say what they cannot take', () => {
    expect(() => mean([])).toThrow('mean needs at least one value; got none.');
    expect(() => mean([1, NaN])).toThrow('value 1 of 2 is NaN');
    expect(() => standardDeviation([1])).toThrow('at least two values');
    expect(() => cosine([1], [1, 2])).toThrow('got 1 and 2');
  });
});

describe('perplexity', () => {
  it('of a uniform guess among v tokens is v', () => {
    expect(perplexity(new Array(7).fill(Math.log(50)))).toBeCloseTo(50, 10);
  });
  it('is the geometric mean of inverse probabilities', () => {
    // Probabilities 1/2 and 1/8: the root of 16.
    expect(perplexity([Math.log(2), Math.log(8)])).toBeCloseTo(4, 12);
    expect(perplexity(Float64Array.of(0))).toBe(1);
  });
  it('refuses impossible likelihoods', () => {
    expect(() => perplexity([1, Infinity])).toThrow('perplexity takes finite numbers');
  });
});

describe('distinctN', () => {
  it('counts n-grams within texts', () => {
    // Unigrams a b a | a c: 3 of 5 distinct; bigrams ab ba | ac: all 3 distinct.
    const texts = [
      ['a', 'b', 'a'],
      ['a', 'c'],
    ];
    expect(distinctN(texts, 1)).toBeCloseTo(3 / 5, 12);
    expect(distinctN(texts, 2)).toBe(1);
    expect(distinctN([[1, 1, 1, 1]], 2)).toBeCloseTo(1 / 3, 12);
    expect(distinctN([['a']], 2)).toBeNaN();
  });
  it('does not confuse tokens that join to the same text', () => {
    expect(
      distinctN(
        [
          ['ab', 'c'],
          ['a', 'bc'],
        ],
        2,
      ),
    ).toBe(1);
  });
});
