import type { Tensor } from '@working-papers/graph';
import type { ModelConfig, WeightTensor } from '@working-papers/models';
import type { LoraConfig } from './lora-config.ts';

/** What an adapter is made for: configuration and weights of a checkpoint, none of the weights read. */
export interface BaseModel {
  readonly config: ModelConfig;
  readonly tensors: ReadonlyMap<string, WeightTensor>;
}

/** Numbers of an adapter, float32, the last axis fastest. */
export interface AdapterTensor {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** A weight that an adapter can change, and how the model uses it. */
export interface AdaptableWeight {
  /** Its name in the checkpoint: `h.0.attn.c_attn.weight`. A tied head has that of the table. */
  readonly weight: string;
  /** The module that holds it in transformers' class of the model: `transformer.h.0.attn.c_attn`. */
  readonly module: string;
  /** Whether it is multiplied with, or rows of it are looked up. */
  readonly kind: 'linear' | 'embedding';
  /** Numbers that go in; rows of a table. */
  readonly inFeatures: number;
  /** Numbers that come out; width of a table. */
  readonly outFeatures: number;
  /** Whether the architecture keeps it as `[in, out]` (GPT-2's Conv1D). */
  readonly inOut: boolean;
  /** Whether it gives the logits of tokens, or of a text's classes. */
  readonly head: boolean;
}

/** A weight W with its low-rank update: W + scale B A. */
export interface LoraLayer extends AdaptableWeight {
  readonly r: number;
  readonly alpha: number;
}

/** A weight that is trained as a whole in place of the base's. */
export interface WholeWeight {
  /** As transformers' class of the model calls it, which is its name in {@link AdapterCommon.tensors}: `classifier.weight`. */
  readonly name: string;
  /** Its name in the checkpoint; a tied head has that of the table. */
  readonly weight: string;
  /** Whether it takes the base's place in products or as a table alone, where a tied head has both; default wherever it is asked for. */
  readonly only?: 'linear' | 'embedding' | undefined;
}

interface AdapterCommon {
  /** What peft calls the task, and takes the class of the model from: `CAUSAL_LM`, `SEQ_CLS`, ... */
  readonly taskType?: string | undefined;
  /** All that is trained, by the names of the PEFT layout without `base_model.model.`: `...q_proj.lora_A.weight`. */
  readonly tensors: ReadonlyMap<string, AdapterTensor>;
}

/** LoRA (arXiv 2106.09685): low-rank updates of chosen weights, and weights that are trained whole. */
export interface LoraAdapter extends AdapterCommon {
  readonly kind: 'lora';
  readonly config: LoraConfig;
  readonly layers: readonly LoraLayer[];
  readonly whole: readonly WholeWeight[];
}

/** Prompt tuning (arXiv 2104.08691): embeddings of virtual tokens before a text's, the tensor `prompt_embeddings` `[tokens, hidden]`. */
export interface PromptAdapter extends AdapterCommon {
  readonly kind: 'prompt';
  readonly tokens: number;
  readonly layers: number;
  readonly heads: number;
  readonly hidden: number;
}

/**
 * Prefix tuning (arXiv 2101.00190): keys and values before those of a text in every layer, the tensor `prompt_embeddings`
 * `[tokens, 2 layers kvHeads headDim]`: of each token the key and then the value of each layer, its heads beside each other.
 */
export interface PrefixAdapter extends AdapterCommon {
  readonly kind: 'prefix';
  readonly tokens: number;
  readonly layers: number;
  readonly kvHeads: number;
  readonly headDim: number;
}

export type Adapter = LoraAdapter | PromptAdapter | PrefixAdapter;

/** The tensor of a graph that stands for a tensor of an adapter: an input where it is trained. */
export type TensorOf = (name: string, shape: readonly number[]) => Tensor;
