import {
  add,
  and,
  concat,
  constant,
  dimensionOf,
  div,
  expand,
  greater,
  lessOrEqual,
  mapSlices,
  max,
  mul,
  range,
  reshape,
  slice,
  sub,
  type Tensor,
  transpose,
  unsqueeze,
} from '@working-papers/graph';
import { logSumExp, mixed, needed, rotatedHeads, scaledProducts } from './attention.ts';
import { additive } from './masks.ts';
import type { Attention, AttentionInput } from './parts.ts';

export interface QueryBlockOptions {
  /** Queries of a block. Default 128. */
  block?: number;
  /** Which keys before a query it sees, from int64 places `[block, 1]` and `[1, keys]`, as a bool `[block, keys]`; default all. */
  sees?(query: Tensor, key: Tensor): Tensor;
}

/**
 * Causal attention of whole sequences by blocks of queries: of scores there exist only one block's, `[heads, block, keys]`, each block
 * over the keys that it can see. Any positions, biases and windows, and any mask that follows from places; log-sum-exp is shown,
 * scores and probabilities are not, since they never exist as a whole. Inference only.
 */
export function queryBlockAttention({ block = 128, sees }: QueryBlockOptions = {}): Attention {
  if (!Number.isInteger(block) || block < 1) {
    throw new Error(`A block of queries must be a whole number of at least 1; got ${block}.`);
  }
  return (input) => {
    if (input.cache || input.slots) {
      throw new Error('queryBlockAttention computes a whole sequence and takes no cache.');
    }
    if (input.mask) {
      throw new Error(
        'queryBlockAttention takes no mask, which would have the size that it avoids; give it `sees`, a rule over places.',
      );
    }
    return byBlocks(input, block, sees);
  };
}

function byBlocks(input: AttentionInput, block: number, sees: QueryBlockOptions['sees']): ReturnType<Attention> {
  const { config, positions, positionIds, window, tap } = input;
  const { query, key, value } = rotatedHeads(input); // [rows, heads or kvHeads, sequence, headDim]
  const [rows, heads, sequence, headDim] = query.shape as [string, number, string, number];
  // The last block is filled up; what it says of the filling is cut off.
  const filled = (x: Tensor, axis: number) => {
    const shape = x.shape.map((size, place) => (place === axis ? block : size));
    return concat([x, expand(constant(0, x.dtype), shape)], axis);
  };
  const queries = filled(query, 2);
  const queryPositions = positions.bias && filled(needed(positionIds), 1);
  const length = dimensionOf(query, 2);
  const count = div(add(length, block - 1), block);
  const [outputs, logSums] = mapSlices([range(0, count, 1, { dimension: 'blocks' })], (index) => {
    const start = mul(index, block);
    const end = add(start, block);
    const first = window === undefined ? constant(0, 'int64') : max(sub(start, window - 1), 0);
    const own = (x: Tensor, axis: number) => slice(x, axis, start, end, { dimension: block });
    const seen = (x: Tensor, axis: number) => slice(x, axis, first, end, { dimension: 'seen' });
    const keys = seen(key, 2);
    let scores = scaledProducts(config, own(queries, 2), keys); // [rows, heads, block, seen]
    if (positions.bias) {
      scores = add(scores, positions.bias(own(queryPositions!, 1), seen(needed(positionIds), 1)));
    }
    const queryPlaces = unsqueeze(add(range(0, block), start), [1]);
    const keyPlaces = unsqueeze(seen(range(0, sequence), 0), [0]);
    let seesKey = lessOrEqual(keyPlaces, queryPlaces);
    if (window !== undefined) seesKey = and(seesKey, greater(keyPlaces, sub(queryPlaces, window)));
    if (sees) seesKey = and(seesKey, sees(queryPlaces, keyPlaces));
    scores = add(scores, additive(seesKey));
    const { output } = mixed({ config, tap: (_, tensor) => tensor }, scores, seen(value, 2));
    return [output, logSumExp(scores)]; // [rows, block, heads * headDim], [rows, heads, block]
  });
  const whole = (x: Tensor, axis: number) => slice(x, axis, 0, length, { dimension: sequence });
  const sums = reshape(transpose(logSums!, [1, 2, 0, 3]), [rows, heads, -1]);
  tap('logSumExp', whole(sums, 2));
  const width = heads * headDim;
  return { output: whole(reshape(transpose(outputs!, [1, 0, 2, 3]), [rows, -1, width]), 1), key, value };
}
