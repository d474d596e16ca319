import {
  add,
  argMax,
  cast,
  div,
  equal,
  exp,
  gather,
  layerNorm,
  matmul,
  mul,
  range,
  reduceSum,
  ShapeError,
  sqrt,
  squeeze,
  type Tensor,
  transpose,
  unsqueeze,
} from '@working-papers/graph';
import type { ModelConfig } from '../formats/types.ts';
import type { WeightSource } from '../types.ts';
import {
  type Architecture,
  type ForwardOptions,
  type ForwardTensors,
  given,
  looksWithin,
  shower,
} from './architecture.ts';
import { type ClipTextConfig, clipTextConfig, clipTowers, clipVisionConfig } from './clip-config.ts';
import { causalMask, paddingMask } from './masks.ts';
import { embedPatches, type VisionConfig } from './patches.ts';
import { places } from './positions.ts';
import { type PreNormNames, type PreNormParts, preNormBlocks } from './pre-norm.ts';
import type { ImageEncoderArchitecture } from './vit.ts';

/** A row of the table of architectures for models that put texts and images into one space. */
export interface DualEncoderArchitecture extends Architecture {
  readonly kind: 'dual-encoder';
  /** Of the tower that reads; absent where the checkpoint holds the other alone. */
  textConfig(config: ModelConfig): ClipTextConfig | undefined;
  /** Of the tower that looks. */
  visionConfig(config: ModelConfig): VisionConfig | undefined;
}

/**
 * CLIP (arXiv 2103.00020): of texts `textEmbeds` `[rows, projection]`, of images `imageEmbeds` `[images, projection]`, both of
 * length 1, and of both together their cosines times exp(logit_scale), `logitsPerImage` `[images, rows]` and its transpose
 * `logitsPerText`. Activations are those of the towers behind `text.` and `vision.`. Names of weights are those of Hugging
 * Face's CLIPModel.
 */
export function clip(
  config: ModelConfig,
  weights: WeightSource,
  inputs: ForwardTensors,
  { tap, parts }: ForwardOptions,
): Record<string, Tensor> {
  const { text, vision } = clipTowers(config);
  if (!inputs.ids && !inputs.pixels) throw new ShapeError('A CLIP model needs token ids, pixels or both; got neither.');
  const show = shower(tap);
  const within = (tower: string): ForwardOptions => ({
    tap:
      tap &&
      Object.assign((name: string, x: Tensor) => tap(`${tower}.${name}`, x), { withinAttention: looksWithin(tap) }),
    parts,
  });
  const textEmbeds =
    inputs.ids && show('textEmbeds', unit(clipText(text!, weights, inputs, within('text')).textEmbeds!));
  const imageEmbeds =
    inputs.pixels &&
    show('imageEmbeds', unit(clipVision(vision!, weights, inputs.pixels, within('vision')).imageEmbeds!));
  if (!textEmbeds || !imageEmbeds) return textEmbeds ? { textEmbeds } : { imageEmbeds: imageEmbeds! };
  const logitsPerImage = show('logitsPerImage', clipLogits(weights, textEmbeds, imageEmbeds));
  const logitsPerText = show('logitsPerText', transpose(logitsPerImage, [1, 0]));
  return { textEmbeds, imageEmbeds, logitsPerImage, logitsPerText };
}

/** Cosines of embeddings of length 1 times exp(logit_scale): `[images, rows]`. */
export function clipLogits(weights: WeightSource, textEmbeds: Tensor, imageEmbeds: Tensor): Tensor {
  return mul(matmul(imageEmbeds, transpose(textEmbeds, [1, 0])), exp(weights.get('logit_scale', [])));
}

/** Each row divided by its length. */
const unit = (x: Tensor): Tensor => div(x, sqrt(reduceSum(mul(x, x), [-1], { keepDims: true })));

/**
 * The tower that reads: causal blocks over learned positions. `hidden` `[rows, sequence, hidden]` after the last norm, `pooled`
 * at the end of each text, and `textEmbeds` `[rows, projection]`, not of length 1, where the checkpoint has a projection.
 */
export function clipText(
  modelConfig: ModelConfig,
  weights: WeightSource,
  inputs: ForwardTensors,
  options: ForwardOptions,
): Record<string, Tensor> {
  const config = clipTextConfig(modelConfig);
  const ids = given(inputs, 'ids', 'CLIP');
  const tap = shower(options.tap);
  const positions = weights.get('text_model.embeddings.position_embedding.weight', [
    config.contextLength,
    config.hidden,
  ]);
  const embedding = add(
    weights.embedding(ids, 'text_model.embeddings.token_embedding.weight', config.vocabulary),
    gather(positions, inputs.positions ?? places(ids), 0),
  );
  const causal = unsqueeze(causalMask(ids.shape[1]!), [0, 1]);
  const { normed } = preNormBlocks(config, weights, {
    stream: tap('embedding', embedding),
    names: (layer) => clipNames(`text_model.encoder.layers.${layer}`),
    finalNorm: 'text_model.final_layer_norm',
    mask: inputs.mask ? add(causal, paddingMask(inputs.mask)) : causal,
    parts: options.parts as Partial<PreNormParts> | undefined,
    tap,
    watched: looksWithin(options.tap),
  });
  const hidden = tap('norm', normed);
  const pooled = tap('pooled', atEndOfText(hidden, ids, config));
  if (!weights.has('text_projection.weight')) return { hidden, pooled };
  return { hidden, pooled, textEmbeds: weights.linear(pooled, 'text_projection.weight') };
}

/** The hidden state `[rows, hidden]` at each row's first end-of-text token (its first token where it has none). */
function atEndOfText(hidden: Tensor, ids: Tensor, { endOfText }: ClipTextConfig): Tensor {
  const place = argMax(endOfText === undefined ? ids : cast(equal(ids, endOfText), 'int32'), 1, { keepDims: true });
  const chosen = cast(equal(range(0, ids.shape[1]!), place), 'float32'); // [rows, sequence]
  return squeeze(matmul(unsqueeze(chosen, [1]), hidden), [1]);
}

/**
 * The tower that looks: `hidden` `[images, 1 + patches, hidden]` before the last norm, `pooled` `[images, hidden]` (the class
 * token after it), and `imageEmbeds` `[images, projection]`, not of length 1, where the checkpoint has a projection.
 */
export function clipVision(
  modelConfig: ModelConfig,
  weights: WeightSource,
  pixels: Tensor,
  options: ForwardOptions,
): Record<string, Tensor> {
  const config = clipVisionConfig(modelConfig);
  const tap = shower(options.tap);
  const embedding = embedPatches(weights, pixels, config, {
    projection: 'vision_model.embeddings.patch_embedding.weight',
    classToken: 'vision_model.embeddings.class_embedding',
    positions: 'vision_model.embeddings.position_embedding.weight',
  });
  const first = (part: string) => weights.get(`vision_model.pre_layrnorm.${part}`, [config.hidden]);
  const { stream, normed } = preNormBlocks(config, weights, {
    stream: tap('embedding', layerNorm(embedding, first('weight'), first('bias'), { epsilon: config.epsilon })),
    names: (layer) => clipNames(`vision_model.encoder.layers.${layer}`),
    finalNorm: 'vision_model.post_layernorm',
    parts: options.parts as Partial<PreNormParts> | undefined,
    tap,
    watched: looksWithin(options.tap),
  });
  const pooled = tap('pooled', gather(tap('norm', normed), 0, 1));
  if (!weights.has('visual_projection.weight')) return { hidden: stream, pooled };
  return { hidden: stream, pooled, imageEmbeds: weights.linear(pooled, 'visual_projection.weight') };
}

const clipNames = (block: string): PreNormNames => ({
  attentionNorm: `${block}.layer_norm1`,
  query: `${block}.self_attn.q_proj`,
  key: `${block}.self_attn.k_proj`,
  value: `${block}.self_attn.v_proj`,
  attentionOutput: `${block}.self_attn.out_proj`,
  mlpNorm: `${block}.layer_norm2`,
  inner: `${block}.mlp.fc1`,
  outer: `${block}.mlp.fc2`,
});

/** Both towers, or the one that reads alone (CLIPTextModel, CLIPTextModelWithProjection). */
export const clipArchitecture: DualEncoderArchitecture = {
  kind: 'dual-encoder',
  types: ['clip', 'clip_text_model'],
  textConfig: (config) => clipTextConfig(clipTowers(config).text!),
  visionConfig(config) {
    const { vision } = clipTowers(config);
    return vision && clipVisionConfig(vision);
  },
  facts(config) {
    this.visionConfig(config);
    return this.textConfig(config)!;
  },
  inputs: ({ model_type }) =>
    model_type === 'clip'
      ? { required: [], optional: ['ids', 'mask', 'positions', 'pixels'] }
      : { required: ['ids'], optional: ['mask', 'positions'] },
  forward: (config, weights, inputs, options) =>
    config.model_type === 'clip' ? clip(config, weights, inputs, options) : clipText(config, weights, inputs, options),
};

/** The tower that looks alone (CLIPVisionModel, CLIPVisionModelWithProjection). */
export const clipVisionArchitecture: ImageEncoderArchitecture = {
  kind: 'image-encoder',
  types: ['clip_vision_model'],
  visionConfig: clipVisionConfig,
  facts: clipVisionConfig,
  inputs: () => ({ required: ['pixels'], optional: [] }),
  forward: (config, weights, inputs, options) =>
    clipVision(config, weights, given(inputs, 'pixels', 'CLIP vision'), options),
};
