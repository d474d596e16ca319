import type { ModelConfig } from '../formats/types.ts';

/** One angle per position for each pair of a head's dimensions: angle = position * inverse[i]. */
export type RotaryFrequencies = Float64Array;

/**
 * The inverse frequencies `[headDim / 2]` of rotary position embeddings (RoFormer, arXiv 2104.09864, eq. 15):
 * theta^(-2i / headDim), stretched as `rope_scaling` says (`linear` and `llama3` are built).
 */
export function rotaryFrequencies(config: ModelConfig, headDim: number): RotaryFrequencies {
  const theta = config.rope_theta ?? 10000;
  const inverse = new Float64Array(headDim / 2);
  for (let i = 0; i < inverse.length; i++) inverse[i] = theta ** ((-2 * i) / headDim);
  const scaling = config.rope_scaling;
  const type = scaling?.rope_type ?? scaling?.type ?? 'default';
  if (!scaling || type === 'default') return inverse;
  const factor = scaling.factor ?? 1;
  if (type === 'linear') return inverse.map((value) => value / factor);
  if (type === 'llama3') return stretchLlama3(inverse, factor, scaling);
  throw new Error(`The rotary scaling '${type}' is not built; 'default', 'linear' and 'llama3' are.`);
}

/** Llama 3.1: long wavelengths are divided by the factor, short ones kept, those between blended (transformers, modeling_rope_utils). */
function stretchLlama3(inverse: Float64Array, factor: number, scaling: Record<string, unknown>): Float64Array {
  const low = Number(scaling.low_freq_factor ?? 1);
  const high = Number(scaling.high_freq_factor ?? 4);
  const original = Number(scaling.original_max_position_embeddings ?? 8192);
  return inverse.map((value) => {
    const wavelength = (2 * Math.PI) / value;
    if (wavelength < original / high) return value;
    if (wavelength > original / low) return value / factor;
    const blend = (original / wavelength - low) / (high - low);
    return ((1 - blend) * value) / factor + blend * value;
  });
}

/** Cosines and sines of every position below `positions`, `[positions, headDim / 2]` each. */
export function rotaryTables(
  frequencies: RotaryFrequencies,
  positions: number,
): { cos: Float32Array; sin: Float32Array } {
  const half = frequencies.length;
  const cos = new Float32Array(positions * half);
  const sin = new Float32Array(positions * half);
  for (let position = 0; position < positions; position++) {
    for (let i = 0; i < half; i++) {
      // PyTorch multiplies position and frequency in float32; agreeing with it at long positions needs the same rounding.
      const angle = Math.fround(position * Math.fround(frequencies[i]!));
      cos[position * half + i] = Math.cos(angle);
      sin[position * half + i] = Math.sin(angle);
    }
  }
  return { cos, sin };
}
