import { dimensionProduct } from '../dimensions.ts';
import { applyAll, describe, freshDimension, isFloat, rule, ShapeError, type Tensor } from '../tensor.ts';
import { cast } from './cast.ts';
import { greaterOrEqual, where } from './comparison.ts';
import { add, div, mul } from './elementwise.ts';
import { bitwiseAnd, murmurHash3 } from './hashing.ts';
import { range } from './range.ts';
import { dimensionOf, reshapeLike, unsqueeze } from './shape.ts';
import { concat, slice } from './slicing.ts';

/** Rates are counted in parts of so many: each hash of 32 bits decides about two elements. */
const parts = 2 ** 16;

/** Outputs: the result, and which elements were kept, a byte each, for the gradient. */
const dropoutRule = rule<readonly [Tensor, Tensor], { dropped: number }>({
  name: 'dropout',
  infer: ([x, key]) => {
    if (!isFloat(x.dtype)) throw new ShapeError(`dropout takes floating-point numbers; got ${describe(x)}.`);
    if (key.dtype !== 'int64' || key.shape.length > 0) {
      throw new ShapeError(`dropout takes an int64 scalar as its key; got ${describe(key)}.`);
    }
    return [x, { dtype: 'bool', shape: x.shape }];
  },
  gradient: ({ outputs: [, kept], gradient: g, attributes: { dropped } }) => [
    where(kept!, mul(g, scaleOf(dropped)), 0),
    undefined,
  ],
  again: ([x, key], zero) => [x, add(key, cast(zero, 'int64'))],
  onnx: {
    write: (writer, _, { inputs: [x, key], attributes: { dropped } }) => {
      const kept = keptElements(x, key, dropped);
      // A product with numbers: ONNX Runtime's Where takes four times as long.
      const y = mul(x, mul(cast(kept, x.dtype), scaleOf(dropped)));
      return [writer.value(y), writer.value(kept)];
    },
  },
});

const scaleOf = (dropped: number): number => parts / (parts - dropped);

/**
 * Bool, of the shape of `x`. An element's place in the first half of its row is hashed, counted on from the key; the low 16 bits of the
 * hash decide about that element, the high 16 (of the signed number) about the one as far into the second half.
 */
function keptElements(x: Tensor, key: Tensor, dropped: number): Tensor {
  const width = x.shape.at(-1) ?? 1;
  const half = typeof width === 'number' ? Math.ceil(width / 2) : div(add(dimensionOf(x, -1), 1), 2);
  const columns = range(0, half, 1, typeof half === 'number' ? {} : { dimension: freshDimension('half') });
  const rows = range(0, dimensionProduct(...x.shape.slice(0, -1)));
  const hash = murmurHash3(add(add(mul(unsqueeze(rows, [1]), half), key), columns)); // [rows, half]
  const kept = concat(
    [greaterOrEqual(bitwiseAnd(hash, parts - 1), dropped), greaterOrEqual(hash, dropped * parts - 2 ** 31)],
    1,
  );
  return reshapeLike(typeof width === 'number' && width % 2 === 0 ? kept : slice(kept, 1, 0, width), x);
}

/**
 * `x` with each element zero at this rate, in [0, 1), and the others divided by 1 - rate (arXiv 1207.0580); the rate is rounded to a
 * multiple of 2^-16. Which are zero follows from `key`, an int64 scalar in [0, 2^62), and the element's place alone: the same key gives
 * the same mask in another session, on another machine and in another type. Give each place of a model a key of its own, new at each step.
 */
export function dropout(x: Tensor, rate: number, key: Tensor): Tensor {
  const dropped = Math.round(rate * parts);
  if (!(rate >= 0 && dropped < parts)) {
    throw new RangeError(`dropout: the rate must be at least 0 and below 1; got ${rate}.`);
  }
  return dropped === 0 ? x : applyAll(dropoutRule, [x, key], { dropped })[0]!;
}
