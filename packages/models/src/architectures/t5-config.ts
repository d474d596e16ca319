import type { ModelConfig } from '../formats/types.ts';
import { activationOf } from './activations.ts';
import { refuseWindow } from './combinations.ts';
import { wholeField } from './config-fields.ts';
import type { DecoderConfig } from './parts.ts';
import type { RelativeBuckets } from './positions.ts';
import { type Seq2SeqConfig, startingIds } from './seq2seq.ts';

/** The numbers that a T5-type graph is built from. */
export interface T5Config extends Seq2SeqConfig {
  /** Factor of the last hidden states before a head that shares its matrix with the embeddings. */
  headScale: number;
  buckets: Omit<RelativeBuckets, 'bidirectional'>;
  /** Whether each layer has a bias of its own (umT5); otherwise all share the first one's. */
  biasOfLayer: boolean;
}

/** Model types that {@link t5Config} reads. */
export const t5Types = ['t5', 'mt5', 'umt5'] as const;

/** Reads a `config.json`. Throws a sentence when the model needs something that is not built. */
export function t5Config(config: ModelConfig): T5Config {
  refuseWindow(config, 'has none in its encoder, its decoder and what lies between them');
  const activation = activationOfProjection(config.feed_forward_proj);
  activationOf(activation, 'T5');
  const buckets = wholeField(config, 'relative_attention_num_buckets', 32);
  const maxDistance = wholeField(config, 'relative_attention_max_distance', 128, 2 ** 16);
  if (buckets < 4 || maxDistance <= buckets / 2) {
    throw new Error(
      `T5 needs at least 4 buckets and a largest distance above half of them; got ${buckets} and ${maxDistance}.`,
    );
  }
  const encoder: DecoderConfig = {
    layers: config.num_hidden_layers,
    hidden: config.hidden_size,
    intermediate: config.intermediate_size,
    vocabulary: config.vocab_size,
    heads: config.num_attention_heads,
    kvHeads: config.num_attention_heads,
    headDim: config.head_dim ?? 64,
    scale: 1,
    activation,
    epsilon: config.layer_norm_eps ?? 1e-6,
    contextLength: wholeField(config, 'n_positions', 512),
  };
  // mT5 never scales, whatever its configuration says of the tie.
  const scaled = config.model_type === 'mt5' ? false : (config.scale_decoder_outputs ?? config.tie_word_embeddings);
  return {
    encoder,
    decoder: { ...encoder, layers: wholeField(config, 'num_decoder_layers', encoder.layers) },
    headScale: scaled === false ? 1 : encoder.hidden ** -0.5,
    buckets: { buckets, maxDistance },
    biasOfLayer: config.model_type === 'umt5',
    ...startingIds(config, config.pad_token_id ?? 0),
  };
}

/** `relu`, or `gated-gelu` as in version 1.1, whose GELU is the tanh formula. */
function activationOfProjection(given: unknown): string {
  const projection = typeof given === 'string' ? given : 'relu';
  const parts = projection.split('-');
  if (projection === 'gated-gelu') return 'gelu_new';
  if (parts.length === 1 || (parts.length === 2 && parts[0] === 'gated')) return parts.at(-1)!;
  throw new Error(`feed_forward_proj must be an activation or 'gated-' and one; got '${projection}'.`);
}
