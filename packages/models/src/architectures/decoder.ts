import { add, gather, reshape, slice, type Tensor } from '@working-papers/graph';
import type { ModelConfig } from '../formats/types.ts';
import type { Tap, WeightSource } from '../types.ts';
import { activationOf } from './activations.ts';
import { type Architecture, given, looksWithin } from './architecture.ts';
import { headWidth } from './config-fields.ts';
import { causalMask, paddingMask } from './masks.ts';
import type { AttentionInput, DecoderConfig, DecoderParts, LayerSlots } from './parts.ts';
import { places } from './positions.ts';

export interface DecoderInput {
  /** int64 `[rows, sequence]`; or {@link inputsEmbeds}. */
  ids?: Tensor;
  /** float32 `[rows, sequence, hidden]` in place of the embeddings of `ids`. */
  inputsEmbeds?: Tensor;
  /** int64 `[rows, sequence]`. Needed without a cache, and by parts that read positions. */
  positions?: Tensor;
  /** Added to the scores, `[rows or 1, 1 or heads, sequence, keys]`; without one and without a cache, attention is causal. */
  mask?: Tensor;
  /** Tensors of the tokens before, one a layer; see `LayerCache`. */
  cache?: { keys: readonly Tensor[]; values: readonly Tensor[]; last: Tensor; total: Tensor };
  /** The same in slots, one of each layer; in place of a cache. */
  slots?: readonly LayerSlots[];
  parts?: Partial<DecoderParts> | undefined;
  /**
   * Sees or replaces activations by name: `embedding`, `blocks.N.attention.{input, query, key, value, rotatedQuery, rotatedKey,
   * scores, logSumExp, probabilities, heads, output}`, `blocks.N.middle` (the stream after attention), `blocks.N.mlp.{input,
   * gate, up, hidden, output}`, `blocks.N.residual` (the stream after the block), `norm`, `logits`. docs/taps.md has the shapes.
   */
  tap?: Tap | undefined;
  /** Whose logits are wanted: every token's (default), each row's last one, or those at int64 `[wanted]` places row * sequence + token. */
  logitsAt?: 'all' | 'last' | Tensor;
}

export interface DecoderOutput {
  /** `[rows, sequence, vocabulary]`, `[rows, 1, vocabulary]` or `[wanted, vocabulary]`, as `logitsAt` says. */
  logits: Tensor;
  /** Last hidden states after the final norm, `[rows, sequence, hidden]`; `[wanted, hidden]` where {@link lastRows} cut them. */
  hidden: Tensor;
  /** A tensor a layer: the cache after this run, or `[rows, kvHeads, sequence, headDim]` without one. */
  keys: Tensor[];
  values: Tensor[];
}

/** The usual fields of a configuration, a key head for each query head; throws a sentence where they make no decoder. */
export function decoderConfigOf(
  config: ModelConfig,
  model: string,
  defaults: { activation: string; contextLength: number },
): DecoderConfig {
  const { hidden_size: hidden, num_attention_heads: heads } = config;
  const activation = config.hidden_act ?? defaults.activation;
  activationOf(activation, model);
  return {
    layers: config.num_hidden_layers,
    hidden,
    intermediate: config.intermediate_size,
    vocabulary: config.vocab_size,
    heads,
    kvHeads: heads,
    headDim: headWidth(hidden, heads),
    epsilon: config.layer_norm_eps ?? 1e-5,
    activation,
    contextLength: config.max_position_embeddings ?? defaults.contextLength,
  };
}

/** Builds the graph of a decoder. */
export type Decoder = (config: ModelConfig, weights: WeightSource, input: DecoderInput) => DecoderOutput;

/** What makes logits `[..., vocabulary]` of hidden states `[..., hidden]` that went through the final norm. */
export type DecoderHead = (config: ModelConfig, weights: WeightSource) => (hidden: Tensor) => Tensor;

/** The product with the head's own matrix, or with the embeddings' where they share one. */
export function headOf(weights: WeightSource, tied: boolean, own: string, embeddings: string) {
  return (hidden: Tensor): Tensor => weights.linear(hidden, tied || !weights.has(own) ? embeddings : own);
}

/** A row of the table of architectures for a decoder. */
export interface DecoderArchitecture extends Architecture {
  readonly kind: 'decoder';
  decoderConfig(config: ModelConfig): DecoderConfig;
  build: Decoder;
  head: DecoderHead;
}

/** Makes the row out of the function that builds the graph. */
export function decoderArchitecture(
  types: readonly string[],
  decoderConfig: (config: ModelConfig) => DecoderConfig,
  build: Decoder,
  head: DecoderHead,
): DecoderArchitecture {
  return {
    kind: 'decoder',
    types,
    decoderConfig,
    build,
    head,
    facts: decoderConfig,
    inputs: () => ({ required: ['ids'], optional: ['mask', 'positions'] }),
    forward(config, weights, inputs, { tap, parts, logitsAt }) {
      const ids = given(inputs, 'ids', config.model_type);
      const { logits, hidden } = build(config, weights, {
        ids,
        positions: inputs.positions ?? places(ids),
        ...(inputs.mask ? { mask: add(causalMask(ids.shape[1]!), paddingMask(inputs.mask)) } : {}),
        tap,
        ...(logitsAt ? { logitsAt } : {}),
        parts: parts as Partial<DecoderParts> | undefined,
      });
      return { logits, hidden };
    },
  };
}

/** What the attention of a layer is given alike in every decoder; `show` shows an activation of it. */
export function layerInput(
  { positions, mask, cache, slots, tap }: Pick<DecoderInput, 'positions' | 'mask' | 'cache' | 'slots' | 'tap'>,
  layer: number,
  show: (name: string, tensor: Tensor) => Tensor,
): Pick<AttentionInput, 'layer' | 'positionIds' | 'mask' | 'cache' | 'slots' | 'tap' | 'watched'> {
  return {
    layer,
    ...(positions ? { positionIds: positions } : {}),
    ...(mask ? { mask } : {}),
    ...(cache
      ? { cache: { key: cache.keys[layer]!, value: cache.values[layer]!, last: cache.last, total: cache.total } }
      : {}),
    ...(slots ? { slots: slots[layer]! } : {}),
    tap: show,
    watched: looksWithin(tap),
  };
}

/** The embeddings of ids, or those given in their place. */
export function embedded(
  weights: WeightSource,
  input: DecoderInput,
  table: string,
  { vocabulary }: Pick<DecoderConfig, 'vocabulary'>,
): Tensor {
  if (input.inputsEmbeds) return input.inputsEmbeds;
  if (!input.ids) throw new Error('A decoder needs ids or inputsEmbeds; got neither.');
  return weights.embedding(input.ids, table, vocabulary);
}

/** The hidden states whose logits are asked for. */
export function wanted(hidden: Tensor, at: 'all' | 'last' | Tensor): Tensor {
  if (at === 'all') return hidden;
  if (at === 'last') return slice(hidden, 1, -1); // [rows, 1, hidden]
  return rowsAt(hidden, at);
}

/** `[..., width]` at places `[wanted]` of all but the last axis: `[wanted, width]`. */
const rowsAt = (x: Tensor, at: Tensor): Tensor => gather(reshape(x, [-1, x.shape.at(-1)!]), at, 0);

/**
 * What cuts the last block down to the tokens whose logits are asked for, behind its attention: nothing reads the others any more.
 * Undefined where somebody looks, or where a part may expect all of them.
 */
export function lastRows({ logitsAt, tap, parts }: DecoderInput): ((x: Tensor) => Tensor) | undefined {
  if (typeof logitsAt !== 'object' || tap || parts?.mlp) return undefined;
  return (x) => rowsAt(x, logitsAt);
}
