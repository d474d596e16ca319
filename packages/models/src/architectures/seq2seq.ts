import { add, type Tensor } from '@working-papers/graph';
import { showValue } from '../formats/element-types.ts';
import type { ModelConfig } from '../formats/types.ts';
import type { Tap, WeightSource } from '../types.ts';
import { type Architecture, given } from './architecture.ts';
import type { CrossAttention } from './cross-attention.ts';
import type { DecoderInput, DecoderOutput } from './decoder.ts';
import type { EncoderParts } from './encoder.ts';
import { causalMask, paddingMask } from './masks.ts';
import type { Attention, DecoderConfig, Mlp, Norm, Positions } from './parts.ts';
import { places } from './positions.ts';

/** The numbers of both halves. */
export interface Seq2SeqConfig {
  encoder: DecoderConfig;
  decoder: DecoderConfig;
  /** What the decoder begins with. */
  startId: number;
  /** The first and the last token that the model's own configuration asks for. */
  forcedFirstId?: number;
  forcedLastId?: number;
}

/** The exchangeable parts of an encoder with a decoder. */
export interface Seq2SeqParts {
  /** Of the encoder with itself. */
  encoderAttention: EncoderParts['attention'];
  encoderPositions: Positions;
  /** Of the decoder with itself. */
  attention: Attention;
  positions: Positions;
  /** Of the decoder with the encoder's states. */
  crossAttention: CrossAttention;
  mlp: Mlp;
  norm: Norm;
}

interface Looked {
  parts?: Partial<Seq2SeqParts> | undefined;
  /**
   * Sees or replaces activations by name. `encoder.embedding`, `encoder.blocks.N.attention.{input, query, key, value, scores,
   * probabilities, heads, output}`, `encoder.blocks.N.middle`, `encoder.blocks.N.mlp.{input, gate, up, hidden, output}`,
   * `encoder.blocks.N.residual`, `encoder.norm`; the same with `decoder.`, and between them
   * `decoder.blocks.N.crossAttention.{input, query, key, value, scores, probabilities, heads, output}` and
   * `decoder.blocks.N.crossMiddle` (the stream after it); `logits`.
   */
  tap?: Tap | undefined;
}

export interface EncodeInput extends Looked {
  /** int64 `[rows, sequence]` */
  ids: Tensor;
  /** int64 `[rows or 1, sequence]`, counted from 0. */
  positions: Tensor;
  /** Added to the scores, `[rows or 1, 1 or heads, 1 or sequence, sequence]`. */
  mask?: Tensor | undefined;
}

/** What the decoder's layers see of the encoder's states, each layer its own: `[sources, heads, keys, headDim]`. */
export interface CrossStates {
  keys: readonly Tensor[];
  values: readonly Tensor[];
}

export interface DecodeInput extends Looked, Pick<DecoderInput, 'mask' | 'cache' | 'logitsAt'> {
  /** int64 `[rows, sequence]`; the rows of one source follow each other, `rows / sources` of them. */
  ids: Tensor;
  /** int64 `[rows or 1, sequence]`, counted from 0. */
  positions: Tensor;
  /** `mask` is added to the scores, `[sources, 1, 1, keys]`. */
  cross: CrossStates & { mask?: Tensor | undefined };
}

/** A row of the table of architectures for an encoder with a decoder. */
export interface Seq2SeqArchitecture extends Architecture {
  readonly kind: 'seq2seq';
  seq2seqConfig(config: ModelConfig): Seq2SeqConfig;
  /** The encoder's last hidden states `[rows, sequence, hidden]`. */
  encode(config: ModelConfig, weights: WeightSource, input: EncodeInput): Tensor;
  /** Keys and values of every layer of the decoder from the encoder's states. */
  cross(config: ModelConfig, weights: WeightSource, hidden: Tensor): CrossStates;
  decode(config: ModelConfig, weights: WeightSource, input: DecodeInput): DecoderOutput;
}

/** Makes the row out of its functions. */
export function seq2seqArchitecture(
  types: readonly string[],
  functions: Pick<Seq2SeqArchitecture, 'seq2seqConfig' | 'encode' | 'cross' | 'decode'>,
): Seq2SeqArchitecture {
  const { seq2seqConfig, encode, cross, decode } = functions;
  return {
    kind: 'seq2seq',
    types,
    ...functions,
    facts: (config) => seq2seqConfig(config).decoder,
    inputs: () => ({ required: ['ids', 'decoderIds'], optional: ['mask', 'decoderMask'] }),
    forward(config, weights, inputs, { tap, parts }) {
      const looked: Looked = { tap, parts: parts as Partial<Seq2SeqParts> | undefined };
      const ids = given(inputs, 'ids', config.model_type);
      const decoderIds = given(inputs, 'decoderIds', config.model_type);
      const mask = inputs.mask && paddingMask(inputs.mask);
      const encoderHidden = encode(config, weights, { ids, positions: places(ids), mask, ...looked });
      const { logits, hidden } = decode(config, weights, {
        ids: decoderIds,
        positions: places(decoderIds),
        ...(inputs.decoderMask ? { mask: add(causalMask(decoderIds.shape[1]!), paddingMask(inputs.decoderMask)) } : {}),
        cross: { ...cross(config, weights, encoderHidden), mask },
        ...looked,
      });
      return { logits, encoderHidden, decoderHidden: hidden };
    },
  };
}

/** The tokens that a configuration wants at the decoder's beginning and end; `start` where it names none. */
export function startingIds(
  config: ModelConfig,
  start: number | undefined,
): Pick<Seq2SeqConfig, 'startId' | 'forcedFirstId' | 'forcedLastId'> {
  const id = (field: string): number | undefined => {
    const value = Array.isArray(config[field]) ? config[field][0] : config[field];
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < config.vocab_size) return value;
    throw new Error(`${field} must be a token id below ${config.vocab_size}; got ${showValue(value)}.`);
  };
  const startId = id('decoder_start_token_id') ?? start ?? id('bos_token_id');
  if (startId === undefined)
    throw new Error('The configuration names no decoder_start_token_id, so its decoder has nothing to begin with.');
  const [first, last] = [id('forced_bos_token_id'), id('forced_eos_token_id')];
  return {
    startId,
    ...(first === undefined ? {} : { forcedFirstId: first }),
    ...(last === undefined ? {} : { forcedLastId: last }),
  };
}
