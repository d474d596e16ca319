import { input, slice } from '@working-papers/graph';
import { decoderOf } from '../architectures/index.ts';
import type { DecoderParts } from '../architectures/parts.ts';
import type { ModelConfig } from '../formats/types.ts';
import type { WeightSource } from '../types.ts';
import type { PositionKinds } from './slot-layout.ts';

/** Learns how a decoder makes places known by building its graph around an attention that only looks; nothing is compiled. */
export function positionKindsOf(
  modelConfig: ModelConfig,
  weights: WeightSource,
  parts: Partial<DecoderParts> | undefined,
): PositionKinds {
  const kinds: PositionKinds = { rotates: false, biases: false, embeds: false, windowed: true };
  decoderOf(modelConfig).build(modelConfig, weights, {
    ids: input('ids', 'int64', ['rows', 'sequence']),
    positions: input('positions', 'float32', ['rows', 'sequence']),
    parts: {
      ...parts,
      attention({ qkv, positions, window, config: { heads, headDim } }) {
        kinds.windowed &&= window !== undefined;
        kinds.rotates ||= positions.rotate !== undefined;
        kinds.biases ||= positions.bias !== undefined;
        kinds.embeds ||= positions.embed !== undefined;
        return { output: slice(qkv, 2, 0, heads * headDim), key: qkv, value: qkv };
      },
    },
  });
  return kinds;
}
