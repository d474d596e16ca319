import {
  abs,
  add,
  cast,
  clip,
  constant,
  div,
  max,
  mul,
  neg,
  quantizeLinear,
  reduceMax,
  reduceMin,
  reduceSum,
  reshape,
  round,
  slice,
  type Tensor,
} from '@working-papers/graph';

const greatest = 127;
const tiny = 1e-12;

/** One step of inputs that lie within -1 and 1. */
export const inputStep: Tensor = constant(1 / greatest, 'float32');
/** Where zero stands among {@link roundedInput}'s values. */
export const inputMiddle: Tensor = constant(128, 'uint8');

/** Each row `[..., columns]` over its largest magnitude in steps of {@link inputStep}, as uint8; that magnitude `[..., 1]` beside it. */
export function roundedInput(x: Tensor): { values: Tensor; largest: Tensor } {
  const keep = { keepDims: true };
  const magnitude = max(reduceMax(x, [-1], keep), neg(reduceMin(x, [-1], keep)));
  const largest = clip(magnitude, tiny, 3e38);
  return { values: quantizeLinear(div(x, largest), inputStep, inputMiddle), largest };
}

/**
 * How weights are held so that products with uint8 inputs are exact. Processors without int8 instructions add the products of two
 * neighbours in 16 bits and saturate there (`vpmaddubsw`) unless the weights are unsigned, which takes a slower kernel.
 *
 * `full`: int8 in the whole range, where nothing saturates. `paired`: int8, two neighbours adding up to at most 128, of which 255
 * times stays below 2^15; large weights of one sign seldom stand beside each other, so this costs less than the usual way out, 7-bit
 * weights. `unsigned`: uint8 around 128.
 */
export type Int8Form = 'full' | 'paired' | 'unsigned';

/** Weights `[rows, columns]` in 8 bits, of the same shape, with a scale a row, `[rows, 1]`. */
export function roundedRows(weights: Tensor, form: Int8Form): { values: Tensor; scales: Tensor } {
  const [rows, columns] = weights.shape as [number | string, number];
  const keep = { keepDims: true };
  let largest = reduceMax(abs(weights), [1], keep);
  if (form === 'paired') {
    // Rounding adds at most a half to each of the two.
    const pairs = Math.floor(columns / 2);
    const neighbours = reshape(slice(weights, 1, 0, 2 * pairs), [rows, pairs, 2]);
    largest = max(largest, reduceMax(abs(reduceSum(neighbours, [2])), [1], keep));
  }
  const scales = mul(clip(largest, tiny, 3e38), 1 / greatest);
  const values = round(div(weights, scales));
  return { values: form === 'unsigned' ? cast(add(values, 128), 'uint8') : cast(values, 'int8'), scales };
}
