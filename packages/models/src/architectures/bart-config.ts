import type { ModelConfig } from '../formats/types.ts';
import { activationOf } from './activations.ts';
import { refuseWindow } from './combinations.ts';
import { headWidth, wholeField } from './config-fields.ts';
import type { DecoderConfig } from './parts.ts';
import { type Seq2SeqConfig, startingIds } from './seq2seq.ts';

/** What the models of the family differ in. */
interface Form {
  /** The norm before each sublayer, and one more after the last; otherwise after each sum. */
  preNorm: boolean;
  /** Of the embeddings with their positions. */
  embeddingNorm: boolean;
  positions: 'learned' | 'sinusoidal';
}

const forms: Record<string, Form> = {
  bart: { preNorm: false, embeddingNorm: true, positions: 'learned' },
  mbart: { preNorm: true, embeddingNorm: true, positions: 'learned' },
  marian: { preNorm: false, embeddingNorm: false, positions: 'sinusoidal' },
};

/** Model types that {@link bartConfig} reads. */
export const bartTypes = Object.keys(forms);

/** The numbers that a BART-type graph is built from. */
export interface BartConfig extends Seq2SeqConfig, Form {
  /** Factor of the embeddings. */
  embeddingScale: number;
}

/** Reads a `config.json`. Throws a sentence when the model needs something that is not built. */
export function bartConfig(config: ModelConfig): BartConfig {
  refuseWindow(config, 'has none in its encoder, its decoder and what lies between them');
  const activation = config.hidden_act ?? 'gelu';
  activationOf(activation, 'BART');
  if (config.share_encoder_decoder_embeddings === false)
    throw new Error('Encoders and decoders with vocabularies of their own are not built.');
  const half = (name: 'encoder' | 'decoder'): DecoderConfig => {
    const heads = wholeField(config, `${name}_attention_heads`, undefined, 4096);
    return {
      layers: wholeField(config, `${name}_layers`, undefined, 4096),
      hidden: config.hidden_size,
      intermediate: wholeField(config, `${name}_ffn_dim`, undefined, 2 ** 22),
      vocabulary: config.vocab_size,
      heads,
      kvHeads: heads,
      headDim: headWidth(config.hidden_size, heads),
      activation,
      epsilon: 1e-5,
      contextLength: config.max_position_embeddings ?? 1024,
    };
  };
  return {
    ...forms[config.model_type]!,
    encoder: half('encoder'),
    decoder: half('decoder'),
    embeddingScale: config.scale_embedding === true ? Math.sqrt(config.hidden_size) : 1,
    ...startingIds(config, undefined),
  };
}
