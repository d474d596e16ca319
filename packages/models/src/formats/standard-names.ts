/**
 * The names that a model type gives to the usual fields (`attribute_map` of transformers' configurations), and how
 * transformers 5 writes the rotary embedding.
 */
const t5 = {
  hidden_size: 'd_model',
  num_hidden_layers: 'num_layers',
  num_attention_heads: 'num_heads',
  intermediate_size: 'd_ff',
  head_dim: 'd_kv',
  layer_norm_eps: 'layer_norm_epsilon',
};
const bart = {
  hidden_size: 'd_model',
  num_hidden_layers: 'encoder_layers',
  num_attention_heads: 'encoder_attention_heads',
  intermediate_size: 'encoder_ffn_dim',
  hidden_act: 'activation_function',
};

const aliases: Record<string, Record<string, string>> = {
  gpt2: {
    hidden_size: 'n_embd',
    num_hidden_layers: 'n_layer',
    num_attention_heads: 'n_head',
    max_position_embeddings: 'n_positions',
    intermediate_size: 'n_inner',
    layer_norm_eps: 'layer_norm_epsilon',
    hidden_act: 'activation_function',
  },
  distilbert: {
    hidden_size: 'dim',
    num_hidden_layers: 'n_layers',
    num_attention_heads: 'n_heads',
    intermediate_size: 'hidden_dim',
    hidden_act: 'activation',
  },
  t5,
  mt5: t5,
  umt5: t5,
  bart,
  mbart: bart,
  marian: bart,
};

/** Fields that transformers leaves out of a file where they have these values. */
const defaults: Record<string, Record<string, unknown>> = {
  gpt2: { n_embd: 768, n_layer: 12, n_head: 12, n_positions: 1024, vocab_size: 50257 },
  distilbert: { dim: 768, n_layers: 6, n_heads: 12, hidden_dim: 3072, vocab_size: 30522 },
  clip_text_model: {
    vocab_size: 49408,
    hidden_size: 512,
    intermediate_size: 2048,
    num_hidden_layers: 12,
    num_attention_heads: 8,
    max_position_embeddings: 77,
  },
  clip_vision_model: {
    hidden_size: 768,
    intermediate_size: 3072,
    num_hidden_layers: 12,
    num_attention_heads: 12,
    image_size: 224,
    patch_size: 32,
  },
};

/** A configuration with the usual fields beside those of its model type; nothing that was there is changed. */
export function withStandardNames(config: Record<string, unknown>): Record<string, unknown> {
  const type = String(config.model_type);
  const own = { ...defaults[type], ...config };
  const named: Record<string, unknown> = { ...own };
  for (const [field, alias] of Object.entries(aliases[type] ?? {})) {
    if (own[alias] !== undefined && own[alias] !== null) named[field] = own[alias];
  }
  if (type === 'gpt2' && (own.n_inner === undefined || own.n_inner === null)) {
    named.intermediate_size = 4 * Number(named.hidden_size);
  }
  const rotary = own.rope_parameters;
  if (typeof rotary === 'object' && rotary !== null && !Array.isArray(rotary)) {
    const { rope_theta, ...scaling } = rotary as Record<string, unknown>;
    if (rope_theta !== undefined && own.rope_theta === undefined) named.rope_theta = rope_theta;
    if (own.rope_scaling === undefined && scaling.rope_type !== 'default') named.rope_scaling = scaling;
    if (own.rotary_pct === undefined && scaling.partial_rotary_factor !== undefined) {
      named.rotary_pct = scaling.partial_rotary_factor;
    }
  }
  return named;
}
