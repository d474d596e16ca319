import { show } from './element-types.ts';
import { FormatError } from './format-error.ts';

/** Fields that must be whole numbers from 1, and the largest value that is still believed. */
export const sizes: Readonly<Record<string, number>> = {
  vocab_size: 2 ** 24,
  hidden_size: 2 ** 20,
  intermediate_size: 2 ** 22,
  num_hidden_layers: 4096,
  num_attention_heads: 4096,
};
const optionalSizes: Readonly<Record<string, number>> = {
  num_key_value_heads: 4096,
  head_dim: 2 ** 16,
  max_position_embeddings: 2 ** 31,
  type_vocab_size: 2 ** 16,
};

/** What a field must be where a configuration has it (null counts as not having it). */
interface Kind {
  is(value: unknown): boolean;
  /** Ends "it must be ...". */
  says: string;
}

const positive: Kind = {
  is: (value) => typeof value === 'number' && value > 0 && value < Number.POSITIVE_INFINITY,
  says: 'a number above 0',
};
const longestText = 100;
const text: Kind = {
  is: (value) => typeof value === 'string' && value.length <= longestText,
  says: `a text of at most ${longestText} characters`,
};
/** Some configurations write -1 for a token that there is not. */
const token: Kind = {
  is: (value) => Number.isInteger(value) && Math.abs(value as number) <= 2 ** 31,
  says: 'a token id',
};
const yesOrNo: Kind = { is: (value) => typeof value === 'boolean', says: 'true or false' };

const optional: Readonly<Record<string, Kind>> = {
  hidden_act: text,
  pooler_act: text,
  position_embedding_type: text,
  feed_forward_proj: text,
  rms_norm_eps: positive,
  layer_norm_eps: positive,
  rope_theta: positive,
  rotary_pct: positive,
  rotary_emb_base: positive,
  pad_token_id: token,
  bos_token_id: token,
  eos_token_id: {
    is: (value) => (Array.isArray(value) ? value.every(token.is) : token.is(value)),
    says: 'a token id or a list of them',
  },
  mask_token_id: token,
  original_max_position_embeddings: positive,
  tie_word_embeddings: yesOrNo,
  architectures: {
    is: (value) => Array.isArray(value) && value.every(text.is),
    says: 'a list of names',
  },
  rope_scaling: { is: (value) => isObject(value), says: 'an object' },
};

/** Numbers above 0 of `rope_scaling`. */
const scalingNumbers = [
  'factor',
  'low_freq_factor',
  'high_freq_factor',
  'original_max_position_embeddings',
  'attention_factor',
  'beta_fast',
  'beta_slow',
  'mscale',
  'mscale_all_dim',
];

/** Lists of numbers above 0 of `rope_scaling`. */
const scalingLists = ['short_factor', 'long_factor'];

/** Of such a list: half of the widest head. */
const mostNumbers = 2 ** 15;
const positives: Kind = {
  is: (value) => Array.isArray(value) && value.length <= mostNumbers && value.every(positive.is),
  says: `a list of at most ${mostNumbers} numbers above 0`,
};

/** Throws a sentence for a field that a configuration need not have and has otherwise than it must be. */
export function checkOptional(config: Readonly<Record<string, unknown>>, file: string): void {
  const isThere = (value: unknown) => value !== undefined && value !== null;
  for (const [field, most] of Object.entries(optionalSizes))
    if (isThere(config[field])) checkSize(config[field], field, most, file);
  for (const [field, kind] of Object.entries(optional))
    if (isThere(config[field])) check(kind, config[field], field, file);
  if (!isObject(config.rope_scaling)) return;
  for (const field of ['rope_type', 'type'])
    if (isThere(config.rope_scaling[field])) check(text, config.rope_scaling[field], `${field} of rope_scaling`, file);
  for (const field of scalingNumbers) {
    const value = config.rope_scaling[field];
    if (isThere(value)) check(positive, value, `${field} of rope_scaling`, file);
  }
  for (const field of scalingLists) {
    const value = config.rope_scaling[field];
    if (isThere(value)) check(positives, value, `${field} of rope_scaling`, file);
  }
}

export const checkText = (value: string, field: string, file: string): void => check(text, value, field, file);

export function checkSize(value: unknown, field: string, most: number, file: string): void {
  const is = typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most;
  check({ is: () => is, says: `a whole number from 1 to ${most}` }, value, field, file);
}

function check(kind: Kind, value: unknown, field: string, file: string): void {
  if (kind.is(value)) return;
  throw new FormatError(`${field} in ${file} is ${show(String(value))}; it must be ${kind.says}.`);
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
