import type { DataType, Shape } from '@working-papers/graph';
import type { HostTensor } from '@working-papers/runtime';

/** An activation that can be read, replaced, added to: one line of docs/taps.md. */
export interface TapInfo {
  /** `blocks.3.attention.probabilities` */
  readonly name: string;
  readonly dtype: DataType;
  /** Sizes, and names of those that the input decides: `rows`, `sequence`. */
  readonly shape: Shape;
}

/** The input of a whole pass; which of them a model takes depends on its architecture. */
export interface ForwardInput {
  /** `[rows, sequence]`, all rows equally long (pad with any token and mask it). */
  readonly ids?: readonly (readonly number[])[];
  /** `[rows, sequence]`: 1 for a token, 0 for padding; default all 1. */
  readonly mask?: readonly (readonly number[])[];
  /** `[rows, sequence]`; default as the architecture counts. */
  readonly positions?: readonly (readonly number[])[];
  /** `[rows, sequence]`: which of two texts a token belongs to; default 0. */
  readonly tokenTypes?: readonly (readonly number[])[];
  /** `[rows, decoderSequence]` */
  readonly decoderIds?: readonly (readonly number[])[];
  readonly decoderMask?: readonly (readonly number[])[];
  /** `[images, channels, height, width]`, normalised as the model expects. */
  readonly pixels?: { readonly shape: readonly number[]; readonly data: Float32Array };
}

/** A change of one activation. */
export interface Edit {
  /** The activation, by its tap's name. */
  readonly name: string;
  readonly operation: 'replace' | 'add' | 'multiply';
  /** One number, a vector for the last dimension, or a tensor whose shape broadcasts to the activation's. */
  readonly value: number | { readonly shape: readonly number[]; readonly data: Float32Array };
  /** Rows of the batch, or of the cache, that it changes; default all. */
  readonly rows?: readonly number[];
  /**
   * Places along the sequence (the queries of scores and probabilities) that it changes, counted from 0: a list, or a stretch
   * `[from, to)` whose end may be open; default all.
   */
  readonly positions?: readonly number[] | { readonly from: number; readonly to?: number };
}

/** What was read in one prefill or step of an instrumented model. */
export interface SeenActivations {
  /** By name; scores and probabilities are cut to the tokens that there are. */
  readonly activations: Record<string, HostTensor>;
  /** For each row the place in its text of the first token of this run. */
  readonly starts: readonly number[];
}

/** How a model is looked into while it generates. */
export interface Instruments {
  /** Changes of activations in every prefill and step, in this order. */
  readonly edits?: readonly Edit[];
  /** Activations to be read. */
  readonly names?: readonly string[];
  /** Called after each run, with the activations of its tokens. */
  onActivations?(seen: SeenActivations): void;
}
