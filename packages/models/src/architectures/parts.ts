/**
 * The exchangeable parts of a decoder. A paper replaces one of them; nothing else of the model changes. Every part is a
 * plain function from tensors to tensors.
 */
import type { Tensor } from '@working-papers/graph';
import type { WeightSource } from '../types.ts';

/** What an attention needs to know of its heads. */
export interface AttentionConfig {
  heads: number;
  /** Heads of keys and values; each serves heads / kvHeads queries. */
  kvHeads: number;
  headDim: number;
  /** Factor of the scores; default 1 / sqrt(headDim). */
  scale?: number;
}

/** The numbers that every decoder has. */
export interface DecoderConfig extends AttentionConfig {
  layers: number;
  hidden: number;
  /** Width of the MLP. */
  intermediate: number;
  /** Of the MLP, by its name in Hugging Face's configurations. */
  activation: string;
  vocabulary: number;
  /** Of the norms. */
  epsilon: number;
  /** Tokens that the model was trained for. */
  contextLength: number;
}

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

/** Keys and values of the tokens before these in slots, each with a place and a position of its own, for one layer. */
export interface LayerSlots {
  /** `[rows, kvHeads, slots, headDim]`; before the rotation where `unrotated`. */
  key: Tensor;
  /** `[rows, kvHeads, slots, headDim]` */
  value: Tensor;
  unrotated: boolean;
  /** int64 `[rows, kvHeads, sequence, 3]`: row, head and slot into which each new token is written. */
  writeAt: Tensor;
  /** int64 `[rows, sequence]`: how many tokens of its row came before each new token; -1 for padding. */
  places: Tensor;
  /** int64 `[rows, 1 or kvHeads, slots]`: the place of what each slot holds after this run; -1 for nothing. */
  heldPlaces: Tensor;
  /** float32 `[rows, 1 or kvHeads, slots]`: positions of what is held, as `positionIds` are those of the queries. */
  heldPositions?: Tensor;
  /** A query sees the places below `pinned` and the last `window`, itself included. Both int64 scalars. */
  pinned: Tensor;
  window: Tensor;
  /** Pairs that are held to be apart by another distance than that of their positions. */
  far?: FarPositions;
}

/** Positions at which queries meet the first slots, or all, in place of `positionIds` and `heldPositions`. */
export interface FarPositions {
  /** float32 `[rows, sequence]` */
  queries: Tensor;
  /** float32 `[rows, pinned]` for the first slots; without it every slot stands at 0. */
  keys?: Tensor;
  /** float32 `[rows, pinned]`: by how much those keys, as they are held, are still to be turned. */
  turns?: Tensor;
  /** float32 scalar: only pairs further apart than this are far; without it all pairs with these slots are. */
  beyond?: Tensor;
}

export interface AttentionInput {
  config: AttentionConfig;
  layer: number;
  /** Queries, keys and values beside each other, before any rotation: `[rows, sequence, (heads + 2 * kvHeads) * headDim]`. */
  qkv: Tensor;
  /** Changes queries and keys `[..., headDim]` before they are rotated (QK-norm, arXiv 2302.05442). */
  headNorm?: { query(x: Tensor): Tensor; key(x: Tensor): Tensor };
  /** int64 `[rows, sequence]`; present whenever the graph has positions as an input. */
  positionIds?: Tensor;
  positions: Positions;
  /** Tokens that a token sees, itself included, counted by places (sliding window, arXiv 2310.06825); default all. */
  window?: number;
  /** Added to the scores, `[rows or 1, 1 or heads, sequence, keys]`. */
  mask?: Tensor;
  cache?: LayerCache;
  /** In place of `cache`. */
  slots?: LayerSlots;
  /** Shows an activation under `blocks.N.attention.` and this name. */
  tap(name: string, tensor: Tensor): Tensor;
  /** Whether somebody looks: a fused kernel then computes beside itself what it does not show. */
  watched: boolean;
}

export interface AttentionOutput {
  /** `[rows, sequence, heads * headDim]`, before the output product. */
  output: Tensor;
  /** With a cache or slots all of it after this run, otherwise `[rows, kvHeads, sequence, headDim]`, keys after the rotation. */
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
  /** Cosines and sines `[rows, sequence, half]` at positions of any value, when `rotate` turns the first 2 * half features of a head as rotary embedding does: what a fused kernel needs. */
  angles?(positionIds: Tensor): { cos: Tensor; sin: Tensor };
  /** Added to the scores (ALiBi, relative bias): `[rows or 1, heads, queries, keys]` from positions `[rows, queries]` and `[rows or 1, keys]`. */
  bias?(queryPositions: Tensor, keyPositions: Tensor): Tensor;
  /** Whether `bias` says nothing of keys after the query: for attention that looks back only. */
  causal?: boolean;
  /** Tables `[capacity, headDim / 2]` when `rotate` is plain rotary embedding of whole heads, which a fused attention can then do itself. */
  tables?: { cos: Tensor; sin: Tensor };
}

export interface MlpInput {
  config: DecoderConfig;
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

/** `[..., hidden]`, a gain and, where the architecture has one, a bias `[hidden]` to the same shape. */
export type Norm = (x: Tensor, gain: Tensor, options: { epsilon: number; bias?: Tensor }) => Tensor;

export interface DecoderParts {
  attention: Attention;
  positions: Positions;
  mlp: Mlp;
  norm: Norm;
}
