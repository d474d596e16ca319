import {
  add,
  cast,
  type Dimension,
  dimensionOf,
  exp,
  groupQueryAttention,
  log,
  matmul,
  mul,
  range,
  reduceMax,
  reduceSum,
  reshape,
  softmax,
  split,
  squeeze,
  sub,
  type Tensor,
  transpose,
  unsqueeze,
} from '@working-papers/graph';
import { causalMask, placesMask, windowMask } from './masks.ts';
import type { Attention, AttentionConfig, AttentionInput } from './parts.ts';

/** Features of a head that the fused kernel can rotate itself. */
const rotates = ({ positions, config }: AttentionInput): boolean =>
  positions.tables !== undefined && config.headDim % 16 === 0;

/**
 * Attention over a cache that is updated in place: one fused kernel that appends keys and values, rotates and attends
 * (grouped queries, arXiv 2305.13245), within a window and with a bias where there is one. Positions go on from the cache;
 * other masks are not taken. Where somebody looks, scores and probabilities `[rows, heads, sequence, capacity]` are computed beside
 * it; where they are replaced, in its place.
 */
export const cachedAttention: Attention = (input) => {
  const { config, cache, positions, positionIds, window } = input;
  refuseSlots(input, 'cachedAttention');
  if (!cache) throw new Error('cachedAttention needs a cache; use denseAttention without one.');
  if (input.mask)
    throw new Error('cachedAttention knows each row by its length alone and takes no mask; use denseAttention.');
  const fusedRotation = rotates(input) && !input.watched;
  const heads = input.watched || (positions.rotate && !fusedRotation) ? rotatedHeads(input) : undefined;
  const keyPlaces = positions.bias && heldPlaces(cache.total);
  const result = groupQueryAttention(
    {
      ...(heads ? flatHeads(heads) : normedHeads(input)),
      pastKey: cache.key,
      pastValue: cache.value,
      sequenceLengths: cache.last,
      totalLength: cache.total,
      ...(fusedRotation ? positions.tables : {}),
      attentionBias: keyPlaces && positions.bias!(needed(positionIds), keyPlaces),
    },
    {
      ...headsOf(config),
      kvHeads: config.kvHeads,
      presentLength: cache.key.shape[2]!,
      ...(window === undefined ? {} : { window }),
    },
  );
  const after = { key: result.presentKey, value: result.presentValue };
  if (!input.watched || !heads) return { output: result.output, ...after };
  const capacity = range(0, cache.key.shape[2]!);
  const seen = placesMask(placesOf(cache.last, input.qkv), capacity, window);
  const open = attend(input, heads.query, after.key, after.value, seen, positionIds, unsqueeze(capacity, [0]));
  return { output: open.replaced ? open.output : result.output, ...after };
};

function refuseSlots({ slots }: AttentionInput, name: string): void {
  if (slots) throw new Error(`${name} does not read keys and values in slots; slotAttention does.`);
}

const places = new WeakMap<Tensor, Tensor>();

/** Places `[1, total]` of what a cache holds; one tensor for all layers. */
function heldPlaces(total: Tensor): Tensor {
  let held = places.get(total);
  if (!held) {
    held = reshape(range(0, scalar(total), 1, { dimension: 'total' }), [1, 'total']);
    places.set(total, held);
  }
  return held;
}

/** Whether {@link promptAttention} can compute this. */
export const isPrompt = (input: AttentionInput): boolean => {
  const { cache, mask, positions } = input;
  return !cache && !mask && !positions.bias && (rotates(input) || !positions.rotate);
};

/**
 * Causal attention of a whole sequence from its first token on, one row, in the same fused kernel without a cache: positions
 * begin at 0, and the scores exist one head at a time.
 */
export const promptAttention: Attention = (input) => {
  const { config, positions, positionIds, window } = input;
  if (!positionIds || !isPrompt(input)) {
    throw new Error('promptAttention takes position ids, rotary tables or none, and neither cache, mask nor bias.');
  }
  const { last, total } = lengthsOf(positionIds);
  const result = groupQueryAttention(
    {
      ...normedHeads(input),
      sequenceLengths: last,
      totalLength: total,
      cos: positions.tables?.cos,
      sin: positions.tables?.sin,
    },
    {
      ...headsOf(config),
      kvHeads: config.kvHeads,
      ...(window === undefined ? {} : { window }),
    },
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
  refuseSlots(input, 'denseAttention');
  if (input.cache) throw new Error('denseAttention computes a whole sequence and takes no cache.');
  const { query, key, value } = rotatedHeads(input);
  const { output } = attend(input, query, key, value, maskOf(input), input.positionIds, input.positionIds);
  return { output, key, value };
};

/** What is added to the scores of whole sequences: the caller's mask, within the window where there is one; else the causal one. */
export function maskOf({ qkv, mask, window }: Pick<AttentionInput, 'qkv' | 'mask' | 'window'>): Tensor {
  const sequence = qkv.shape[1]!;
  if (!mask) return causalMask(sequence, window);
  return window === undefined ? mask : add(mask, windowMask(sequence, window));
}

/** Heads and their scale, as the fused kernels take them. */
export const headsOf = ({
  heads,
  scale,
}: Pick<AttentionConfig, 'heads' | 'scale'>): { heads: number; scale?: number } =>
  scale === undefined ? { heads } : { heads, scale };

/**
 * softmax(scale q k' + bias + mask) v for queries `[rows, heads, sequence, headDim]` and keys `[rows, kvHeads, keys, headDim]`:
 * `[rows, sequence, heads * headDim]`, and whether a tap replaced something on the way.
 */
export function attend(
  input: Pick<AttentionInput, 'config' | 'tap'> & Partial<Pick<AttentionInput, 'positions'>>,
  query: Tensor,
  key: Tensor,
  value: Tensor,
  mask: Tensor | undefined,
  queryPositions?: Tensor,
  keyPositions?: Tensor,
): { output: Tensor; replaced: boolean } {
  const { config, positions } = input;
  let scores = scaledProducts(config, query, key);
  if (positions?.bias) scores = add(scores, positions.bias(needed(queryPositions), needed(keyPositions)));
  return mixed(input, mask ? add(scores, mask) : scores, value);
}

/** scale q k' for queries `[rows, heads, sequence, headDim]` and keys `[rows, kvHeads, keys, headDim]`: `[rows, heads, sequence, keys]`. */
export function scaledProducts(
  { heads, kvHeads, headDim, scale }: AttentionConfig,
  query: Tensor,
  key: Tensor,
): Tensor {
  const [rows, , sequence] = query.shape as [Dimension, Dimension, Dimension];
  // The queries that share a key head stand below each other: one product a key head.
  const grouped = reshape(query, [rows, kvHeads, times(sequence, heads / kvHeads), headDim]);
  const factor = scale ?? 1 / Math.sqrt(headDim);
  const products = matmul(factor === 1 ? grouped : mul(grouped, factor), transpose(key, [0, 1, 3, 2]));
  return reshape(products, [rows, heads, sequence, key.shape[2]!]);
}

/** The values `[rows, kvHeads, keys, headDim]` mixed by the softmax of scores `[rows, heads, sequence, keys]`, as {@link attend} gives them. */
export function mixed(
  { config: { heads, kvHeads, headDim }, tap }: Pick<AttentionInput, 'config' | 'tap'>,
  scores: Tensor,
  value: Tensor,
): { output: Tensor; replaced: boolean } {
  const [rows, , sequence, keys] = scores.shape as [Dimension, Dimension, Dimension, Dimension];
  const shownScores = tap('scores', scores);
  tap('logSumExp', logSumExp(shownScores));
  const probabilities = softmax(shownScores, -1);
  const shown = tap('probabilities', probabilities); // [rows, heads, sequence, keys]
  const products = matmul(reshape(shown, [rows, kvHeads, times(sequence, heads / kvHeads), keys]), value);
  return {
    output: headsTogether(reshape(products, [rows, heads, sequence, headDim])),
    replaced: shownScores !== scores || shown !== probabilities,
  };
}

/** log of the sum of exp over the keys, `[rows, heads, sequence]`: what parts of an attention are merged by. */
export function logSumExp(scores: Tensor): Tensor {
  const top = reduceMax(scores, [-1], { keepDims: true });
  return squeeze(add(top, log(reduceSum(exp(sub(scores, top)), [-1], { keepDims: true }))), [3]);
}

interface Heads {
  query: Tensor;
  key: Tensor;
  value: Tensor;
}

/** Queries, keys and values apart, `[rows, heads or kvHeads, sequence, headDim]`, normalised and rotated. */
export function rotatedHeads(input: AttentionInput): Heads {
  const { query, key, value } = shownHeads(input);
  return { query: rotate(input, 'rotatedQuery', query), key: rotate(input, 'rotatedKey', key), value };
}

/** The same before the rotation. */
export function shownHeads({ qkv, config, headNorm, tap }: AttentionInput): Heads {
  const { query, key, value } = splitHeads(qkv, config);
  return {
    query: tap('query', headNorm ? headNorm.query(query) : query),
    key: tap('key', headNorm ? headNorm.key(key) : key),
    value: tap('value', value),
  };
}

/** Not rotated, for the fused kernel: beside each other as they are, or apart and normalised, `[rows, sequence, heads * headDim]`. */
function normedHeads({ qkv, config, headNorm }: AttentionInput): { query: Tensor; key?: Tensor; value?: Tensor } {
  if (!headNorm) return { query: qkv };
  const [rows, sequence] = qkv.shape as [Dimension, Dimension];
  const { heads, kvHeads, headDim } = config;
  const [query, key, value] = split(qkv, [heads * headDim, kvHeads * headDim, kvHeads * headDim], -1);
  const each = (x: Tensor, count: number, norm: (x: Tensor) => Tensor) =>
    reshape(norm(reshape(x, [rows, sequence, count, headDim])), [rows, sequence, count * headDim]);
  return { query: each(query!, heads, headNorm.query), key: each(key!, kvHeads, headNorm.key), value: value! };
}

/** Queries, keys and values beside each other as three `[rows, heads or kvHeads, sequence, headDim]`. */
export function splitHeads(qkv: Tensor, config: AttentionConfig): Heads {
  const { heads, kvHeads, headDim } = config;
  const [query, key, value] = split(qkv, [heads * headDim, kvHeads * headDim, kvHeads * headDim], -1);
  return {
    query: headsApart(query!, heads, headDim),
    key: headsApart(key!, kvHeads, headDim),
    value: headsApart(value!, kvHeads, headDim),
  };
}

/** `[rows, sequence, heads * headDim]` as `[rows, heads, sequence, headDim]`. */
export function headsApart(x: Tensor, heads: number, headDim: number): Tensor {
  return transpose(reshape(x, [x.shape[0]!, x.shape[1]!, heads, headDim]), [0, 2, 1, 3]);
}

/** `[rows, heads, sequence, headDim]` as `[rows, sequence, heads * headDim]`. */
export function headsTogether(x: Tensor): Tensor {
  const [rows, heads, sequence, headDim] = x.shape;
  return reshape(transpose(x, [0, 2, 1, 3]), [rows!, sequence!, (heads as number) * (headDim as number)]);
}

function rotate({ positions, positionIds, tap }: AttentionInput, name: string, tensor: Tensor): Tensor {
  if (!positions.rotate) return tensor;
  return tap(name, positions.rotate(tensor, needed(positionIds)));
}

export function needed(positionIds: Tensor | undefined): Tensor {
  if (!positionIds)
    throw new Error('Rotary positions and biases need position ids, int64 [rows, sequence]; the graph was given none.');
  return positionIds;
}

/** Each `[rows, heads, sequence, headDim]` as `[rows, sequence, heads * headDim]`. */
function flatHeads({ query, key, value }: Heads): Heads {
  return { query: headsTogether(query), key: headsTogether(key), value: headsTogether(value) };
}

/** Places `[rows, sequence]` of new tokens, the last of which stands at int32 `last` `[rows]`. */
function placesOf(last: Tensor, qkv: Tensor): Tensor {
  const first = sub(cast(last, 'int64'), sub(dimensionOf(qkv, 1), 1)); // [rows]
  return add(unsqueeze(first, [1]), range(0, qkv.shape[1]!));
}

/** An int32 `[1]` as an int64 scalar. */
const scalar = (length: Tensor): Tensor => squeeze(cast(length, 'int64'), [0]);

/** A dimension times a number; names stay names. */
function times(dimension: Dimension, factor: number): Dimension {
  return typeof dimension === 'number' ? dimension * factor : `${factor}*${dimension}`;
}
