import { FormatError } from './format-error.ts';
import { type GgufLayout, ggufLayouts } from './gguf-layouts.ts';
import type { GgufEntry } from './gguf-writer.ts';
import { attentionFactor, originalContextOf, ropeFactorOf, ropeTypeOf, yarnAttentionFactor } from './rope-scaling.ts';
import type { ModelConfig } from './types.ts';

/** The architecture that a model is written as in a GGUF file, with its layout; throws a sentence that names those that are. */
export function ggufArchitectureOf(config: ModelConfig): { architecture: string; layout: GgufLayout } {
  const found = Object.entries(ggufLayouts).find(([, { modelTypes }]) => modelTypes.includes(config.model_type));
  if (found) {
    const [architecture, layout] = found;
    const encoder = architecture === 't5' && config.architectures?.[0] === 'T5EncoderModel';
    return encoder ? { architecture: 't5encoder', layout: ggufLayouts.t5encoder! } : { architecture, layout };
  }
  const known = [...new Set(Object.values(ggufLayouts).flatMap(({ modelTypes }) => modelTypes))].join(', ');
  throw new FormatError(
    `A model of type '${config.model_type}' is not written as GGUF; these are: ${known}. Save it as a Hugging Face folder.`,
  );
}

/**
 * The metadata of a GGUF file that say what the model is, by llama.cpp's keys (`set_gguf_parameters` of its converter), without
 * those of the tokenizer. Throws a sentence where the model does something that llama.cpp does otherwise or not at all.
 */
export function ggufParameters(config: ModelConfig, architecture: string): Map<string, GgufEntry> {
  const parameters = new Map<string, GgufEntry>([['general.architecture', { type: 'string', value: architecture }]]);
  const put: Put = (key: string, type: GgufEntry['type'], value: number | string | undefined | null) => {
    if (value !== undefined && value !== null) parameters.set(`${architecture}.${key}`, { type, value } as GgufEntry);
  };
  put('vocab_size', 'uint32', config.vocab_size);
  const context = config.max_position_embeddings ?? contextOf(config);
  put('context_length', 'uint32', Math.min(context, windowOf(config) ?? context));
  put('embedding_length', 'uint32', config.hidden_size);
  put('block_count', 'uint32', config.num_hidden_layers);
  put('feed_forward_length', 'uint32', config.intermediate_size);
  put('attention.head_count', 'uint32', config.num_attention_heads);
  const family = Object.hasOwn(families, architecture) ? families[architecture]! : llamaParameters;
  if (architecture === 'bert')
    parameters.set('tokenizer.ggml.token_type_count', { type: 'uint32', value: config.type_vocab_size ?? 2 });
  family(config, put, (key, value) => parameters.set(`${architecture}.${key}`, { type: 'bool', value }));
  return parameters;
}

interface Put {
  (key: string, type: 'uint32' | 'float32', value: number | undefined | null): void;
  (key: string, type: 'string', value: string): void;
}
type Family = (config: ModelConfig, put: Put, putFlag: (key: string, value: boolean) => void) => void;

const contextOf = ({ n_positions: positions }: ModelConfig): number =>
  typeof positions === 'number' ? positions : 512;

/**
 * The window of a model that has one in some layer, in tokens. llama.cpp lets these architectures see everything, which is the same for
 * texts no longer than the window: a file says that its context ends there.
 */
export function windowOf(config: ModelConfig): number | undefined {
  const { sliding_window: window, use_sliding_window: used, layer_types: types, model_type: type } = config;
  if (typeof window !== 'number' || used === false || type === 'llama') return undefined;
  const some = Array.isArray(types) ? types.includes('sliding_attention') : type === 'mistral' || used === true;
  return some ? window : undefined;
}

const llamaParameters: Family = (config, put) => {
  refuseActivation(config, 'silu');
  const heads = config.num_attention_heads;
  const headDim = config.head_dim ?? config.hidden_size / heads;
  put('attention.head_count_kv', 'uint32', config.num_key_value_heads ?? heads);
  put('attention.key_length', 'uint32', headDim);
  put('attention.value_length', 'uint32', headDim);
  put('attention.layer_norm_rms_epsilon', 'float32', config.rms_norm_eps ?? 1e-6);
  put('rope.freq_base', 'float32', config.rope_theta ?? 10000);
  put('rope.dimension_count', 'uint32', headDim);
  putScaling(config, put);
};

const smolLm3Parameters: Family = (config, put, putFlag) => {
  const { no_rope_layers: layers, no_rope_layer_interval: interval } = config;
  const every = Array.isArray(layers)
    ? layers.every((turned, layer) => (turned === 1) === ((layer + 1) % 4 !== 0))
    : (interval ?? 4) === 4;
  if (!every)
    throw new FormatError(
      'llama.cpp leaves every fourth layer of SmolLM3 without positions; this model leaves others.',
    );
  llamaParameters(config, put, putFlag);
};

const gpt2Parameters: Family = (config, put) => {
  refuseActivation(config, 'gelu_new', 'gelu_pytorch_tanh', 'gelu_fast');
  if (config.scale_attn_by_inverse_layer_idx === true || config.scale_attn_weights === false)
    throw new FormatError('The model scales its attention by layer or not at all, which llama.cpp does not.');
  put('attention.layer_norm_epsilon', 'float32', config.layer_norm_eps ?? 1e-5);
};

const gptNeoXParameters: Family = (config, put, putFlag) => {
  refuseActivation(config, 'gelu');
  const headDim = config.hidden_size / config.num_attention_heads;
  const share = typeof config.rotary_pct === 'number' ? config.rotary_pct : 0.25;
  put('rope.dimension_count', 'uint32', Math.floor(headDim * share));
  put('rope.freq_base', 'float32', config.rope_theta ?? (config.rotary_emb_base as number | undefined) ?? 10000);
  putScaling(config, put);
  put('attention.layer_norm_epsilon', 'float32', config.layer_norm_eps ?? 1e-5);
  putFlag('use_parallel_residual', config.use_parallel_residual !== false);
};

const bertParameters: Family = (config, put, putFlag) => {
  refuseActivation(config, 'gelu');
  put('attention.layer_norm_epsilon', 'float32', config.layer_norm_eps ?? 1e-12);
  putFlag('attention.causal', false);
};

const t5Parameters: Family = (config, put) => {
  const projection = config.feed_forward_proj ?? 'relu';
  if (projection !== 'relu' && projection !== 'gated-gelu')
    throw new FormatError(`llama.cpp knows T5 with relu or gated-gelu; this model has ${JSON.stringify(projection)}.`);
  if ((config.relative_attention_max_distance ?? 128) !== 128)
    throw new FormatError('llama.cpp counts distances of T5 up to 128 tokens; this model counts to another.');
  put('decoder_block_count', 'uint32', (config.num_decoder_layers as number | undefined) ?? config.num_hidden_layers);
  put('attention.key_length', 'uint32', config.head_dim ?? 64);
  put('attention.value_length', 'uint32', config.head_dim ?? 64);
  put('attention.layer_norm_epsilon', 'float32', config.layer_norm_eps ?? 1e-6);
  put('attention.layer_norm_rms_epsilon', 'float32', config.layer_norm_eps ?? 1e-6);
  put(
    'attention.relative_buckets_count',
    'uint32',
    (config.relative_attention_num_buckets as number | undefined) ?? 32,
  );
  put('decoder_start_token_id', 'uint32', (config.decoder_start_token_id as number | undefined) ?? 0);
};

/**
 * How the rotary embedding is stretched. What llama3 and longrope divide frequencies by is a tensor and no parameter (saving/gguf.ts).
 * llama.cpp multiplies `attn_factor` with the factor of YaRN's authors; without the key it takes theirs.
 */
function putScaling(config: ModelConfig, put: Put): void {
  const { rope_scaling: scaling } = config;
  const type = ropeTypeOf(config);
  if (!scaling || type === 'default' || type === 'llama3' || type === 'longrope') return;
  if (type !== 'linear' && type !== 'yarn') {
    throw new FormatError(
      `The model stretches its rotary embedding as rope_scaling '${type}' says, which GGUF cannot; save it as a Hugging Face folder.`,
    );
  }
  const factor = ropeFactorOf(config);
  put('rope.scaling.type', 'string', type);
  put('rope.scaling.factor', 'float32', factor);
  if (type === 'linear') return;
  if (scaling.truncate === false) {
    throw new FormatError(
      "llama.cpp rounds the dimensions between which YaRN blends; this model does not (rope_scaling 'truncate' is false).",
    );
  }
  const [fast, slow] = [scaling.beta_fast ?? 32, scaling.beta_slow ?? 1];
  if (fast !== 32 || slow !== 1) {
    throw new FormatError(
      `llama.cpp blends YaRN between beta_fast 32 and beta_slow 1 in this architecture; the model has ${fast} and ${slow}. Save it as a Hugging Face folder.`,
    );
  }
  const ours = attentionFactor(config);
  const usual = yarnAttentionFactor(factor);
  put('rope.scaling.original_context_length', 'uint32', originalContextOf(config));
  put('rope.scaling.attn_factor', 'float32', Math.abs(ours / usual - 1) < 1e-7 ? undefined : ours / usual);
}

const families: Record<string, Family> = {
  smollm3: smolLm3Parameters,
  gpt2: gpt2Parameters,
  gptneox: gptNeoXParameters,
  bert: bertParameters,
  t5: t5Parameters,
  t5encoder: t5Parameters,
};

function refuseActivation({ hidden_act: given, model_type: type }: ModelConfig, ...known: string[]): void {
  if (given !== undefined && !known.includes(given))
    throw new FormatError(`llama.cpp runs ${type} with ${known[0]}; this model has ${JSON.stringify(given)}.`);
}
