import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { broadcastShapes } from './broadcast.ts';
import { add, input } from './index.ts';
import { evaluate, random } from './testing/execute.ts';

/** Broadcasting by its definition: every result element reads the operand at its own place, or at 0 where the size is 1. */
function plainAdd(a: number[], aShape: number[], b: number[], bShape: number[], shape: number[]): number[] {
  const at = (data: number[], own: number[], place: number[]) => {
    const tail = place.slice(place.length - own.length);
    return data[own.reduce((offset, size, axis) => offset * size + (size === 1 ? 0 : tail[axis]!), 0)]!;
  };
  const result: number[] = [];
  const visit = (place: number[]) => {
    if (place.length === shape.length) result.push(at(a, aShape, place) + at(b, bShape, place));
    else for (let i = 0; i < shape[place.length]!; i++) visit([...place, i]);
  };
  visit([]);
  return result;
}

/** A result shape, and two operands made from it by putting 1s and cutting from the front. */
const compatible = fc
  .array(fc.integer({ min: 1, max: 3 }), { maxLength: 4 })
  .chain((shape) =>
    fc.tuple(
      fc.constant(shape),
      fc.array(fc.constantFrom('both', 'left', 'right'), { minLength: shape.length, maxLength: shape.length }),
      fc.nat({ max: shape.length }),
      fc.boolean(),
    ),
  )
  .map(([shape, who, cut, swap]) => {
    const a = shape.map((size, axis) => (who[axis] === 'right' ? 1 : size));
    const b = shape.map((size, axis) => (who[axis] === 'left' ? 1 : size)).slice(cut);
    // What was cut from b must stand in a.
    const full = a.map((size, axis) => (axis < cut ? shape[axis]! : size));
    return swap ? { a: b, b: full, shape } : { a: full, b, shape };
  });

describe('broadcasting', () => {
  it('gives the shape both operands were made from', () => {
    fc.assert(
      fc.property(compatible, ({ a, b, shape }) => {
        expect(broadcastShapes(a, b, 'add')).toEqual(shape);
        expect(broadcastShapes(b, a, 'add')).toEqual(shape);
      }),
    );
  });

  it('refuses exactly the shapes that the definition refuses', () => {
    const shapes = fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 3 });
    fc.assert(
      fc.property(shapes, shapes, (a, b) => {
        const rightmost = Math.min(a.length, b.length);
        const fits = Array.from({ length: rightmost }, (_, i) => [a.at(-1 - i)!, b.at(-1 - i)!]).every(
          ([p, q]) => p === q || p === 1 || q === 1,
        );
        if (fits) expect(() => broadcastShapes(a, b, 'add')).not.toThrow();
        else expect(() => broadcastShapes(a, b, 'add')).toThrow('add cannot broadcast');
      }),
    );
  });

  it('agrees with its definition when it runs', async () => {
    await fc.assert(
      fc.asyncProperty(compatible, async ({ a, b, shape }) => {
        const next = random(7);
        const fill = (own: number[]) =>
          Array.from({ length: own.reduce((p, q) => p * q, 1) }, () => Math.round(next() * 100));
        const [x, y] = [fill(a), fill(b)];
        const sum = add(input('a', 'float32', a), input('b', 'float32', b));
        const feeds = {
          a: { dtype: 'float32' as const, shape: a, data: x },
          b: { dtype: 'float32' as const, shape: b, data: y },
        };
        expect(await evaluate(sum, feeds)).toEqual(plainAdd(x, a, y, b, shape));
      }),
      { numRuns: 25 },
    );
  });

  it('takes names as equal only to themselves', () => {
    expect(broadcastShapes(['batch', 1, 'key'], ['query', 1], 'add')).toEqual(['batch', 'query', 'key']);
    expect(() => broadcastShapes(['batch', 4], ['sequence', 4], 'mul')).toThrow(
      'mul cannot broadcast [batch, 4] with [sequence, 4]: batch and sequence differ and neither is 1.',
    );
    expect(() => broadcastShapes(['batch'], [3], 'mul')).toThrow('batch and 3 differ');
  });
});
