import { checkOptional, checkSize, checkText, sizes } from './config-fields.ts';
import { FormatError } from './format-error.ts';
import { withStandardNames } from './standard-names.ts';
import type { ModelConfig } from './types.ts';

/** Sizes that a model lacks: it reads no tokens, or they stand in configurations of its parts. */
const lacking: Record<string, readonly string[]> = {
  vit: ['vocab_size'],
  clip_vision_model: ['vocab_size'],
  clip: Object.keys(sizes),
};

/** Fields that hold configurations of parts, and the model types that these have. */
const composed: Record<string, Record<string, string>> = {
  clip: { text_config: 'clip_text_model', vision_config: 'clip_vision_model' },
};

/**
 * A parsed `config.json` with the usual names of its fields, checked where a lie would cost memory: sizes are whole numbers
 * inside believable limits.
 */
export function checkConfig(value: unknown, file: string): ModelConfig {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new FormatError(`${file} is not a JSON object.`);
  const { model_type: type } = value as Record<string, unknown>;
  if (typeof type !== 'string') throw new FormatError(`${file} names no model_type.`);
  checkText(type, 'model_type', file);
  const config = withStandardNames(value as Record<string, unknown>);
  for (const [field, part] of Object.entries(Object.hasOwn(composed, type) ? composed[type]! : {})) {
    const { [field]: own = {} } = config;
    if (typeof own !== 'object' || own === null || Array.isArray(own))
      throw new FormatError(`${field} in ${file} is not a JSON object.`);
    const checked = checkConfig({ ...own, model_type: part }, `${field} of ${file}`);
    config[field] = checked;
    // What is asked of token ids stands where other models have it.
    config.vocab_size ??= checked.vocab_size;
    config.max_position_embeddings ??= checked.max_position_embeddings;
  }
  for (const [field, most] of Object.entries(sizes)) {
    const isLacking = Object.hasOwn(lacking, type) && lacking[type]!.includes(field);
    if (config[field] !== undefined || !isLacking) checkSize(config[field], field, most, file);
  }
  checkOptional(config, file);
  return config as ModelConfig;
}

/** Settings of `generation_config.json` that are a matter of taste. */
export const generationSettings = [
  'do_sample',
  'num_beams',
  'length_penalty',
  'early_stopping',
  'no_repeat_ngram_size',
  'repetition_penalty',
  'min_length',
  'max_length',
  'temperature',
  'top_k',
  'top_p',
] as const;

/** Fields of `generation_config.json` that are kept; older checkpoints have them in `config.json`. */
const generationFields = [
  'decoder_start_token_id',
  'forced_bos_token_id',
  'forced_eos_token_id',
  'bad_words_ids',
  'suppress_tokens',
  ...generationSettings,
] as const;

/** A configuration with what `generation_config.json` says in place of what stands in `config.json`, as transformers has it. */
export function withGeneration(config: ModelConfig, generation: Record<string, unknown> | undefined): ModelConfig {
  if (!generation) return config;
  const known = generationFields.filter((field) => generation[field] !== undefined);
  const merged: ModelConfig = { ...config, ...Object.fromEntries(known.map((field) => [field, generation[field]])) };
  const end = generation.eos_token_id as ModelConfig['eos_token_id'];
  return end === undefined || end === null ? merged : { ...merged, eos_token_id: end };
}
