import type { ModelConfig } from '../formats/types.ts';
import { type RotaryFrequencies, rotaryFrequencies } from './rotary.ts';

/** The numbers that a Llama-type graph is built from, with every default of the family filled in. */
export interface LlamaConfig {
  layers: number;
  hidden: number;
  intermediate: number;
  vocabulary: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  epsilon: number;
  /** Tokens that the model was trained for; a sliding window makes it smaller, because inside the window all is the same. */
  contextLength: number;
  rotary: RotaryFrequencies;
  tiedHead: boolean;
}

const families = ['llama', 'mistral', 'qwen2'];

/** Whether {@link llama} builds this model's architecture. */
export const isLlama = (config: ModelConfig): boolean => families.includes(config.model_type);

/** Reads a `config.json`. Throws a sentence when the model needs something that is not built. */
export function llamaConfig(config: ModelConfig): LlamaConfig {
  if (!isLlama(config)) {
    throw new Error(`The architecture '${config.model_type}' is not of the Llama family (${families.join(', ')}).`);
  }
  const activation = config.hidden_act ?? 'silu';
  if (activation !== 'silu')
    throw new Error(`The activation '${activation}' is not built for Llama models, only 'silu'.`);
  const heads = config.num_attention_heads;
  const kvHeads = config.num_key_value_heads ?? heads;
  const headDim = config.head_dim ?? config.hidden_size / heads;
  if (heads % kvHeads !== 0) throw new Error(`${heads} query heads cannot share ${kvHeads} key heads evenly.`);
  if (!Number.isInteger(headDim) || headDim % 2 !== 0) {
    throw new Error(
      `A head must be an even whole number wide; ${config.hidden_size} over ${heads} heads gives ${headDim}.`,
    );
  }
  const trained = config.max_position_embeddings ?? 2048;
  const window = config.use_sliding_window === false ? undefined : config.sliding_window;
  return {
    layers: config.num_hidden_layers,
    hidden: config.hidden_size,
    intermediate: config.intermediate_size,
    vocabulary: config.vocab_size,
    heads,
    kvHeads,
    headDim,
    epsilon: config.rms_norm_eps ?? 1e-6,
    contextLength: typeof window === 'number' ? Math.min(trained, window) : trained,
    rotary: rotaryFrequencies(config, headDim),
    tiedHead: config.tie_word_embeddings ?? false,
  };
}
