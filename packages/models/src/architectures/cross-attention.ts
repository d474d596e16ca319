import { type Dimension, expand, multiHeadAttention, reshape, split, type Tensor } from '@working-papers/graph';
import type { WeightSource } from '../types.ts';
import { attend, headsApart, headsOf, headsTogether } from './attention.ts';
import type { AttentionConfig } from './parts.ts';

export interface CrossAttentionInput {
  config: AttentionConfig;
  layer: number;
  /** `[rows, sequence, heads * headDim]`; the rows of one source follow each other, `rows / sources` of them. */
  query: Tensor;
  /** `[sources, heads, keys, headDim]` */
  key: Tensor;
  value: Tensor;
  /** Added to the scores, `[sources, 1, 1, keys]`. */
  mask?: Tensor | undefined;
  /** Shows an activation under `decoder.blocks.N.crossAttention.` and this name. */
  tap(name: string, tensor: Tensor): Tensor;
  /** Whether somebody looks: a fused kernel then computes beside itself what it does not show. */
  watched: boolean;
}

/** Attention of a decoder's tokens to an encoder's states: `[rows, sequence, heads * headDim]`, before the output product. */
export type CrossAttention = (input: CrossAttentionInput) => Tensor;

/**
 * The fused kernel. Rows that read one source stand beside each other as queries of it, so that beams share its keys and
 * values without a copy: nothing here depends on the order of the queries.
 */
export const crossAttention: CrossAttention = (given) => {
  const input = given.watched ? { ...given, query: shownQuery(given) } : given;
  const { config, key, value, mask } = input;
  const query = bySource(input);
  const attentionBias = mask && expand(mask, [mask.shape[0]!, mask.shape[1]!, query.shape[1]!, mask.shape[3]!]);
  const fused = reshape(
    multiHeadAttention({ query, key, value, attentionBias }, headsOf(config)).output,
    input.query.shape,
  );
  if (!input.watched) return fused;
  const { output, replaced } = denselyAttended(input);
  return replaced ? output : fused;
};

/** The same in plain operations: gradients flow, every step can be seen. */
export const denseCrossAttention: CrossAttention = (input) =>
  denselyAttended({ ...input, query: shownQuery(input) }).output;

function denselyAttended(input: CrossAttentionInput): { output: Tensor; replaced: boolean } {
  const { config, key, value, mask, tap } = input;
  const query = headsApart(bySource(input), config.heads, config.headDim); // [sources, heads, queries, headDim]
  const { output, replaced } = attend({ config, tap }, query, key, value, mask);
  return { output: reshape(output, input.query.shape), replaced };
}

/** The queries, shown to the tap as `[rows, heads, sequence, headDim]`. */
function shownQuery({ config, query, tap }: CrossAttentionInput): Tensor {
  return headsTogether(tap('query', headsApart(query, config.heads, config.headDim)));
}

/** Queries `[sources, rows / sources * sequence, heads * headDim]`. */
function bySource({ query, key }: CrossAttentionInput): Tensor {
  const [rows, , features] = query.shape as [Dimension, Dimension, Dimension];
  const sources = key.shape[0]!;
  return rows === sources ? query : reshape(query, [sources, -1, features]);
}

/** Keys and values of every layer from the encoder's states `[rows, sequence, hidden]`: each `[rows, heads, sequence, headDim]`. */
export function crossLayers(
  weights: WeightSource,
  hidden: Tensor,
  { layers, ...config }: AttentionConfig & { layers: number },
  namesOf: (layer: number) => readonly [key: string, value: string],
): { keys: Tensor[]; values: Tensor[] } {
  const states = Array.from({ length: layers }, (_, layer) => crossStates(weights, hidden, config, namesOf(layer)));
  return { keys: states.map(({ key }) => key), values: states.map(({ value }) => value) };
}

function crossStates(
  weights: WeightSource,
  hidden: Tensor,
  { heads, headDim }: AttentionConfig,
  names: readonly [key: string, value: string],
): { key: Tensor; value: Tensor } {
  const biases = names.map((name) => `${name}.bias`);
  const both = weights.linear(
    hidden,
    names.map((name) => `${name}.weight`),
    weights.has(biases[0]!) ? biases : undefined,
  );
  const [key, value] = split(both, [heads * headDim, heads * headDim], -1).map((part) =>
    headsApart(part, heads, headDim),
  );
  return { key: key!, value: value! };
}
