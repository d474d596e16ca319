import type { ModelConfig } from '../formats/types.ts';
import type { BertFamily } from './bert.ts';
import { wholeField } from './config-fields.ts';
import { besidePadding, type EncoderConfig, encoderConfigOf } from './encoder.ts';
import { relativePositions } from './positions.ts';

/** BERT (arXiv 1810.04805). */
export const bertFamily: BertFamily = {
  types: ['bert'],
  base: 'bert.',
  config: (config) => absolute(config, encoderConfigOf(config, 'BERT')),
  layer: (layer) => `encoder.layer.${layer}`,
  block: {
    query: 'attention.self.query',
    key: 'attention.self.key',
    value: 'attention.self.value',
    attentionOutput: 'attention.output.dense',
    attentionNorm: 'attention.output.LayerNorm',
    mlpInput: 'intermediate.dense',
    mlpOutput: 'output.dense',
    mlpNorm: 'output.LayerNorm',
  },
  tokenTypes: true,
  heads: {
    pooler: 'pooler.dense',
    maskedLm: {
      dense: 'cls.predictions.transform.dense',
      norm: 'cls.predictions.transform.LayerNorm',
      decoder: 'cls.predictions.decoder',
      biases: ['cls.predictions.bias', 'cls.predictions.decoder.bias'],
    },
    sequence: { from: 'pooled', output: 'classifier' },
    choice: { from: 'pooled', output: 'classifier' },
  },
};

/** RoBERTa (arXiv 1907.11692) and XLM-RoBERTa (arXiv 1911.02116): positions counted from the padding token on. */
export const robertaFamily: BertFamily = {
  ...bertFamily,
  types: ['roberta', 'xlm-roberta'],
  base: 'roberta.',
  config: (config) => absolute(config, besidePadding(encoderConfigOf(config, 'RoBERTa'), config.pad_token_id ?? 1)),
  heads: {
    pooler: 'pooler.dense',
    maskedLm: {
      dense: 'lm_head.dense',
      norm: 'lm_head.layer_norm',
      decoder: 'lm_head.decoder',
      biases: ['lm_head.bias', 'lm_head.decoder.bias'],
      activation: 'gelu',
    },
    sequence: { from: 'first', dense: 'classifier.dense', output: 'classifier.out_proj' },
    choice: { from: 'pooled', output: 'classifier' },
  },
};

/** MPNet (arXiv 2004.09297): RoBERTa's positions, and a relative bias that all layers share. */
export const mpnetFamily: BertFamily = {
  ...robertaFamily,
  types: ['mpnet'],
  base: 'mpnet.',
  // The padding token is 1 whatever the configuration says, as in the reference.
  config: (config) => besidePadding(encoderConfigOf(config, 'MPNet'), 1),
  block: {
    query: 'attention.attn.q',
    key: 'attention.attn.k',
    value: 'attention.attn.v',
    attentionOutput: 'attention.attn.o',
    attentionNorm: 'attention.LayerNorm',
    mlpInput: 'intermediate.dense',
    mlpOutput: 'output.dense',
    mlpNorm: 'output.LayerNorm',
  },
  tokenTypes: false,
  // 32 buckets whatever relative_attention_num_buckets says, as in the reference.
  relative: (weights, base) =>
    relativePositions(weights.get(`${base}encoder.relative_attention_bias.weight`), {
      buckets: 32,
      maxDistance: 128,
      bidirectional: true,
    }),
};

/** DistilBERT (arXiv 1910.01108). */
export const distilbertFamily: BertFamily = {
  types: ['distilbert'],
  base: 'distilbert.',
  config: (config) => ({ ...encoderConfigOf(config, 'DistilBERT'), epsilon: 1e-12 }),
  layer: (layer) => `transformer.layer.${layer}`,
  block: {
    query: 'attention.q_lin',
    key: 'attention.k_lin',
    value: 'attention.v_lin',
    attentionOutput: 'attention.out_lin',
    attentionNorm: 'sa_layer_norm',
    mlpInput: 'ffn.lin1',
    mlpOutput: 'ffn.lin2',
    mlpNorm: 'output_layer_norm',
  },
  tokenTypes: false,
  heads: {
    maskedLm: {
      dense: 'vocab_transform',
      norm: 'vocab_layer_norm',
      decoder: 'vocab_projector',
      biases: ['vocab_projector.bias'],
    },
    sequence: { from: 'first', dense: 'pre_classifier', activation: 'relu', output: 'classifier' },
    choice: { from: 'first', dense: 'pre_classifier', activation: 'relu', output: 'classifier' },
  },
};

/** ALBERT (arXiv 1909.11942): layers of a group share their weights; narrower embeddings. */
export const albertFamily: BertFamily = {
  types: ['albert'],
  base: 'albert.',
  config(config) {
    const { groups, inner } = albertGroups(config);
    const whole = absolute(config, encoderConfigOf(config, 'ALBERT', 'gelu_new'));
    if (groups > whole.layers) throw new Error(`num_hidden_groups ${groups} is more than the ${whole.layers} layers.`);
    return { ...whole, layers: whole.layers * inner };
  },
  layer(layer, config) {
    const { groups, inner } = albertGroups(config);
    const group = Math.floor(Math.floor(layer / inner) / (config.num_hidden_layers / groups));
    return `encoder.albert_layer_groups.${group}.albert_layers.${layer % inner}`;
  },
  block: {
    query: 'attention.query',
    key: 'attention.key',
    value: 'attention.value',
    attentionOutput: 'attention.dense',
    attentionNorm: 'attention.LayerNorm',
    mlpInput: 'ffn',
    mlpOutput: 'ffn_output',
    mlpNorm: 'full_layer_layer_norm',
  },
  tokenTypes: true,
  embeddingProjection: 'encoder.embedding_hidden_mapping_in',
  heads: {
    pooler: 'pooler',
    maskedLm: {
      dense: 'predictions.dense',
      norm: 'predictions.LayerNorm',
      decoder: 'predictions.decoder',
      biases: ['predictions.bias', 'predictions.decoder.bias'],
    },
    sequence: { from: 'pooled', output: 'classifier' },
    choice: { from: 'pooled', output: 'classifier' },
  },
};

/** Groups of layers that share weights, and layers inside a group. */
function albertGroups(config: ModelConfig): { groups: number; inner: number } {
  return {
    groups: wholeField(config, 'num_hidden_groups', 1, 4096),
    inner: wholeField(config, 'inner_group_num', 1, 4096),
  };
}

function absolute(config: ModelConfig, whole: EncoderConfig): EncoderConfig {
  const type = config.position_embedding_type ?? 'absolute';
  if (type === 'absolute') return whole;
  throw new Error(
    `Position embeddings of type '${type}' are not built for '${config.model_type}' models, only 'absolute'.`,
  );
}
