import type { Checkpoint, ModelConfig, WeightTensor } from '../formats/types.ts';
import type { TokenizerFiles } from '../tokenizers/types.ts';

/** A weight to be saved: its bytes are asked for when its turn comes, and are let go before the next one's. */
export type TensorToSave = Pick<WeightTensor, 'name' | 'shape' | 'type' | 'count' | 'transposed' | 'alias' | 'bytes'>;

/**
 * What is saved: an opened checkpoint, or one with tensors and fields of its own (edited, merged, trained). Names, shapes and
 * configuration are Hugging Face's.
 */
export interface ModelToSave {
  readonly config: ModelConfig;
  readonly tensors: Iterable<TensorToSave>;
  readonly tokenizer?: TokenizerFiles | undefined;
  readonly pooling?: Checkpoint['pooling'] | undefined;
  readonly normalise?: boolean | undefined;
  readonly maxSequenceLength?: number | undefined;
  readonly preprocessor?: Checkpoint['preprocessor'] | undefined;
  /** The Hugging Face folder that the model came from; what stands there beside the weights goes along as it is. */
  readonly folder?: string | undefined;
}

/** Types that a Hugging Face folder's weights are saved in. */
export const savedTypes = ['fp32', 'fp16', 'bf16'] as const;
export type SavedType = (typeof savedTypes)[number];
