import { bytesOfBase64 } from '../tokenizers/base64.ts';
import type { Fields } from '../tokenizers/fields.ts';
import type { TokenizerFiles } from '../tokenizers/types.ts';
import { FormatError } from './format-error.ts';
import { preTokenizerName } from './gguf-pre-tokenizers.ts';
import type { GgufEntry } from './gguf-writer.ts';
import type { ModelConfig } from './types.ts';

/** ggml's token types. */
const kind = { normal: 1, unknown: 2, control: 3, defined: 4, unused: 5, byte: 6 } as const;

interface Added {
  id: number;
  content: string;
  special: boolean;
}

/** A tokenizer.json as tokens by id. */
interface Vocabulary {
  tokenizer: Fields;
  model: Fields;
  /** `config.vocab_size` of them; places without a token are filled as llama.cpp's converter does. */
  tokens: string[];
  types: Int32Array<ArrayBuffer>;
  idOf: ReadonlyMap<string, number>;
}

type Entries = Map<string, GgufEntry>;

/**
 * The metadata of a GGUF file that hold a tokenizer: tokens with their types, merges or scores, the pre-tokenizer's name, special ids
 * and the chat templates, as llama.cpp's converter writes them. Without a tokenizer a file that says so. Throws a sentence for a
 * tokenizer that llama.cpp has no equal of.
 */
export function ggufVocabulary(files: TokenizerFiles | undefined, config: ModelConfig): Entries {
  const entries: Entries = new Map();
  if (!files) return entries.set('tokenizer.ggml.model', { type: 'string', value: 'none' });
  const vocabulary = vocabularyOf(files, config.vocab_size);
  const put = (key: string, entry: GgufEntry) => entries.set(`tokenizer.ggml.${key}`, entry);
  const own = writerOf(vocabulary)(vocabulary);
  put('model', { type: 'string', value: own.model });
  put('pre', { type: 'string', value: own.pre });
  put('tokens', { type: 'strings', value: vocabulary.tokens });
  put('token_type', { type: 'numbers', value: vocabulary.types });
  if (own.scores) put('scores', { type: 'numbers', value: own.scores });
  if (own.merges) put('merges', { type: 'strings', value: own.merges });
  for (const [key, entry] of own.others ?? []) put(key, entry);
  for (const [key, entry] of specialTokens(files, config, vocabulary)) put(key, entry);
  for (const [name, template] of chatTemplates(files)) {
    entries.set(`tokenizer.chat_template${name === 'default' ? '' : `.${name}`}`, { type: 'string', value: template });
  }
  return entries;
}

function vocabularyOf({ tokenizer }: TokenizerFiles, size: number): Vocabulary {
  const model = (tokenizer.model ?? {}) as Fields;
  const idOf = new Map<string, number>();
  const listed = Array.isArray(model.vocab)
    ? model.vocab.map((entry, id) => [(entry as [string, number])[0], id] as const)
    : Object.entries((model.vocab ?? {}) as Record<string, number>);
  for (const [text, id] of listed) idOf.set(text, id);
  const added = (Array.isArray(tokenizer.added_tokens) ? tokenizer.added_tokens : []) as Added[];
  for (const { content, id } of added) idOf.set(content, id);
  const tokens = Array.from({ length: size }, (_, id) => `[PAD${id}]`);
  const types = new Int32Array(size).fill(kind.unused);
  for (const [text, id] of idOf) {
    if (!Number.isInteger(id) || id < 0 || id >= size) {
      throw new FormatError(
        `The token ${JSON.stringify(text)} has the id ${id}, but the model has ${size} tokens (vocab_size).`,
      );
    }
    tokens[id] = text;
    types[id] = kind.normal;
  }
  for (const { id, special } of added) types[id] = special ? kind.control : kind.defined;
  return { tokenizer, model, tokens, types, idOf };
}

/** What depends on the kind of a tokenizer. */
interface Written {
  model: string;
  pre: string;
  merges?: string[];
  scores?: Float32Array;
  others?: readonly (readonly [string, GgufEntry])[];
}

function writerOf({ tokenizer, model }: Vocabulary): (vocabulary: Vocabulary) => Written {
  if (model.type === 'WordPiece') return writeWordPiece;
  if (model.type === 'Unigram') return writeUnigram;
  if (model.type === 'BPE')
    return stepTypes(tokenizer.pre_tokenizer).has('ByteLevel') ? writeByteBpe : writeSentencePieceBpe;
  throw new FormatError(
    `A tokenizer of the kind ${JSON.stringify(model.type)} is not written as GGUF; save the model as a Hugging Face folder.`,
  );
}

function writeByteBpe({ tokenizer, model }: Vocabulary): Written {
  const pre = preTokenizerName(tokenizer);
  if (pre === undefined) {
    throw new FormatError(
      'The tokenizer cuts texts by rules (pre_tokenizer) that no name of llama.cpp stands for; save the model as a Hugging Face folder.',
    );
  }
  const merges = mergesOf(model).map((pair) => pair.map((part) => part.replaceAll(' ', 'Ġ')).join(' '));
  return { model: 'gpt2', pre, merges };
}

/**
 * SentencePiece's BPE. Its scores are the order of the merges: llama.cpp joins the pair whose piece has the highest. Single characters
 * are never joined to, so theirs do not count.
 */
function writeSentencePieceBpe(vocabulary: Vocabulary): Written {
  const { tokenizer, model, tokens, types, idOf } = vocabulary;
  markSpecialPieces(vocabulary, model.unk_token as string | undefined, model.byte_fallback === true);
  const scores = new Float32Array(tokens.length).fill(-10000);
  const rank = new Map<string, number>();
  for (const [left, right] of mergesOf(model)) if (!rank.has(left + right)) rank.set(left + right, rank.size);
  for (const [text, id] of idOf) {
    scores[id] =
      types[id] === kind.normal ? -(rank.get(text) ?? rank.size + id) : types[id] === kind.defined ? -1000 : 0;
  }
  const others = [['add_space_prefix', { type: 'bool', value: prefixesSpace(tokenizer) }]] as const;
  return { model: 'llama', pre: 'default', scores, others };
}

function writeUnigram(vocabulary: Vocabulary): Written {
  const { tokenizer, model, tokens, types, idOf } = vocabulary;
  const listed = model.vocab as [string, number][];
  const unknown = typeof model.unk_id === 'number' ? listed[model.unk_id]?.[0] : undefined;
  markSpecialPieces(vocabulary, unknown, model.byte_fallback === true);
  const scores = new Float32Array(tokens.length).fill(-10000);
  for (const id of idOf.values()) scores[id] = listed[id]?.[1] ?? (types[id] === kind.defined ? -1000 : 0);
  const steps = stepsOf(tokenizer.normalizer);
  const charsmap = steps.find(({ type }) => type === 'Precompiled')?.precompiled_charsmap;
  // Runs of spaces become one, by a replacement or because words are parted at spaces.
  const isRun = ({ type, pattern }: Fields) => type === 'Replace' && /\{2,\}/.test(String((pattern as Fields)?.Regex));
  const trims = steps.some(isRun) || stepTypes(tokenizer.pre_tokenizer).has('WhitespaceSplit');
  return {
    model: 't5',
    pre: 'default',
    scores,
    others: [
      ['add_space_prefix', { type: 'bool', value: prefixesSpace(tokenizer) }],
      ['remove_extra_whitespaces', { type: 'bool', value: trims }],
      ...(typeof charsmap === 'string' && charsmap !== ''
        ? [['precompiled_charsmap', { type: 'numbers', value: bytesOfBase64(charsmap) }] as const]
        : []),
    ],
  };
}

/** llama.cpp writes a word's first piece with "▁" before it and the further ones without "##". */
function writeWordPiece({ tokenizer, tokens, types }: Vocabulary): Written {
  for (const [id, text] of tokens.entries()) {
    if (types[id] === kind.normal) tokens[id] = text.startsWith('##') ? text.slice(2) : `▁${text}`;
  }
  const normaliser = stepsOf(tokenizer.normalizer).find(({ type }) => type === 'BertNormalizer');
  const lowercase = normaliser ? normaliser.lowercase !== false : false;
  return {
    model: 'bert',
    pre: 'default',
    others: [['normalizer.lowercase', { type: 'bool', value: lowercase }]],
  };
}

function markSpecialPieces({ tokens, types }: Vocabulary, unknown: string | undefined, bytes: boolean): void {
  for (const [id, text] of tokens.entries()) {
    if (text === unknown) types[id] = kind.unknown;
    else if (bytes && types[id] === kind.normal && /^<0x[0-9A-F]{2}>$/.test(text)) types[id] = kind.byte;
  }
}

function mergesOf(model: Fields): [string, string][] {
  const merges = (Array.isArray(model.merges) ? model.merges : []) as (string | [string, string])[];
  return merges.map((merge) => {
    if (typeof merge !== 'string') return merge;
    const space = merge.indexOf(' ', 1);
    return [merge.slice(0, space), merge.slice(space + 1)];
  });
}

/** Whether a space is put before a text. */
function prefixesSpace({ pre_tokenizer, normalizer }: Fields): boolean {
  const metaspace = stepsOf(pre_tokenizer).find(({ type }) => type === 'Metaspace');
  if (metaspace) return (metaspace.prepend_scheme ?? 'always') !== 'never' && metaspace.add_prefix_space !== false;
  return stepsOf(normalizer).some(({ type }) => type === 'Prepend');
}

/** The steps of a normaliser, pre-tokenizer or post-processor in order, those of sequences too. */
function stepsOf(step: unknown): Fields[] {
  if (typeof step !== 'object' || step === null) return [];
  const fields = step as Fields;
  const inner = fields.normalizers ?? fields.pretokenizers ?? fields.processors;
  return fields.type === 'Sequence' && Array.isArray(inner) ? inner.flatMap(stepsOf) : [fields];
}

const stepTypes = (step: unknown): Set<unknown> => new Set(stepsOf(step).map(({ type }) => type));

/** llama.cpp's names of the special tokens; `seperator` is how its key is spelt. */
const specialNames = [
  ['bos', 'bos'],
  ['eos', 'eos'],
  ['unk', 'unknown'],
  ['sep', 'seperator'],
  ['pad', 'padding'],
  ['cls', 'cls'],
  ['mask', 'mask'],
] as const;

/** Ids of special tokens, and which are put at the ends of a text. */
function* specialTokens(
  { config: settings = {} }: TokenizerFiles,
  config: ModelConfig,
  { tokenizer, idOf, tokens }: Vocabulary,
): Generator<[string, GgufEntry]> {
  const ids = new Map<string, number>();
  for (const [name] of specialNames) {
    const set = settings[`${name}_token`];
    const text = typeof set === 'string' ? set : (set as Fields | undefined | null)?.content;
    const configured = [config[`${name}_token_id`]].flat()[0];
    const id = typeof text === 'string' ? idOf.get(text) : typeof configured === 'number' ? configured : undefined;
    if (id !== undefined && id < tokens.length) ids.set(name, id);
  }
  const ends = endsOf(tokenizer, idOf);
  if (ends.first !== undefined && !ids.has('bos')) ids.set('bos', ends.first);
  if (ends.last !== undefined && !ids.has('eos')) ids.set('eos', ends.last);
  for (const [name, key] of specialNames) {
    const id = ids.get(name);
    if (id !== undefined) yield [`${key}_token_id`, { type: 'uint32', value: id }];
  }
  const isWordPiece = (tokenizer.model as Fields | undefined)?.type === 'WordPiece';
  for (const [name, id, same] of [
    ['bos', ends.first, ['bos', 'cls']],
    ['eos', ends.last, ['eos', 'sep']],
  ] as const) {
    const known = same.some((one) => ids.get(one) === id);
    if (id !== undefined && !known) {
      throw new FormatError(
        `The tokenizer puts ${JSON.stringify(tokens[id])} at an end of each text, which is not its ${name} token; llama.cpp puts no other. Save the model as a Hugging Face folder.`,
      );
    }
    if (!isWordPiece) yield [`add_${name}_token`, { type: 'bool', value: id !== undefined }];
  }
}

/** The ids that the post-processor puts before and after one text. */
function endsOf({ post_processor }: Fields, idOf: ReadonlyMap<string, number>): { first?: number; last?: number } {
  for (const step of stepsOf(post_processor)) {
    if (step.type === 'TemplateProcessing') {
      const single = (Array.isArray(step.single) ? step.single : []) as Fields[];
      const idAt = (place: number) => {
        const text = (single.at(place)?.SpecialToken as Fields | undefined)?.id;
        return typeof text === 'string' ? idOf.get(text) : undefined;
      };
      const [first, last] = [idAt(0), single.length > 1 ? idAt(-1) : undefined];
      return { ...(first === undefined ? {} : { first }), ...(last === undefined ? {} : { last }) };
    }
    if (step.type === 'BertProcessing' || step.type === 'RobertaProcessing') {
      return { first: (step.cls as [string, number])[1], last: (step.sep as [string, number])[1] };
    }
  }
  return {};
}

/** Templates by name, `default` first. */
function* chatTemplates({
  chatTemplate,
  chatTemplates = {},
  config = {},
}: TokenizerFiles): Generator<[string, string]> {
  const set = config.chat_template;
  const listed = (Array.isArray(set) ? set : []) as { name: string; template: string }[];
  const whole =
    chatTemplate ?? (typeof set === 'string' ? set : listed.find(({ name }) => name === 'default')?.template);
  if (whole !== undefined) yield ['default', whole];
  const named = { ...Object.fromEntries(listed.map(({ name, template }) => [name, template])), ...chatTemplates };
  for (const [name, template] of Object.entries(named))
    if (name !== 'default' && /^\w+$/.test(name)) yield [name, template];
}
