import type { Tensor } from '@working-papers/graph';
import type { WeightSource } from '../types.ts';
import { type EncoderConfig, type EncoderParts, encoderAttention, encoderMlp } from './encoder.ts';
import { biased } from './linear.ts';
import { addNorm, layerNormalisation } from './residual.ts';

/** The exchangeable parts of blocks with the norm before each part. */
export type PreNormParts = Pick<EncoderParts, 'attention' | 'mlp' | 'norm'>;

/** What a block's weights are called, without `.weight` and `.bias`. */
export interface PreNormNames {
  attentionNorm: string;
  query: string;
  key: string;
  value: string;
  attentionOutput: string;
  mlpNorm: string;
  inner: string;
  outer: string;
}

export interface PreNormInput {
  /** `[rows, sequence, hidden]` */
  stream: Tensor;
  names(layer: number): PreNormNames;
  /** The norm after the last block, without `.weight` and `.bias`. */
  finalNorm: string;
  /** Added to the scores, `[rows or 1, 1 or heads, sequence, sequence]`; without one every token sees its whole row. */
  mask?: Tensor | undefined;
  parts?: Partial<PreNormParts> | undefined;
  tap(name: string, tensor: Tensor): Tensor;
  watched: boolean;
}

/**
 * The blocks of a transformer with the norm before each part (arXiv 2002.04745), as ViT and both towers of CLIP have them:
 * the stream after the last one and that stream normalised, both `[rows, sequence, hidden]`.
 */
export function preNormBlocks(
  config: EncoderConfig,
  weights: WeightSource,
  { names, finalNorm, mask, tap, watched, ...input }: PreNormInput,
): { stream: Tensor; normed: Tensor } {
  const { epsilon, hidden } = config;
  const parts: PreNormParts = {
    attention: encoderAttention,
    mlp: encoderMlp,
    norm: layerNormalisation,
    ...input.parts,
  };
  const normOf = (name: string) => ({
    gain: weights.get(`${name}.weight`, [hidden]),
    bias: weights.get(`${name}.bias`, [hidden]),
    epsilon,
  });
  let { stream } = input;
  const first = normOf(config.layers > 0 ? names(0).attentionNorm : finalNorm);
  let normed = parts.norm(stream, first.gain, first);

  for (let layer = 0; layer < config.layers; layer++) {
    const block = `blocks.${layer}`;
    const name = names(layer);
    const projections = [name.query, name.key, name.value];
    const [query, key, value] = weights.apart(
      normed,
      projections.map((projection) => `${projection}.weight`),
      weights.has(`${name.query}.bias`) ? projections.map((projection) => `${projection}.bias`) : undefined,
    );
    const heads = parts.attention({
      config,
      layer,
      query: tap(`${block}.attention.query`, query!),
      key: tap(`${block}.attention.key`, key!),
      value: tap(`${block}.attention.value`, value!),
      mask,
      tap: (part, tensor) => tap(`${block}.attention.${part}`, tensor),
      watched,
    });
    const attended = biased(weights, tap(`${block}.attention.heads`, heads), name.attentionOutput);
    const middle = addNorm(
      stream,
      tap(`${block}.attention.output`, attended),
      parts.norm,
      normOf(name.mlpNorm),
      (sum) => tap(`${block}.middle`, sum),
    );
    const mlp = parts.mlp({
      config,
      layer,
      x: middle.normed,
      weights,
      names: { input: name.inner, output: name.outer },
      tap: (part, tensor) => tap(`${block}.mlp.${part}`, tensor),
    });
    const next = layer + 1 < config.layers ? names(layer + 1).attentionNorm : finalNorm;
    ({ normed, sum: stream } = addNorm(middle.sum, tap(`${block}.mlp.output`, mlp), parts.norm, normOf(next), (sum) =>
      tap(`${block}.residual`, sum),
    ));
  }
  return { stream, normed };
}
