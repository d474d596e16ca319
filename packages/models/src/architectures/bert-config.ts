import type { ModelConfig } from '../formats/types.ts';

/** The numbers that a BERT-type graph is built from. */
export interface BertConfig {
  layers: number;
  hidden: number;
  intermediate: number;
  heads: number;
  headDim: number;
  epsilon: number;
  activation: 'gelu' | 'relu' | 'silu';
  /** Positions that the model has embeddings for. */
  contextLength: number;
}

/** Whether {@link bert} builds this model's architecture. */
export const isBert = (config: ModelConfig): boolean => config.model_type === 'bert';

/** Reads a `config.json`. Throws a sentence when the model needs something that is not built. */
export function bertConfig(config: ModelConfig): BertConfig {
  if (!isBert(config)) throw new Error(`The architecture '${config.model_type}' is not BERT.`);
  const activation = config.hidden_act ?? 'gelu';
  if (activation !== 'gelu' && activation !== 'relu' && activation !== 'silu') {
    throw new Error(`The activation '${activation}' is not built for BERT models; 'gelu', 'relu' and 'silu' are.`);
  }
  const relative = config.position_embedding_type;
  if (relative !== undefined && relative !== 'absolute') {
    throw new Error(`Position embeddings of type '${relative}' are not built for BERT models, only 'absolute'.`);
  }
  return {
    layers: config.num_hidden_layers,
    hidden: config.hidden_size,
    intermediate: config.intermediate_size,
    heads: config.num_attention_heads,
    headDim: config.hidden_size / config.num_attention_heads,
    epsilon: config.layer_norm_eps ?? 1e-12,
    activation,
    contextLength: config.max_position_embeddings ?? 512,
  };
}
