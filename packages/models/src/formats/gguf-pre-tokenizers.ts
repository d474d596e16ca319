import type { Fields } from '../tokenizers/fields.ts';
import { patterns } from '../tokenizers/steps/known-patterns.ts';

/** How a byte-level BPE cuts a text, as parts of a tokenizer.json. */
export interface PreTokenizer {
  readonly pre: Fields;
  readonly normalizer?: Fields;
  readonly ignoreMerges?: boolean;
  /** A first token is added unless the metadata say otherwise. */
  readonly addsBos?: boolean;
}

export const byteLevel = (useRegex: boolean): Fields => ({
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: useRegex,
});

const sequence = (...pretokenizers: Fields[]): Fields => ({ type: 'Sequence', pretokenizers });
const split = (pattern: string): Fields => ({
  type: 'Split',
  pattern: { Regex: pattern },
  behavior: 'Isolated',
  invert: false,
});
const splitBy = (...expressions: string[]): Fields => sequence(...expressions.map(split), byteLevel(false));

const gpt2: PreTokenizer = { pre: byteLevel(true) };
const singleDigits: PreTokenizer = {
  pre: sequence({ type: 'Digits', individual_digits: true }, byteLevel(true)),
};
const llama3: PreTokenizer = { pre: splitBy(patterns.llama3), ignoreMerges: true, addsBos: true };
const qwen2: PreTokenizer = { pre: splitBy(patterns.qwen2), normalizer: { type: 'NFC' } };
const plainQwen2: PreTokenizer = { pre: splitBy(patterns.qwen2) };
const plainLlama3: PreTokenizer = { pre: splitBy(patterns.llama3) };
const bloom: PreTokenizer = { pre: splitBy(patterns.bloomRuns) };

const byNames: readonly (readonly [names: string, how: PreTokenizer])[] = [
  ['gpt-2 phi-2 jina-es jina-de gigachat jina-v2-es jina-v2-de roberta-bpe mpt olmo jais trillion', gpt2],
  ['smollm starcoder refact command-r codeshell exaone minerva-7b', singleDigits],
  ['llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2', llama3],
  ['qwen2 deepseek-r1-qwen', qwen2],
  ['stablelm2 megrez hunyuan grok-2', plainQwen2],
  ['dbrx smaug-bpe chatglm-bpe glm4', plainLlama3],
  ['poro-chat bloom gpt3-finnish', bloom],
  ['viking', { pre: splitBy(patterns.bloomRuns, patterns.digits) }],
  ['tekken', { pre: splitBy(patterns.tekken), ignoreMerges: true, addsBos: true }],
  ['gpt-4o llama4 minimax-m2', { pre: splitBy(patterns.gpt4o) }],
  ['deepseek-v3 hunyuan-dense', { pre: splitBy(patterns.threeDigits, patterns.kana, patterns.deepseekV3) }],
  [
    'deepseek-coder',
    {
      pre: splitBy(patterns.lines, patterns.spacedLetters, patterns.spacedMarks, patterns.ideographs, patterns.digits),
    },
  ],
  ['falcon', { pre: splitBy(patterns.falconMarks, patterns.olderGpt2, patterns.asciiTriples) }],
  ['default', { pre: splitBy(patterns.defaultMarks, patterns.olderGpt2, patterns.digitRuns, patterns.asciiTriples) }],
];

/**
 * What each `tokenizer.ggml.pre` cuts text by: the tokenizer.json of the model that llama.cpp named it after (its converter knows
 * them by a hash: `get_vocab_base_pre` in convert_hf_to_gguf.py), else llama.cpp's own expressions (llama-vocab.cpp).
 */
export const preTokenizers: ReadonlyMap<string, PreTokenizer> = new Map(
  byNames.flatMap(([names, how]) => names.split(' ').map((name) => [name, how] as const)),
);

/**
 * The name by which llama.cpp cuts text as a tokenizer.json with byte-level BPE does; undefined where it has none. What does not change
 * the ids (offsets, how lists are nested) does not count.
 */
export function preTokenizerName({ pre_tokenizer, normalizer, model }: Fields): string | undefined {
  const ignoreMerges = (model as Fields | undefined)?.ignore_merges === true;
  const wanted = [stepsOf(pre_tokenizer), stepsOf(normalizer), ignoreMerges] as const;
  const find = (normalised: string) =>
    byNames.find(
      ([, how]) =>
        stepsOf(how.pre) === wanted[0] &&
        stepsOf(how.normalizer) === normalised &&
        (how.ignoreMerges ?? false) === ignoreMerges,
    )?.[0];
  // llama.cpp brings no text into Unicode's composed form, whatever the name.
  const names = find(wanted[1]) ?? (wanted[1] === stepsOf({ type: 'NFC' }) ? find(stepsOf(undefined)) : undefined);
  return names?.split(' ')[0];
}

/** The steps of a pre-tokenizer or normaliser, as one text that is the same for those that do the same. */
function stepsOf(step: unknown): string {
  return JSON.stringify(flat(step));
}

function flat(step: unknown): unknown[] {
  if (typeof step !== 'object' || step === null) return [];
  const { type, ...fields } = step as Fields;
  const inner = fields.pretokenizers ?? fields.normalizers;
  if (type === 'Sequence') return Array.isArray(inner) ? inner.flatMap(flat) : [];
  if (type === 'ByteLevel') return [[type, fields.add_prefix_space === true, fields.use_regex !== false]];
  if (type === 'Split') {
    const pattern = (fields.pattern as Fields | undefined)?.Regex;
    // Matches that are kept and what lies between removed: the same where the matches are all of the text.
    const behaviour = fields.invert === true && fields.behavior === 'Removed' ? 'Isolated' : fields.behavior;
    return [[type, pattern, behaviour]];
  }
  if (type === 'Digits') return [[type, fields.individual_digits === true]];
  return [[type, fields]];
}
