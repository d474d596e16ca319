import {
  add,
  constant,
  gather,
  gelu,
  layerNorm,
  matmul,
  mul,
  multiHeadAttention,
  relu,
  reshape,
  silu,
  skipLayerNorm,
  softmax,
  split,
  type Tensor,
  transpose,
} from '@working-papers/graph';
import type { ModelConfig } from '../formats/types.ts';
import type { Tap, WeightSource } from '../types.ts';
import { type BertConfig, bertConfig } from './bert-config.ts';

export interface BertAttentionInput {
  config: BertConfig;
  layer: number;
  /** Queries, keys and values, each `[rows, sequence, hidden]`. */
  query: Tensor;
  key: Tensor;
  value: Tensor;
  /** Added to the scores, `[rows or 1, 1 or heads, sequence, sequence]`. */
  mask?: Tensor;
  /** Shows an activation under `blocks.N.attention.` and this name. */
  tap(name: string, tensor: Tensor): Tensor;
}

export interface BertParts {
  /** Answers `[rows, sequence, hidden]`, before the output product. */
  attention(input: BertAttentionInput): Tensor;
}

export interface BertInput {
  /** int64 `[rows, sequence]` */
  ids: Tensor;
  /** int64 `[rows, sequence]`: the place of each token in its own text. */
  positions: Tensor;
  /** int64 `[rows, sequence]`; default all 0. */
  tokenTypes?: Tensor;
  /** Added to the scores, `[rows or 1, 1 or heads, sequence, sequence]`; without one every token sees its whole row. */
  mask?: Tensor;
  parts?: Partial<BertParts>;
  /**
   * Sees or replaces activations by name: `embedding`, `blocks.N.attention.{query, key, value, scores, probabilities, heads,
   * output}`, `blocks.N.middle`, `blocks.N.mlp.{hidden, output}`, `blocks.N.output`. Scores and probabilities exist in the
   * dense form only.
   */
  tap?: Tap;
}

/**
 * An encoder of the BERT family (arXiv 1810.04805): blocks with the norm after each sum. Returns the last hidden states
 * `[rows, sequence, hidden]`. Names of weights are those of Hugging Face's BertModel, with or without the prefix `bert.`.
 */
export function bert(modelConfig: ModelConfig, weights: WeightSource, input: BertInput): { hidden: Tensor } {
  const config = bertConfig(modelConfig);
  const prefix = weights.has('bert.embeddings.word_embeddings.weight') ? 'bert.' : '';
  const attention = input.parts?.attention ?? (input.mask || input.tap ? denseAttention : flashAttention);
  const tap = (name: string, tensor: Tensor): Tensor => input.tap?.(name, tensor) ?? tensor;
  const vector = (name: string) => weights.get(`${prefix}${name}`, [config.hidden]);
  const linear = (x: Tensor, name: string) => weights.linear(x, `${prefix}${name}.weight`, `${prefix}${name}.bias`);

  let hidden = tap('embedding', embed(weights, `${prefix}embeddings`, input, config));
  for (let layer = 0; layer < config.layers; layer++) {
    const block = `blocks.${layer}`;
    const name = `encoder.layer.${layer}`;
    const addNorm = (delta: Tensor, norm: string): Tensor =>
      skipLayerNorm(
        hidden,
        delta,
        vector(`${name}.${norm}.LayerNorm.weight`),
        vector(`${name}.${norm}.LayerNorm.bias`),
        {
          epsilon: config.epsilon,
        },
      ).output;

    const projections = ['query', 'key', 'value'].map((part) => `${prefix}${name}.attention.self.${part}`);
    const joined = weights.linear(
      hidden,
      projections.map((part) => `${part}.weight`),
      projections.map((part) => `${part}.bias`),
    ); // [rows, sequence, 3 hidden]
    const [query, key, value] = split(joined, [config.hidden, config.hidden, config.hidden], -1) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    const heads = attention({
      config,
      layer,
      query: tap(`${block}.attention.query`, query),
      key: tap(`${block}.attention.key`, key),
      value: tap(`${block}.attention.value`, value),
      mask: input.mask,
      tap: (part, tensor) => tap(`${block}.attention.${part}`, tensor),
    });
    const attended = linear(tap(`${block}.attention.heads`, heads), `${name}.attention.output.dense`);
    hidden = tap(`${block}.middle`, addNorm(tap(`${block}.attention.output`, attended), 'attention.output'));

    const inner = activate(config, linear(hidden, `${name}.intermediate.dense`)); // [rows, sequence, intermediate]
    const mlp = linear(tap(`${block}.mlp.hidden`, inner), `${name}.output.dense`);
    hidden = tap(`${block}.output`, addNorm(tap(`${block}.mlp.output`, mlp), 'output'));
  }
  return { hidden };
}

function embed(weights: WeightSource, prefix: string, input: BertInput, config: BertConfig): Tensor {
  const words = weights.embedding(input.ids, `${prefix}.word_embeddings.weight`);
  const places = gather(weights.get(`${prefix}.position_embeddings.weight`), input.positions, 0);
  const types = gather(
    weights.get(`${prefix}.token_type_embeddings.weight`),
    input.tokenTypes ?? constant([0], 'int64'),
    0,
  ); // [rows, sequence, hidden] or [1, hidden]
  const sum = add(add(words, types), places);
  return layerNorm(sum, weights.get(`${prefix}.LayerNorm.weight`), weights.get(`${prefix}.LayerNorm.bias`), {
    epsilon: config.epsilon,
  });
}

function activate(config: BertConfig, x: Tensor): Tensor {
  return config.activation === 'gelu' ? gelu(x) : config.activation === 'relu' ? relu(x) : silu(x);
}

/** The fused kernel, which never holds the scores; every token sees its whole row. */
export const flashAttention: BertParts['attention'] = ({ config, query, key, value }) =>
  multiHeadAttention({ query, key, value }, { heads: config.heads }).output;

/** Softmax attention in plain operations, under any mask. */
export const denseAttention: BertParts['attention'] = ({ config, query, key, value, mask, tap }) => {
  const { heads, headDim, hidden } = config;
  const [rows, sequence] = query.shape as [number | string, number | string];
  const apart = (x: Tensor) => transpose(reshape(x, [rows, sequence, heads, headDim]), [0, 2, 1, 3]);
  const products = matmul(mul(apart(query), 1 / Math.sqrt(headDim)), transpose(apart(key), [0, 1, 3, 2]));
  const scores = tap('scores', mask ? add(products, mask) : products); // [rows, heads, sequence, sequence]
  const probabilities = tap('probabilities', softmax(scores, -1));
  return reshape(transpose(matmul(probabilities, apart(value)), [0, 2, 1, 3]), [rows, sequence, hidden]);
};
