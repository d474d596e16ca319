import { show } from './element-types.ts';
import { FormatError } from './format-error.ts';
import type { GgufHeader } from './gguf.ts';
import type { ModelConfig } from './types.ts';

/** Fields that must be whole numbers from 1, and the largest value that is still believed. */
const sizes: Record<string, number> = {
  vocab_size: 2 ** 24,
  hidden_size: 2 ** 20,
  intermediate_size: 2 ** 22,
  num_hidden_layers: 4096,
  num_attention_heads: 4096,
};
const optionalSizes: Record<string, number> = {
  num_key_value_heads: 4096,
  head_dim: 2 ** 16,
  max_position_embeddings: 2 ** 31,
  type_vocab_size: 2 ** 16,
};

/** A parsed `config.json`, checked where a lie would cost memory: sizes are whole numbers inside believable limits. */
export function checkConfig(value: unknown, file: string): ModelConfig {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new FormatError(`${file} is not a JSON object.`);
  const config = value as Record<string, unknown>;
  if (typeof config.model_type !== 'string') throw new FormatError(`${file} names no model_type.`);
  for (const [field, most] of Object.entries(sizes)) checkSize(config[field], field, most, file);
  for (const [field, most] of Object.entries(optionalSizes)) {
    if (config[field] !== undefined && config[field] !== null) checkSize(config[field], field, most, file);
  }
  return config as ModelConfig;
}

function checkSize(value: unknown, field: string, most: number, file: string): void {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > most) {
    throw new FormatError(
      `${field} in ${file} is ${show(String(value))}; it must be a whole number from 1 to ${most}.`,
    );
  }
}

/** GGUF architectures whose tensors have the Llama layout, and their Hugging Face classes. */
const architectures: Record<string, string> = {
  llama: 'LlamaForCausalLM',
  qwen2: 'Qwen2ForCausalLM',
  qwen3: 'Qwen3ForCausalLM',
};

/** The fields of `config.json` from the metadata of a GGUF file. */
export function configOfGguf(header: GgufHeader): ModelConfig {
  const { metadata, tensors } = header;
  const architecture = metadata.get('general.architecture');
  if (typeof architecture !== 'string' || !Object.hasOwn(architectures, architecture)) {
    throw new FormatError(
      `The GGUF file has the architecture ${show(String(architecture))}; read here are ${Object.keys(architectures).join(', ')}.`,
    );
  }
  if (
    tensors.some((tensor) => tensor.name === 'rope_freqs.weight') ||
    isScaled(metadata.get(`${architecture}.rope.scaling.type`))
  ) {
    throw new FormatError(
      'The GGUF file stretches its rotary embedding (rope scaling); take the safetensors files of this model.',
    );
  }
  const number = (key: string): number | undefined => {
    const value = metadata.get(`${architecture}.${key}`);
    return typeof value === 'number' ? value : typeof value === 'bigint' ? Number(value) : undefined;
  };
  const id = (key: string): number | null => {
    const value = metadata.get(`tokenizer.ggml.${key}_token_id`);
    return typeof value === 'number' ? value : null;
  };
  const tokens = metadata.get('tokenizer.ggml.tokens');
  const heads = number('attention.head_count');
  const hidden = number('embedding_length');
  const epsilon = number('attention.layer_norm_rms_epsilon');
  const config = {
    model_type: architecture,
    architectures: [architectures[architecture]!],
    vocab_size: number('vocab_size') ?? (Array.isArray(tokens) ? tokens.length : undefined),
    hidden_size: hidden,
    intermediate_size: number('feed_forward_length'),
    num_hidden_layers: number('block_count'),
    num_attention_heads: heads,
    num_key_value_heads: number('attention.head_count_kv') ?? heads,
    head_dim: number('attention.key_length') ?? (hidden && heads ? hidden / heads : undefined),
    hidden_act: 'silu',
    max_position_embeddings: number('context_length'),
    // the file keeps a float32; 7 digits give back what was written in config.json
    rms_norm_eps: epsilon === undefined ? 1e-6 : Number(epsilon.toPrecision(7)),
    rope_theta: number('rope.freq_base') ?? 10000,
    rope_scaling: null,
    tie_word_embeddings: !tensors.some((tensor) => tensor.name === 'output.weight'),
    attention_bias: tensors.some((tensor) => tensor.name.endsWith('.attn_q.bias')),
    mlp_bias: tensors.some((tensor) => tensor.name.endsWith('.ffn_up.bias')),
    bos_token_id: id('bos'),
    eos_token_id: id('eos'),
    pad_token_id: id('padding'),
  };
  return checkConfig(config, 'the GGUF metadata');
}

function isScaled(scaling: unknown): boolean {
  return scaling !== undefined && scaling !== 'none';
}
