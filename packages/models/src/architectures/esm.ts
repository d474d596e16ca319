import {
  add,
  cast,
  constant,
  div,
  equal,
  mul,
  onesLike,
  reduceSum,
  sub,
  type Tensor,
  unsqueeze,
  where,
} from '@working-papers/graph';
import type { ModelConfig } from '../formats/types.ts';
import type { WeightSource } from '../types.ts';
import { shower } from './architecture.ts';
import { exchangedPositions } from './combinations.ts';
import {
  attentionOf,
  besidePadding,
  type Encoder,
  type EncoderBlockNames,
  type EncoderConfig,
  type EncoderInput,
  type EncoderParts,
  encoderArchitecture,
  encoderAttention,
  encoderConfigOf,
  encoderMlp,
  mlpOf,
  namesWithin,
  tablePositions,
} from './encoder.ts';
import { type HeadNames, headOutputs } from './encoder-heads.ts';
import type { Positions } from './parts.ts';
import { rotaryPositions, storedRotaryPositions } from './positions.ts';
import { layerNormalisation, normWeight } from './residual.ts';
import { rotaryFrequencies } from './rotary.ts';

export interface EsmConfig extends EncoderConfig {
  rotary: boolean;
  /** Whether embeddings are normed before the blocks. */
  normsEmbedding: boolean;
  /** The mask token of models that were trained with its embedding left out; see {@link withoutMaskTokens}. */
  dropped?: number;
}

export function esmConfig(config: ModelConfig): EsmConfig {
  const whole = encoderConfigOf(config, 'ESM');
  const type = config.position_embedding_type ?? 'absolute';
  if (type !== 'absolute' && type !== 'rotary') {
    throw new Error(
      `Position embeddings of type '${type}' are not built for ESM models, only 'absolute' and 'rotary'.`,
    );
  }
  const rotary = type === 'rotary';
  if (rotary && whole.headDim % 2 !== 0) {
    throw new Error(
      `Rotary positions turn pairs of dimensions; a head of ${whole.headDim} has no whole number of them.`,
    );
  }
  const mask = config.mask_token_id;
  if (config.token_dropout === true && typeof mask !== 'number') {
    throw new Error('The configuration has token_dropout and names no mask_token_id.');
  }
  return {
    ...(rotary ? whole : besidePadding(whole, config.pad_token_id ?? 1)),
    // Whatever hidden_act says, as in the reference.
    activation: 'gelu',
    rotary,
    normsEmbedding: config.emb_layer_norm_before === true,
    ...(config.token_dropout === true ? { dropped: mask as number, embedsRows: true } : {}),
  };
}

const blockNames: EncoderBlockNames & { attentionNorm: string; mlpNorm: string } = {
  query: 'attention.self.query',
  key: 'attention.self.key',
  value: 'attention.self.value',
  attentionOutput: 'attention.output.dense',
  attentionNorm: 'attention.LayerNorm',
  mlpInput: 'intermediate.dense',
  mlpOutput: 'output.dense',
  mlpNorm: 'LayerNorm',
};

const headNames: HeadNames = {
  pooler: 'pooler.dense',
  maskedLm: {
    dense: 'lm_head.dense',
    norm: 'lm_head.layer_norm',
    decoder: 'lm_head.decoder',
    biases: ['lm_head.bias'],
    activation: 'gelu',
  },
  sequence: { from: 'first', dense: 'classifier.dense', output: 'classifier.out_proj' },
};

/** ESM-1b and ESM-2, models of proteins (doi 10.1126/science.ade2574): BERT's blocks with the norm before each of their halves. */
export const esm: Encoder = (modelConfig, weights, input) => {
  const config = esmConfig(modelConfig);
  const base = weights.has('esm.embeddings.word_embeddings.weight') ? 'esm.' : '';
  const parts: EncoderParts = {
    attention: input.parts?.attention ?? encoderAttention,
    positions:
      exchangedPositions(input.parts?.positions, { bidirectional: true }) ??
      positionsOf(modelConfig, config, weights, base, input),
    mlp: input.parts?.mlp ?? encoderMlp,
    norm: input.parts?.norm ?? layerNormalisation,
  };
  const show = shower(input.tap);
  const norm = (x: Tensor, name: string) =>
    parts.norm(x, normWeight(weights, name, 'gain', config.hidden), {
      bias: normWeight(weights, name, 'bias', config.hidden),
      epsilon: config.epsilon,
    });

  let stream = weights.embedding(input.ids, `${base}embeddings.word_embeddings.weight`, config.vocabulary); // [rows, sequence, hidden]
  if (config.dropped !== undefined) stream = withoutMaskTokens(stream, config.dropped, input);
  stream = parts.positions.embed?.(stream, input.positions) ?? stream;
  if (config.normsEmbedding) stream = norm(stream, `${base}embeddings.layer_norm`);
  if (input.padding) stream = mul(stream, unsqueeze(cast(input.padding, 'float32'), [2]));
  stream = show('embedding', stream);
  for (let layer = 0; layer < config.layers; layer++) {
    const names = namesWithin(`${base}encoder.layer.${layer}`, blockNames);
    const block = { config, layer, weights, parts, names, input, show };
    stream = show(`blocks.${layer}.middle`, add(stream, attentionOf(norm(stream, names.attentionNorm), block)));
    stream = show(`blocks.${layer}.residual`, add(stream, mlpOf(norm(stream, names.mlpNorm), block)));
  }
  const hidden = show('norm', norm(stream, `${base}encoder.emb_layer_norm_after`));
  return {
    hidden,
    ...headOutputs({ config, modelConfig, weights, names: headNames, base, hidden, logitsAt: input.logitsAt, show }),
  };
};

/** Share of tokens that were masked in training: 15 %, of which 80 % by the mask token. */
const trainedMaskRatio = 0.15 * 0.8;

/**
 * Embeddings without those of the mask token, scaled as dropout would: by the share of tokens left in training over the share left
 * in this row.
 */
function withoutMaskTokens(stream: Tensor, maskToken: number, { ids, padding }: EncoderInput): Tensor {
  const masked = equal(ids, maskToken);
  const count = reduceSum(cast(masked, 'float32'), [1], { keepDims: true }); // [rows, 1]
  const tokens = reduceSum(cast(padding ?? onesLike(ids), 'float32'), [1], { keepDims: true });
  const scale = div(1 - trainedMaskRatio, sub(1, div(count, tokens)));
  return mul(where(unsqueeze(masked, [2]), constant(0, 'float32'), stream), unsqueeze(scale, [2]));
}

/** Learned positions, or rotary ones. */
function positionsOf(
  modelConfig: ModelConfig,
  config: EsmConfig,
  weights: WeightSource,
  base: string,
  { positionRows }: EncoderInput,
): Positions {
  if (config.rotary) {
    // Checkpoints carry the frequencies that they were trained with, in the precision of the training.
    const stored = ['encoder.layer.0.attention.self.', 'encoder.layer.*.attention.self.', '']
      .map((place) => `${base}${place}rotary_embeddings.inv_freq`)
      .find((name) => weights.has(name));
    if (stored) return storedRotaryPositions(weights.get(stored, [config.headDim / 2]));
    return rotaryPositions(rotaryFrequencies(modelConfig, config.headDim), config.contextLength);
  }
  return tablePositions(weights, `${base}embeddings.position_embeddings.weight`, config, positionRows);
}

export const esmArchitecture = encoderArchitecture(
  ['esm'],
  esmConfig,
  { base: 'esm.', heads: headNames, tokenTypes: false },
  esm,
);
