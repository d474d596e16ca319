import type { ModelConfig } from '../formats/types.ts';
import { refuseWindow } from './combinations.ts';
import { decoderConfigOf } from './decoder.ts';
import type { DecoderConfig } from './parts.ts';

export interface Gpt2Config extends DecoderConfig {
  tiedHead: boolean;
  /** Whether a layer's scores are also divided by its number, counted from 1. */
  scaleByLayer: boolean;
}

export function gpt2Config(config: ModelConfig): Gpt2Config {
  refuseWindow(config, 'sees all tokens before');
  if (config.scale_attn_weights === false) throw new Error('GPT-2 models without scaled attention are not built.');
  return {
    ...decoderConfigOf(config, 'GPT-2', { activation: 'gelu_new', contextLength: 1024 }),
    tiedHead: config.tie_word_embeddings ?? true,
    scaleByLayer: config.scale_attn_by_inverse_layer_idx === true,
  };
}
