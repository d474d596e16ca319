import {
  add,
  cast,
  dimensionOf,
  groupQueryAttention,
  matmul,
  mul,
  reshape,
  softmax,
  split,
  sub,
  type Tensor,
  transpose,
} from '@working-papers/graph';
import { causalMask } from './masks.ts';
import type { Attention, AttentionInput } from './parts.ts';

/**
 * Attention over a cache that is updated in place: one fused kernel that appends keys and values, rotates and attends
 * (grouped queries, arXiv 2305.13245). Positions go on from the cache; masks are not taken.
 */
export const cachedAttention: Attention = (input) => {
  const { config, cache, positions } = input;
  if (!cache) throw new Error('cachedAttention needs a cache; use denseAttention without one.');
  if (input.mask || positions.bias) {
    throw new Error(
      'cachedAttention knows each row by its length alone and takes no mask or bias; use denseAttention.',
    );
  }
  const fused = positions.tables !== undefined;
  const rotated = fused || !positions.rotate ? undefined : rotatedProjections(input);
  const result = groupQueryAttention(
    {
      query: rotated?.query ?? input.qkv,
      key: rotated?.key,
      value: rotated?.value,
      pastKey: cache.key,
      pastValue: cache.value,
      sequenceLengths: cache.last,
      totalLength: cache.total,
      cos: positions.tables?.cos,
      sin: positions.tables?.sin,
    },
    { heads: config.heads, kvHeads: config.kvHeads, presentLength: cache.key.shape[2]! },
  );
  return { output: result.output, key: result.presentKey, value: result.presentValue };
};

/**
 * Causal attention of a whole sequence from its first token on, one row, in the same fused kernel without a cache: positions
 * begin at 0, and the scores exist one head at a time.
 */
export const promptAttention: Attention = (input) => {
  const { config, positions, positionIds } = input;
  if (!positionIds || input.cache || input.mask || positions.bias || !(positions.tables || !positions.rotate)) {
    throw new Error('promptAttention takes position ids, rotary tables or none, and neither cache, mask nor bias.');
  }
  const { last, total } = lengthsOf(positionIds);
  const result = groupQueryAttention(
    {
      query: input.qkv,
      sequenceLengths: last,
      totalLength: total,
      cos: positions.tables?.cos,
      sin: positions.tables?.sin,
    },
    { heads: config.heads, kvHeads: config.kvHeads },
  );
  return { output: result.output, key: result.presentKey, value: result.presentValue };
};

const lengths = new WeakMap<Tensor, { last: Tensor; total: Tensor }>();

/** Tokens of one row, and that less one, as the fused kernel wants them; computed once for all layers. */
function lengthsOf(positionIds: Tensor): { last: Tensor; total: Tensor } {
  let known = lengths.get(positionIds);
  if (!known) {
    const total = reshape(cast(dimensionOf(positionIds, 1), 'int32'), [1]);
    known = { last: sub(total, 1), total };
    lengths.set(positionIds, known);
  }
  return known;
}

/** Softmax attention in plain operations, under any mask: gradients flow, every step can be seen. */
export const denseAttention: Attention = (input) => {
  const { config, positions, tap } = input;
  const { heads, kvHeads, headDim } = config;
  if (input.cache) throw new Error('denseAttention computes a whole sequence and takes no cache.');
  const [rows, sequence] = input.qkv.shape as [Tensor['shape'][number], Tensor['shape'][number]];
  const group = heads / kvHeads;
  const projected = projections(input);
  const query = rotate(input, 'rotatedQuery', tap('query', projected.query)); // [rows, heads, sequence, headDim]
  const key = rotate(input, 'rotatedKey', tap('key', projected.key)); // [rows, kvHeads, sequence, headDim]
  const value = tap('value', projected.value);

  // The queries that share a key head stand below each other: one product a key head.
  const grouped = reshape(query, [rows, kvHeads, multiply(sequence, group), headDim]);
  const products = matmul(mul(grouped, 1 / Math.sqrt(headDim)), transpose(key, [0, 1, 3, 2]));
  let scores = reshape(products, [rows, heads, sequence, sequence]);
  if (positions.bias) scores = add(scores, positions.bias(input.positionIds!, input.positionIds!));
  scores = tap('scores', add(scores, input.mask ?? causalMask(sequence)));
  const probabilities = tap('probabilities', softmax(scores, -1)); // [rows, heads, sequence, sequence]
  const mixed = matmul(reshape(probabilities, [rows, kvHeads, multiply(sequence, group), sequence]), value);
  const output = transpose(reshape(mixed, [rows, heads, sequence, headDim]), [0, 2, 1, 3]);
  return { output: reshape(output, [rows, sequence, heads * headDim]), key, value };
};

/** Queries, keys and values apart: `[rows, heads or kvHeads, sequence, headDim]`. */
function projections({ config, qkv }: AttentionInput): { query: Tensor; key: Tensor; value: Tensor } {
  const { heads, kvHeads, headDim } = config;
  const [rows, sequence] = qkv.shape as [Tensor['shape'][number], Tensor['shape'][number]];
  const parts = split(qkv, [heads * headDim, kvHeads * headDim, kvHeads * headDim], -1);
  const [query, key, value] = parts.map((part, index) =>
    transpose(reshape(part, [rows, sequence, index === 0 ? heads : kvHeads, headDim]), [0, 2, 1, 3]),
  );
  return { query: query!, key: key!, value: value! };
}

function rotate({ positions, positionIds, tap }: AttentionInput, name: string, tensor: Tensor): Tensor {
  if (!positions.rotate) return tensor;
  if (!positionIds)
    throw new Error('Rotary positions need position ids, int64 [rows, sequence]; the graph was given none.');
  return tap(name, positions.rotate(tensor, positionIds));
}

/** Rotated outside of the fused kernel and brought back to `[rows, sequence, heads * headDim]`. */
function rotatedProjections(input: AttentionInput): { query: Tensor; key: Tensor; value: Tensor } {
  const { query, key, value } = projections(input);
  const flat = (tensor: Tensor) => {
    const [rows, heads, sequence, headDim] = tensor.shape;
    return reshape(transpose(tensor, [0, 2, 1, 3]), [rows!, sequence!, (heads as number) * (headDim as number)]);
  };
  return {
    query: flat(rotate(input, 'rotatedQuery', query)),
    key: flat(rotate(input, 'rotatedKey', key)),
    value: flat(value),
  };
}

/** A dimension times a number; names stay names. */
function multiply(dimension: number | string, factor: number): number | string {
  return typeof dimension === 'number' ? dimension * factor : `${factor}*${dimension}`;
}
