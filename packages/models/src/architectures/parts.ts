/**
 * The exchangeable parts of a decoder. A paper replaces one of them; nothing else of the model changes. Every part is a
 * plain function from tensors to tensors.
 */
import type { Tensor } from '@working-papers/graph';
import type { WeightSource } from '../types.ts';
import type { LlamaConfig } from './llama-config.ts';

/** Keys and values of the tokens before these, for one layer. */
export interface LayerCache {
  /** `[rows, kvHeads, capacity, headDim]`, after the rotation. */
  key: Tensor;
  /** `[rows, kvHeads, capacity, headDim]` */
  value: Tensor;
  /** int32 `[rows]`: place of each row's last token of this run, counted from 0. */
  last: Tensor;
  /** int32 `[1]`: the longest row's tokens, those of this run included. */
  total: Tensor;
}

export interface AttentionInput {
  config: LlamaConfig;
  layer: number;
  /** Queries, keys and values beside each other, before any rotation: `[rows, sequence, (heads + 2 * kvHeads) * headDim]`. */
  qkv: Tensor;
  /** int64 `[rows, sequence]`; present whenever the graph has positions as an input. */
  positionIds?: Tensor;
  positions: Positions;
  /** Added to the scores, `[rows or 1, 1 or heads, sequence, keys]`. */
  mask?: Tensor;
  cache?: LayerCache;
  /** Shows an activation under `blocks.N.attention.` and this name. */
  tap(name: string, tensor: Tensor): Tensor;
}

export interface AttentionOutput {
  /** `[rows, sequence, heads * headDim]`, before the output product. */
  output: Tensor;
  /** With a cache the whole cache after this run, otherwise `[rows, kvHeads, sequence, headDim]`; keys after the rotation. */
  key: Tensor;
  value: Tensor;
}

export type Attention = (input: AttentionInput) => AttentionOutput;

/** How a token's place is made known to the model. Any of the three ways, or none of them. */
export interface Positions {
  /** Changes the embeddings `[rows, sequence, hidden]` (learned positions). */
  embed?(hidden: Tensor, positionIds: Tensor): Tensor;
  /** Turns queries or keys `[rows, heads, sequence, headDim]` (rotary positions). */
  rotate?(tensor: Tensor, positionIds: Tensor): Tensor;
  /** Added to the scores `[rows, heads, queries, keys]` (ALiBi, relative bias), from positions of queries and keys. */
  bias?(queryPositions: Tensor, keyPositions: Tensor): Tensor;
  /** Tables `[capacity, headDim / 2]` when `rotate` is plain rotary embedding, which a fused attention can then do itself. */
  tables?: { cos: Tensor; sin: Tensor };
}

export interface MlpInput {
  config: LlamaConfig;
  layer: number;
  /** `[rows, sequence, hidden]`, after the norm. */
  x: Tensor;
  weights: WeightSource;
  /** Beginning of the weights' names: `model.layers.3.mlp`. */
  prefix: string;
  /** Shows an activation under `blocks.N.mlp.` and this name. */
  tap(name: string, tensor: Tensor): Tensor;
}

/** `[rows, sequence, hidden]` to the same shape. */
export type Mlp = (input: MlpInput) => Tensor;

/** `[..., hidden]` and a gain `[hidden]` to the same shape. */
export type Norm = (x: Tensor, gain: Tensor, options: { epsilon: number }) => Tensor;

export interface LlamaParts {
  attention: Attention;
  positions: Positions;
  mlp: Mlp;
  norm: Norm;
}
