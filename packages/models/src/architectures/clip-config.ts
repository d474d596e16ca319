import type { ModelConfig } from '../formats/types.ts';
import { type EncoderConfig, encoderConfigOf } from './encoder.ts';
import { type VisionConfig, visionConfig } from './patches.ts';

export interface ClipTextConfig extends EncoderConfig {
  /** The token whose first place is the end of a text; without one it is the place of the row's largest id. */
  endOfText?: number;
}

/** The numbers of a text tower; its configuration is `text_config` of a whole CLIP model. */
export function clipTextConfig(config: ModelConfig): ClipTextConfig {
  const end = config.eos_token_id ?? 49407;
  if (typeof end !== 'number') throw new Error('CLIP models with several end-of-text tokens are not built.');
  return {
    ...encoderConfigOf(config, 'CLIP', 'quick_gelu'),
    epsilon: config.layer_norm_eps ?? 1e-5,
    contextLength: config.max_position_embeddings ?? 77,
    // Configurations from before transformers 4.31 say 2 whatever the token is, which was then the largest id.
    ...(end === 2 ? {} : { endOfText: end }),
  };
}

/** The numbers of a vision tower; its configuration is `vision_config` of a whole CLIP model. */
export function clipVisionConfig(config: ModelConfig): VisionConfig {
  return visionConfig(config, 'CLIP', { activation: 'quick_gelu', epsilon: 1e-5 });
}

/** The configurations of the towers that a checkpoint of this type has. */
export function clipTowers(config: ModelConfig): { text?: ModelConfig; vision?: ModelConfig } {
  if (config.model_type === 'clip_text_model') return { text: config };
  if (config.model_type === 'clip_vision_model') return { vision: config };
  return { text: config.text_config as ModelConfig, vision: config.vision_config as ModelConfig };
}
