/** What `rope_scaling` of Hugging Face's configurations says of a stretched rotary embedding (transformers, modeling_rope_utils.py). */
import type { ModelConfig } from './types.ts';

/** How a configuration stretches its rotary embedding; `default` where it does not. */
export const ropeTypeOf = ({ rope_scaling: scaling }: Pick<ModelConfig, 'rope_scaling'>): string =>
  scaling?.rope_type ?? scaling?.type ?? 'default';

/**
 * What queries and keys are both multiplied by after their rotation, so that scores are by its square (YaRN, arXiv 2309.00071,
 * section 3.4); 1 where the rotary embedding is not stretched so.
 */
export function attentionFactor(config: ModelConfig): number {
  const { rope_scaling: scaling } = config;
  const type = ropeTypeOf(config);
  if (!scaling || (type !== 'yarn' && type !== 'longrope')) return 1;
  if (typeof scaling.attention_factor === 'number') return scaling.attention_factor;
  const factor = ropeFactorOf(config);
  if (type === 'longrope')
    return factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(originalContextOf(config)));
  const { mscale, mscale_all_dim: all } = scaling;
  return mscale && all
    ? yarnAttentionFactor(factor, Number(mscale)) / yarnAttentionFactor(factor, Number(all))
    : yarnAttentionFactor(factor);
}

/** The factor that YaRN's authors recommend (arXiv 2309.00071, eq. 22), with the multiplier `mscale` of DeepSeek. */
export const yarnAttentionFactor = (factor: number, mscale = 1): number =>
  factor <= 1 ? 1 : 0.1 * mscale * Math.log(factor) + 1;

/** Tokens of the context before it was stretched: transformers takes what stands outside of `rope_scaling` first, and the whole context where there is nothing. */
export function originalContextOf(config: ModelConfig): number {
  const { original_max_position_embeddings: outside, max_position_embeddings: context, rope_scaling: scaling } = config;
  return Number(outside ?? scaling?.original_max_position_embeddings ?? context ?? 8192);
}

/** How much longer the context is than the one before; 1 where nothing says. */
export function ropeFactorOf(config: ModelConfig): number {
  const { max_position_embeddings: context, rope_scaling: scaling } = config;
  if (typeof scaling?.factor === 'number') return scaling.factor;
  const known = ['yarn', 'longrope'].includes(ropeTypeOf(config));
  return known && context !== undefined ? context / originalContextOf(config) : 1;
}
