/** The table of architectures: what stands behind a configuration's `model_type`. */
import { ShapeError, type Tensor } from '@working-papers/graph';
import type { ModelConfig } from '../formats/types.ts';
import type { ModelKind, Tap, WeightSource } from '../types.ts';

/** What everything outside of the graph needs to know of a model. */
export interface ArchitectureFacts {
  layers: number;
  hidden: number;
  /** 0 where the model reads no tokens. */
  vocabulary: number;
  /** Tokens (patches for images) that it was made for. */
  contextLength: number;
}

/** The inputs of a whole pass, each a graph input of that name. */
export interface ForwardTensors {
  /** int64 `[rows, sequence]` */
  ids?: Tensor;
  /** int64 `[rows, sequence]`: 1 for a token, 0 for padding. */
  mask?: Tensor;
  /** int64 `[rows, sequence]`; default 0, 1, 2, ... as the architecture counts. */
  positions?: Tensor;
  /** int64 `[rows, sequence]`: which of two texts a token belongs to. */
  tokenTypes?: Tensor;
  /** int64 `[rows, decoderSequence]` */
  decoderIds?: Tensor;
  /** int64 `[rows, decoderSequence]` */
  decoderMask?: Tensor;
  /** float32 `[images, channels, height, width]`, normalised as the model expects. */
  pixels?: Tensor;
}

/** The name of an input of a whole pass. */
export type ForwardInputName = keyof ForwardTensors;

export interface ForwardOptions {
  tap?: Tap | undefined;
  /** Exchanged parts, as the architecture names them. */
  parts?: Record<string, unknown> | undefined;
  /** int64 `[wanted]`: the places row * sequence + token whose logits are given, of decoders and masked language models; default all. */
  logitsAt?: Tensor | undefined;
}

/** One row of the table. */
export interface Architecture {
  readonly kind: ModelKind;
  /** Values of `model_type`. */
  readonly types: readonly string[];
  /** Whether a model of these types is one of this row; default all are. */
  fits?(config: ModelConfig): boolean;
  /** Reads the configuration; throws a sentence when the model needs something that is not built. */
  facts(config: ModelConfig): ArchitectureFacts;
  /** Names and shapes of the weights, as Hugging Face's files have them: what a model from scratch begins with. Not of every architecture. */
  shapes?(config: ModelConfig): Map<string, readonly number[]>;
  /** Inputs that a whole pass must be given, and those that it may be given. */
  inputs(config: ModelConfig): { required: readonly ForwardInputName[]; optional: readonly ForwardInputName[] };
  /**
   * A whole pass, without a cache, head included: the architecture's named outputs (`logits`, `hidden`, `pooled`, ...), every
   * activation shown to the tap under its name.
   */
  forward(
    config: ModelConfig,
    weights: WeightSource,
    inputs: ForwardTensors,
    options: ForwardOptions,
  ): Record<string, Tensor>;
}

/** The input of that name; a sentence where the graph was not given it. */
export function given(inputs: ForwardTensors, name: ForwardInputName, model: string): Tensor {
  const tensor = inputs[name];
  if (!tensor) throw new ShapeError(`A ${model} model needs the input '${name}'; the graph was given none.`);
  return tensor;
}

/** Shows tensors to a tap by name; replaces them by what it returns. */
export const shower =
  (tap: Tap | undefined) =>
  (name: string, tensor: Tensor): Tensor =>
    tap?.(name, tensor) ?? tensor;

/** Whether a tap looks into attention; a fused kernel then computes beside itself what it does not show. */
export const looksWithin = (tap: Tap | undefined): boolean => tap !== undefined && tap.withinAttention !== false;
