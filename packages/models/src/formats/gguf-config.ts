import { checkConfig } from './config.ts';
import { show } from './element-types.ts';
import { FormatError } from './format-error.ts';
import type { GgufHeader } from './gguf.ts';
import { type GgufLayout, ggufLayouts } from './gguf-layouts.ts';
import { yarnAttentionFactor } from './rope-scaling.ts';
import type { ModelConfig, RopeScaling } from './types.ts';

/** What the metadata and the tensors of a GGUF file say, by llama.cpp's keys without the architecture before them. */
interface GgufFacts {
  number(key: string): number | undefined;
  flag(key: string): boolean | undefined;
  text(key: string): string | undefined;
  /** An id of the tokenizer's, such as `bos`; null when there is none. */
  id(name: string): number | null;
  hasTensor(ending: string): boolean;
  /** How many kinds of texts a token can belong to. */
  tokenTypes: number | undefined;
}

/** The layout of a file's architecture; throws a sentence that names those that are read. */
export function layoutOfGguf({ metadata }: GgufHeader): GgufLayout {
  const architecture = metadata.get('general.architecture');
  if (typeof architecture === 'string' && Object.hasOwn(ggufLayouts, architecture)) return ggufLayouts[architecture]!;
  throw new FormatError(
    `The GGUF file has the architecture ${show(String(architecture))}; read here are ${Object.keys(ggufLayouts).join(', ')}.`,
  );
}

/**
 * The fields of `config.json` from the metadata of a GGUF file. `divisors` are the numbers of its tensor {@link ropeDivisorsName},
 * where it has one: Llama 3.1's way to stretch the rotary embedding, which `rope_scaling` of type `longrope` says alike.
 */
export function configOfGguf(header: GgufHeader, divisors?: readonly number[]): ModelConfig {
  const layout = layoutOfGguf(header);
  const architecture = header.metadata.get('general.architecture') as string;
  const facts = factsOf(header, architecture);
  if (!divisors && header.tensors.some(({ name }) => name === ropeDivisorsName))
    throw new FormatError(
      `The configuration of this GGUF file needs its tensor ${ropeDivisorsName}, which was not given.`,
    );
  const heads = facts.number('attention.head_count');
  const tokens = header.metadata.get('tokenizer.ggml.tokens');
  const table = header.tensors.find(({ name }) => name === 'token_embd.weight');
  const config = {
    model_type: layout.modelTypes[0],
    architectures: [layout.className],
    vocab_size: facts.number('vocab_size') ?? (Array.isArray(tokens) ? tokens.length : table?.shape[0]),
    hidden_size: facts.number('embedding_length'),
    intermediate_size: facts.number('feed_forward_length'),
    num_hidden_layers: facts.number('block_count'),
    num_attention_heads: heads,
    max_position_embeddings: facts.number('context_length'),
    tie_word_embeddings: !facts.hasTensor('output.weight'),
    bos_token_id: facts.id('bos'),
    eos_token_id: facts.id('eos'),
    pad_token_id: facts.id('padding'),
    ...familyOf(architecture)(facts, heads, divisors),
  };
  return checkConfig(config, 'the GGUF metadata');
}

function factsOf({ metadata, tensors }: GgufHeader, architecture: string): GgufFacts {
  const tokenTypes = metadata.get('tokenizer.ggml.token_type_count');
  const get = (key: string) => metadata.get(`${architecture}.${key}`);
  return {
    number(key) {
      const value = get(key);
      return typeof value === 'number' ? value : typeof value === 'bigint' ? Number(value) : undefined;
    },
    flag(key) {
      const value = get(key);
      return typeof value === 'boolean' ? value : undefined;
    },
    text(key) {
      const value = get(key);
      return value === undefined ? undefined : String(value);
    },
    id(name) {
      const value = metadata.get(`tokenizer.ggml.${name}_token_id`);
      return typeof value === 'number' ? value : null;
    },
    tokenTypes: typeof tokenTypes === 'number' ? tokenTypes : undefined,
    hasTensor: (ending) => tensors.some(({ name }) => name === ending || name.endsWith(`.${ending}`)),
  };
}

/** The file keeps float32; 7 digits give back what was written in config.json. */
const decimal = (value: number | undefined, otherwise: number): number =>
  value === undefined ? otherwise : Number(value.toPrecision(7));

type Family = (
  facts: GgufFacts,
  heads: number | undefined,
  divisors: readonly number[] | undefined,
) => Record<string, unknown>;

/** Fields beside those that every model has. */
function familyOf(architecture: string): Family {
  return Object.hasOwn(families, architecture) ? families[architecture]! : llamaFields;
}

const llamaFields: Family = (facts, heads, divisors) => {
  const hidden = facts.number('embedding_length');
  const headDim = facts.number('attention.key_length') ?? (hidden && heads ? hidden / heads : undefined);
  const turned = facts.number('rope.dimension_count');
  if (turned !== undefined && headDim !== undefined && turned !== headDim) {
    throw new FormatError(
      `The GGUF file turns ${turned} of ${headDim} dimensions of a head (rope.dimension_count); models of this architecture turn all.`,
    );
  }
  return {
    num_key_value_heads: facts.number('attention.head_count_kv') ?? heads,
    head_dim: headDim,
    hidden_act: 'silu',
    rms_norm_eps: decimal(facts.number('attention.layer_norm_rms_epsilon'), 1e-6),
    rope_theta: facts.number('rope.freq_base') ?? 10000,
    rope_scaling: scalingOf(facts, divisors),
    attention_bias: facts.hasTensor('attn_q.bias'),
    mlp_bias: facts.hasTensor('ffn_up.bias'),
  };
};

const gpt2Fields: Family = (facts, heads) => ({
  n_embd: facts.number('embedding_length'),
  n_layer: facts.number('block_count'),
  n_head: heads,
  n_positions: facts.number('context_length'),
  n_inner: facts.number('feed_forward_length'),
  layer_norm_epsilon: decimal(facts.number('attention.layer_norm_epsilon'), 1e-5),
  activation_function: 'gelu_new',
});

const gptNeoXFields: Family = (facts, heads, divisors) => {
  const hidden = facts.number('embedding_length');
  const turned = facts.number('rope.dimension_count');
  const theta = facts.number('rope.freq_base') ?? 10000;
  return {
    rotary_pct: turned && hidden && heads ? turned / (hidden / heads) : 1,
    rotary_emb_base: theta,
    rope_theta: theta,
    rope_scaling: scalingOf(facts, divisors),
    layer_norm_eps: decimal(facts.number('attention.layer_norm_epsilon'), 1e-5),
    use_parallel_residual: facts.flag('use_parallel_residual') ?? true,
    attention_bias: facts.hasTensor('attn_qkv.bias'),
    hidden_act: 'gelu',
  };
};

const bertFields: Family = (facts) => ({
  type_vocab_size: facts.tokenTypes ?? 2,
  layer_norm_eps: decimal(facts.number('attention.layer_norm_epsilon'), 1e-12),
  hidden_act: 'gelu',
});

const t5Fields: Family = (facts, heads) => {
  const gated = facts.hasTensor('ffn_gate.weight');
  return {
    // Only umT5 has a bias in every block.
    ...(facts.hasTensor('blk.1.attn_rel_b.weight')
      ? { model_type: 'umt5', architectures: ['UMT5ForConditionalGeneration'] }
      : {}),
    d_model: facts.number('embedding_length'),
    d_ff: facts.number('feed_forward_length'),
    d_kv: facts.number('attention.key_length'),
    num_layers: facts.number('block_count'),
    num_decoder_layers: facts.number('decoder_block_count') ?? facts.number('block_count'),
    num_heads: heads,
    n_positions: facts.number('context_length'),
    layer_norm_epsilon: decimal(facts.number('attention.layer_norm_rms_epsilon'), 1e-6),
    relative_attention_num_buckets: facts.number('attention.relative_buckets_count') ?? 32,
    relative_attention_max_distance: 128,
    feed_forward_proj: gated ? 'gated-gelu' : 'relu',
    is_gated_act: gated,
    dense_act_fn: gated ? 'gelu_new' : 'relu',
    is_encoder_decoder: facts.hasTensor('dec.output_norm.weight'),
    decoder_start_token_id: facts.number('decoder_start_token_id') ?? 0,
  };
};

const families: Record<string, Family> = {
  gpt2: gpt2Fields,
  gptneox: gptNeoXFields,
  bert: bertFields,
  t5: t5Fields,
  t5encoder: t5Fields,
};

/** The tensor of what each frequency is divided by (llama.cpp's `rope_freqs`). */
export const ropeDivisorsName = 'rope_freqs.weight';

/** `rope_scaling` of the file. llama.cpp takes a factor without a type as linear, and reads an older key. */
function scalingOf(facts: GgufFacts, divisors: readonly number[] | undefined): RopeScaling | null {
  const type = facts.text('rope.scaling.type');
  const context = facts.number('context_length');
  const original = facts.number('rope.scaling.original_context_length') ?? context;
  const factor = decimal(facts.number('rope.scaling.factor') ?? facts.number('rope.scale_linear'), 1) || 1;
  if (divisors?.some((value) => value !== 1)) {
    if (type === 'yarn') {
      throw new FormatError(
        `The GGUF file stretches its rotary embedding twice, by YaRN and by the tensor ${ropeDivisorsName}; one of them is read.`,
      );
    }
    const all = type === 'none' ? divisors : divisors.map((value) => value * factor);
    const bounds = { factor: 1, attention_factor: 1, original_max_position_embeddings: original };
    return { rope_type: 'longrope', ...bounds, short_factor: all, long_factor: all };
  }
  if (type === undefined || type === 'linear') return factor === 1 ? null : { rope_type: 'linear', factor };
  if (type === 'none') return null;
  if (type !== 'yarn') {
    throw new FormatError(
      `The GGUF file stretches its rotary embedding as rope.scaling.type ${show(type)} says; none, linear and yarn are read. Take the safetensors files of this model.`,
    );
  }
  const share = facts.number('rope.scaling.yarn_ext_factor');
  if (share !== undefined && share >= 0 && share !== 1) {
    throw new FormatError(
      `The GGUF file mixes YaRN with the plain rotary embedding (rope.scaling.yarn_ext_factor ${share}); 1 is read. Take the safetensors files of this model.`,
    );
  }
  const fast = facts.number('rope.scaling.yarn_beta_fast');
  const slow = facts.number('rope.scaling.yarn_beta_slow');
  const attention = attentionOf(facts, factor);
  return {
    rope_type: 'yarn',
    factor,
    original_max_position_embeddings: original,
    ...(attention === undefined ? {} : { attention_factor: decimal(attention, 1) }),
    ...(fast === undefined ? {} : { beta_fast: decimal(fast, 32) }),
    ...(slow === undefined ? {} : { beta_slow: decimal(slow, 1) }),
  };
}

/**
 * llama.cpp multiplies `attn_factor` with what YaRN's authors recommend. Its converter writes Hugging Face's `attention_factor` and
 * betas under keys that llama.cpp passes over in these architectures; the model was trained with them.
 */
function attentionOf(facts: GgufFacts, factor: number): number | undefined {
  const more = facts.number('rope.scaling.attn_factor');
  return more === undefined ? facts.number('rope.scaling.yarn_attn_factor') : more * yarnAttentionFactor(factor);
}
