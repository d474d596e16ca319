/**
 * Rotary embeddings stretched to longer contexts, as `rope_scaling` of Hugging Face's configurations says (transformers,
 * modeling_rope_utils.py).
 */
import { originalContextOf, ropeFactorOf, ropeTypeOf } from '../formats/rope-scaling.ts';
import type { ModelConfig, RopeScaling } from '../formats/types.ts';

interface Stretching {
  scaling: RopeScaling;
  /** How much longer the context is than the one before. */
  factor: number;
  /** Tokens of the context before. */
  original: number;
  theta: number;
}

/** New inverse frequencies from the plain ones. */
type Stretch = (inverse: Float64Array, stretching: Stretching) => Float64Array;

const stretches: Record<string, Stretch> = {
  /** Position interpolation (arXiv 2306.15595). */
  linear: (inverse, { factor }) => inverse.map((value) => value / factor),
  llama3,
  yarn,
  longrope,
};

/** Inverse frequencies `[half]`, each theta^(-i / half), stretched. Throws a sentence for a way that is not built. */
export function stretchedFrequencies(inverse: Float64Array, config: ModelConfig): Float64Array {
  const type = ropeTypeOf(config);
  const scaling = config.rope_scaling;
  if (!scaling || type === 'default') return inverse;
  if (!Object.hasOwn(stretches, type)) {
    const known = Object.keys(stretches).map((name) => `'${name}'`);
    throw new Error(`The rotary scaling '${type}' is not built; 'default', ${known.join(', ')} are.`);
  }
  const [factor, original, theta] = [ropeFactorOf(config), originalContextOf(config), config.rope_theta ?? 10000];
  const stretched = stretches[type]!(inverse, { scaling, factor, original, theta });
  if (stretched.every((value) => Number.isFinite(value) && value >= 0)) return stretched;
  throw new Error(`The numbers of rope_scaling '${type}' give frequencies that are none; they must fit each other.`);
}

/** Llama 3.1: long wavelengths are divided by the factor, short ones kept, those between blended. */
function llama3(inverse: Float64Array, { scaling, factor, original }: Stretching): Float64Array {
  const low = Number(scaling.low_freq_factor ?? 1);
  const high = Number(scaling.high_freq_factor ?? 4);
  return inverse.map((value) => {
    const wavelength = (2 * Math.PI) / value;
    if (wavelength < original / high) return value;
    if (wavelength > original / low) return value / factor;
    const blend = (original / wavelength - low) / (high - low);
    return ((1 - blend) * value) / factor + blend * value;
  });
}

/** YaRN (arXiv 2309.00071, section 3.2): as linear where a frequency turns rarely over the context before, kept where often, blended between. */
function yarn(inverse: Float64Array, { scaling, factor, original, theta }: Stretching): Float64Array {
  const width = 2 * inverse.length;
  /** The dimension that turns so often over the context before. */
  const dimensionOf = (turns: number) => (width * Math.log(original / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  const whole = scaling.truncate !== false;
  const fast = dimensionOf(Number(scaling.beta_fast ?? 32));
  const slow = dimensionOf(Number(scaling.beta_slow ?? 1));
  const low = Math.max(whole ? Math.floor(fast) : fast, 0);
  const high = Math.min(whole ? Math.ceil(slow) : slow, width - 1);
  return inverse.map((value, i) => {
    const ramp = Math.min(Math.max((i - low) / (high === low ? 0.001 : high - low), 0), 1);
    return (value / factor) * ramp + value * (1 - ramp);
  });
}

/** LongRoPE (arXiv 2402.13753) whose divisors are the same for short and for long texts: one a frequency. */
function longrope(inverse: Float64Array, { scaling }: Stretching): Float64Array {
  const { short_factor: short, long_factor: long } = scaling as { short_factor?: number[]; long_factor?: number[] };
  if (!short || !long)
    throw new Error("The rotary scaling 'longrope' needs short_factor and long_factor; rope_scaling lacks one.");
  if (short.length !== inverse.length || long.length !== inverse.length) {
    throw new Error(
      `short_factor and long_factor of rope_scaling hold ${short.length} and ${long.length} numbers; a head turns by ${inverse.length} frequencies.`,
    );
  }
  if (short.some((value, i) => value !== long[i])) {
    throw new Error(
      "The rotary scaling 'longrope' is built where short_factor and long_factor are the same; this model changes its frequencies with the length of the text.",
    );
  }
  return inverse.map((value, i) => value / short[i]!);
}
