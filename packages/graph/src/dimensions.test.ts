import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canonical,
  type Dimension,
  dimensionDifference,
  dimensionProduct,
  dimensionQuotient,
  dimensionSum,
} from './dimensions.ts';

const values: Record<string, number> = { batch: 3, sequence: 7, past: 5 };

/** What a dimension is worth when its names have values; the oracle is JavaScript's own arithmetic. */
function worth(dimension: Dimension): number {
  if (typeof dimension === 'number') return dimension;
  const expression = dimension.replaceAll(/[a-z]+/g, (name) => String(values[name]));
  return Function(`return ${expression}`)() as number;
}

const leaf = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constantFrom('batch', 'sequence', 'past'));
const dimension = fc.tuple(leaf, leaf, leaf).map(([a, b, c]) => dimensionSum(dimensionProduct(a, b), c));

describe('dimensions', () => {
  it('are written in one form', () => {
    expect(dimensionSum('past', 'sequence')).toBe('past+sequence');
    expect(dimensionSum('sequence', 'past')).toBe('past+sequence');
    expect(dimensionProduct('sequence', 4, 'batch')).toBe('4*batch*sequence');
    expect(dimensionDifference('sequence', 1)).toBe('sequence-1');
    expect(dimensionDifference(dimensionSum('past', 'sequence'), 'past')).toBe('sequence');
    expect(dimensionDifference(1, 'sequence')).toBe('-sequence+1');
    expect(dimensionProduct()).toBe(1);
    expect(canonical('b*a')).toBe('a*b');
  });

  it('divide where the division is exact', () => {
    expect(dimensionQuotient('6*batch*sequence', dimensionProduct('batch', 2))).toBe('3*sequence');
    expect(dimensionQuotient('4*past+8', 4)).toBe('past+2');
    expect(dimensionQuotient('batch', 2)).toBeUndefined();
    expect(dimensionQuotient('batch', 'sequence')).toBeUndefined();
    expect(dimensionQuotient('batch', 0)).toBeUndefined();
  });

  it('compute as numbers do, whatever their names stand for', () => {
    fc.assert(
      fc.property(dimension, dimension, (a, b) => {
        expect(worth(dimensionSum(a, b))).toBe(worth(a) + worth(b));
        expect(worth(dimensionDifference(a, b))).toBe(worth(a) - worth(b));
        expect(worth(dimensionProduct(a, b))).toBe(worth(a) * worth(b));
        expect(dimensionProduct(a, b)).toBe(dimensionProduct(b, a));
        expect(canonical(dimensionSum(a, b))).toBe(dimensionSum(b, a));
      }),
    );
  });

  it('undo a product', () => {
    fc.assert(
      fc.property(dimension, fc.constantFrom<Dimension>(3, 'batch', '2*past'), (a, b) => {
        if (a !== 0) expect(dimensionQuotient(dimensionProduct(a, b), b)).toBe(a);
      }),
    );
  });
});
