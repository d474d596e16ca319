import { gather, type Tensor } from '@working-papers/graph';
import type { ModelConfig } from '../formats/types.ts';
import type { WeightSource } from '../types.ts';
import { activationOf } from './activations.ts';
import { type Architecture, type ForwardOptions, given, looksWithin, shower } from './architecture.ts';
import { embedPatches, type VisionConfig, visionConfig } from './patches.ts';
import { type PreNormNames, type PreNormParts, preNormBlocks } from './pre-norm.ts';

/** A row of the table of architectures for a model that looks at images. */
export interface ImageEncoderArchitecture extends Architecture {
  readonly kind: 'image-encoder';
  visionConfig(config: ModelConfig): VisionConfig;
}

/** Reads a `config.json`. Throws a sentence when the model needs something that is not built. */
export function vitConfig(config: ModelConfig): VisionConfig {
  const read = visionConfig(config, 'ViT', { activation: 'gelu', epsilon: 1e-12 });
  activationOf(poolerActivation(config), 'ViT');
  return read;
}

const poolerActivation = (config: ModelConfig): string => String(config.pooler_act ?? 'tanh');

/**
 * A Vision Transformer (arXiv 2010.11929): `hidden` `[images, 1 + patches, hidden]` after the last norm, `pooled` (the class
 * token, through the pooler where the checkpoint has one) and, with a classification head, `logits` `[images, labels]`. Names of
 * weights are those of Hugging Face's ViTModel, with or without the prefix `vit.`.
 */
export function vit(
  modelConfig: ModelConfig,
  weights: WeightSource,
  pixels: Tensor,
  options: ForwardOptions,
): Record<string, Tensor> {
  const config = vitConfig(modelConfig);
  const prefix = weights.has('vit.embeddings.cls_token') ? 'vit.' : '';
  const tap = shower(options.tap);
  const embedding = embedPatches(weights, pixels, config, {
    projection: `${prefix}embeddings.patch_embeddings.projection.weight`,
    bias: `${prefix}embeddings.patch_embeddings.projection.bias`,
    classToken: `${prefix}embeddings.cls_token`,
    positions: `${prefix}embeddings.position_embeddings`,
  });
  const { normed } = preNormBlocks(config, weights, {
    stream: tap('embedding', embedding),
    names: (layer) => vitNames(`${prefix}encoder.layer.${layer}`),
    finalNorm: `${prefix}layernorm`,
    parts: options.parts as Partial<PreNormParts> | undefined,
    tap,
    watched: looksWithin(options.tap),
  });
  const hidden = tap('norm', normed);
  const first = gather(hidden, 0, 1); // [images, hidden]
  const pooler = `${prefix}pooler.dense`;
  const pooled = tap(
    'pooled',
    weights.has(`${pooler}.weight`)
      ? activationOf(poolerActivation(modelConfig), 'ViT')(weights.linear(first, `${pooler}.weight`, `${pooler}.bias`))
      : first,
  );
  if (!weights.has('classifier.weight')) return { hidden, pooled };
  return { hidden, pooled, logits: tap('logits', weights.linear(first, 'classifier.weight', 'classifier.bias')) };
}

const vitNames = (block: string): PreNormNames => ({
  attentionNorm: `${block}.layernorm_before`,
  query: `${block}.attention.attention.query`,
  key: `${block}.attention.attention.key`,
  value: `${block}.attention.attention.value`,
  attentionOutput: `${block}.attention.output.dense`,
  mlpNorm: `${block}.layernorm_after`,
  inner: `${block}.intermediate.dense`,
  outer: `${block}.output.dense`,
});

export const vitArchitecture: ImageEncoderArchitecture = {
  kind: 'image-encoder',
  types: ['vit'],
  visionConfig: vitConfig,
  facts: vitConfig,
  inputs: () => ({ required: ['pixels'], optional: [] }),
  forward: (config, weights, inputs, options) => vit(config, weights, given(inputs, 'pixels', 'vit'), options),
};
