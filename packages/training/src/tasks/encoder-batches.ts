/** Encoders over padded batches of about one length. */
import { input, type Tensor } from '@working-papers/graph';
import {
  encoderOf,
  type ModelConfig,
  type Tap,
  trainingEncoderAttention,
  type WeightSource,
} from '@working-papers/models';
import { bucketed, padded } from '../data/batch.ts';
import { tensorsOf } from '../data/batch-source.ts';
import type { Sequence } from '../data/sequence.ts';
import { mapped } from '../data/stages.ts';
import type { Stream } from '../data/stream.ts';
import type { Layout } from './layout.ts';
import type { TrainableModel } from './trainable-model.ts';

/** Throws a sentence unless the model is an encoder of texts. */
export function encoderFor(model: TrainableModel, does: string): void {
  try {
    encoderOf(model.config);
  } catch (error) {
    throw new Error(
      `${model.reference} is of the type '${model.config.model_type}'; what ${does} here is an encoder (BERT and its kin). Take one of those.`,
      { cause: error },
    );
  }
}

export interface EncoderBatchOptions {
  seed: number;
  /** Rows of every batch, where they are the same in all. */
  rows?: number;
  /** Whether the tokens of two texts are told apart. */
  pairs?: boolean;
}

/** A whole pass of an encoder over the inputs of batches, and batches of sequences of about one length. */
export function encoderBatches(layout: Layout, { seed, rows, pairs = false }: EncoderBatchOptions) {
  const grid = (name: string) => input(name, 'int64', [rows ?? 'rows', 'length']);
  const [ids, mask] = [grid('ids'), grid('mask')];
  const tokenTypes = pairs ? grid('tokenTypes') : undefined;
  return {
    mask,
    /** Outputs of a model; a masked language model's logits at those places alone. */
    forward(weights: WeightSource, config: ModelConfig, { tap, logitsAt }: { tap?: Tap; logitsAt?: Tensor } = {}) {
      const { inputs, forward } = encoderOf(config);
      const typed = tokenTypes && inputs(config).optional.includes('tokenTypes') ? { tokenTypes } : {};
      const parts = { attention: trainingEncoderAttention };
      return forward(config, weights, { ids, mask, ...typed }, { tap, parts, logitsAt });
    },
    batchesOf: (sequences: Stream<Sequence>, epoch: number) =>
      mapped(padded(bucketed(sequences, { rows: layout.batch, seed, epoch }), layout.padding), tensorsOf),
  };
}

/** A tap among options, where there is one. */
export const tapped = (tap: Tap | undefined): { tap?: Tap } => (tap ? { tap } : {});
