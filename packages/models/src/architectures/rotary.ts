import type { ModelConfig } from '../formats/types.ts';
import { stretchedFrequencies } from './rope-scaling.ts';

/** One angle per position for each pair of a head's dimensions: angle = position * inverse[i]. */
export type RotaryFrequencies = Float64Array;

/**
 * The inverse frequencies `[headDim / 2]` of rotary position embeddings (RoFormer, arXiv 2104.09864, eq. 15):
 * theta^(-2i / headDim), stretched as `rope_scaling` says.
 */
export function rotaryFrequencies(config: ModelConfig, headDim: number): RotaryFrequencies {
  const theta = config.rope_theta ?? 10000;
  const inverse = Float64Array.from({ length: headDim / 2 }, (_, i) => theta ** ((-2 * i) / headDim));
  return stretchedFrequencies(inverse, config);
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
