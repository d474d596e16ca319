import {
  and,
  constant,
  type Dimension,
  greater,
  greaterOrEqual,
  less,
  lessOrEqual,
  or,
  range,
  sub,
  type Tensor,
  unsqueeze,
  where,
} from '@working-papers/graph';

/** Added to the score of a forbidden pair: its probability is exactly 0 in float32, and a row of them stays finite. */
export const forbidden = -1e30;

/** 0 where `sees` is true, {@link forbidden} elsewhere. */
export const additive = (sees: Tensor): Tensor => where(sees, constant(0, 'float32'), constant(forbidden, 'float32'));

/** `[sequence, sequence]`: 0 where a query sees a key; {@link forbidden} where it comes later, or a whole window or more before. */
export function causalMask(sequence: Dimension, window?: number): Tensor {
  const places = range(0, sequence);
  return additive(sees(unsqueeze(places, [1]), unsqueeze(places, [0]), window));
}

/** `[sequence, sequence]`: forbids keys that lie a whole window or more before the query, and nothing else. */
export function windowMask(sequence: Dimension, window: number): Tensor {
  const places = range(0, sequence);
  return additive(greater(unsqueeze(places, [0]), sub(unsqueeze(places, [1]), window)));
}

/** `[rows, 1, sequence, keys]` from the places of the queries `[rows, sequence]` and of the keys `[keys]`. */
export function placesMask(queries: Tensor, keys: Tensor, window?: number): Tensor {
  return additive(sees(unsqueeze(queries, [1, 3]), keys, window));
}

/**
 * `[rows, 1 or kvHeads, sequence, slots]` from the places of the queries `[rows, sequence]` and of what the slots hold
 * `[rows, 1 or kvHeads, slots]` (-1 for nothing): what comes later is forbidden, and what is neither among the first `pinned` nor
 * the last `window` places.
 */
export function slotsMask(
  queries: Tensor,
  held: Tensor,
  { pinned, window, layerWindow }: { pinned: Tensor; window: Tensor; layerWindow?: number | undefined },
): Tensor {
  const query = unsqueeze(queries, [1, 3]);
  const key = unsqueeze(held, [2]);
  const near = (width: Tensor | number) => greater(key, sub(query, width));
  const seen = and(and(greaterOrEqual(key, 0), lessOrEqual(key, query)), or(less(key, pinned), near(window)));
  return additive(layerWindow === undefined ? seen : and(seen, near(layerWindow)));
}

/** `[rows, 1, 1, keys]` from a padding mask, int64 `[rows, keys]`: keys of 0 are forbidden. */
export function paddingMask(mask: Tensor): Tensor {
  return additive(greater(unsqueeze(mask, [1, 2]), 0));
}

function sees(query: Tensor, key: Tensor, window?: number): Tensor {
  const before = lessOrEqual(key, query);
  return window === undefined ? before : and(before, greater(key, sub(query, window)));
}

/** An additive mask in JavaScript, `[sequence, sequence]`: 0 where `sees(query, key)`. */
export function additiveMask(sequence: number, sees: (query: number, key: number) => boolean): Float32Array {
  const mask = new Float32Array(sequence * sequence);
  for (let query = 0; query < sequence; query++) {
    for (let key = 0; key < sequence; key++) mask[query * sequence + key] = sees(query, key) ? 0 : forbidden;
  }
  return mask;
}
