import { constant, type Dimension, greater, range, type Tensor, unsqueeze, where } from '@working-papers/graph';

/** Added to the score of a forbidden pair: its probability is exactly 0 in float32, and a row of them stays finite. */
export const forbidden = -1e30;

/** `[sequence, sequence]`: 0 where a query sees a key, {@link forbidden} where the key comes later. */
export function causalMask(sequence: Dimension): Tensor {
  const places = range(0, sequence);
  return where(
    greater(unsqueeze(places, [0]), unsqueeze(places, [1])),
    constant(forbidden, 'float32'),
    constant(0, 'float32'),
  );
}

/** An additive mask in JavaScript, `[sequence, sequence]`: 0 where `sees(query, key)`. */
export function additiveMask(sequence: number, sees: (query: number, key: number) => boolean): Float32Array {
  const mask = new Float32Array(sequence * sequence);
  for (let query = 0; query < sequence; query++) {
    for (let key = 0; key < sequence; key++) mask[query * sequence + key] = sees(query, key) ? 0 : forbidden;
  }
  return mask;
}
