import { base64 } from '../tokenizers/base64.ts';
import { addedToken, template } from '../tokenizers/converters/parts.ts';
import { type Piece, tokenizerOfSentencePiece } from '../tokenizers/converters/sentencepiece.ts';
import type { Fields } from '../tokenizers/fields.ts';
import type { TokenizerFiles } from '../tokenizers/types.ts';
import { show } from './element-types.ts';
import { FormatError } from './format-error.ts';
import type { GgufHeader } from './gguf.ts';
import { byteLevel, preTokenizers } from './gguf-pre-tokenizers.ts';
import { tokenizerOfVocabulary } from './vocab-tokenizer.ts';

/** ggml's token types, from 1. */
const kinds: readonly Piece['kind'][] = ['normal', 'unknown', 'control', 'defined', 'unused', 'byte'];

/** The vocabulary in the metadata of a GGUF file. */
interface Vocabulary {
  readonly metadata: GgufHeader['metadata'];
  readonly pieces: readonly Piece[];
  /** Text of the token that the metadata name, such as `bos`. */
  token(name: string): string | undefined;
  /** A setting of the metadata, with the default of llama.cpp. */
  flag(name: string, otherwise: boolean): boolean;
}

/** A tokenizer.json without its post-processor, and which tokens are added when the metadata do not say. */
interface Made {
  tokenizer: Fields;
  addsBos: boolean;
  addsEos: boolean;
}

const makers: Readonly<Record<string, (vocabulary: Vocabulary) => Made>> = {
  gpt2: byteBpe,
  llama: (vocabulary) => ({ tokenizer: sentencePiece(vocabulary, 'bpe'), addsBos: true, addsEos: false }),
  t5: (vocabulary) => ({ tokenizer: sentencePiece(vocabulary, 'unigram'), addsBos: false, addsEos: true }),
  bert: wordPiece,
};

/**
 * The tokenizer.json that the metadata of a GGUF file came from: byte-level BPE (`gpt2`), SentencePiece's BPE (`llama`) and unigram
 * (`t5`), WordPiece (`bert`), with the added tokens, the first and last token and the chat template. Throws for other vocabularies
 * and for metadata that do not fit together; undefined where a file says that it has no vocabulary.
 */
export function tokenizerOfGguf({ metadata }: GgufHeader): TokenizerFiles | undefined {
  const model = String(metadata.get('tokenizer.ggml.model'));
  if (model === 'none' || model === 'no_vocab') return undefined;
  const make = Object.hasOwn(makers, model) ? makers[model] : undefined;
  if (!make) {
    throw new FormatError(
      `The GGUF file's tokenizer is of the kind ${show(model)}; ${Object.keys(makers).join(', ')} are rebuilt from metadata. Take the model's safetensors files with their tokenizer.json.`,
    );
  }
  const vocabulary = vocabularyOf(metadata);
  const { tokenizer, addsBos, addsEos } = make(vocabulary);
  const chat = metadata.get('tokenizer.chat_template');
  const eosId = metadata.get('tokenizer.ggml.eos_token_id');
  const named = namedTemplates(metadata);
  return {
    tokenizer: { post_processor: processorOf(vocabulary, addsBos, addsEos), ...tokenizer },
    config: {
      bos_token: vocabulary.token('bos'),
      eos_token: vocabulary.token('eos'),
      unk_token: vocabulary.token('unknown'),
      pad_token: vocabulary.token('padding'),
      clean_up_tokenization_spaces: false,
    },
    ...(typeof chat === 'string' ? { chatTemplate: chat } : {}),
    ...(Object.keys(named).length > 0 ? { chatTemplates: named } : {}),
    ...(typeof eosId === 'number' ? { eosIds: [eosId] } : {}),
  };
}

function vocabularyOf(metadata: GgufHeader['metadata']): Vocabulary {
  const texts = strings(metadata, 'tokenizer.ggml.tokens');
  const types = metadata.get('tokenizer.ggml.token_type');
  const scores = metadata.get('tokenizer.ggml.scores');
  const pieces = texts.map(
    (text, id): Piece => ({
      text,
      score: scores instanceof Float32Array ? (scores[id] ?? 0) : 0,
      kind: kinds[types instanceof Int32Array ? types[id]! - 1 : 0] ?? 'normal',
    }),
  );
  return {
    metadata,
    pieces,
    token(name) {
      const id = metadata.get(`tokenizer.ggml.${name}_token_id`);
      return typeof id === 'number' ? texts[id] : undefined;
    },
    flag(name, otherwise) {
      const value = metadata.get(`tokenizer.ggml.${name}`);
      return typeof value === 'boolean' ? value : otherwise;
    },
  };
}

function byteBpe({ metadata, pieces }: Vocabulary): Made {
  const name = String(metadata.get('tokenizer.ggml.pre') ?? 'gpt-2');
  const how = preTokenizers.get(name);
  if (!how) {
    throw new FormatError(
      `The GGUF file's pre-tokenizer is ${show(name)}; known here are ${[...preTokenizers.keys()].join(', ')}.`,
    );
  }
  const merges = strings(metadata, 'tokenizer.ggml.merges').map(splitMerge);
  const vocab: Record<string, number> = Object.create(null);
  for (const [id, { text }] of pieces.entries()) vocab[text] = id;
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: pieces.flatMap(({ text, kind }, id) =>
      text !== '' && (kind === 'control' || kind === 'defined') ? [addedToken(id, text, kind === 'control')] : [],
    ),
    normalizer: how.normalizer ?? null,
    pre_tokenizer: how.pre,
    decoder: byteLevel(true),
    model: { type: 'BPE', unk_token: null, ignore_merges: how.ignoreMerges ?? false, vocab, merges },
  };
  return { tokenizer, addsBos: how.addsBos ?? false, addsEos: false };
}

function sentencePiece({ metadata, pieces, flag }: Vocabulary, algorithm: 'bpe' | 'unigram'): Fields {
  const table = metadata.get('tokenizer.ggml.precompiled_charsmap');
  const { post_processor: _, ...tokenizer } = tokenizerOfSentencePiece({
    algorithm,
    pieces,
    charsmap: ArrayBuffer.isView(table) ? base64(new Uint8Array(table.buffer, table.byteOffset, table.byteLength)) : '',
    prefixes: flag('add_space_prefix', true),
    trims: flag('remove_extra_whitespaces', algorithm === 'unigram'),
    byteFallback: pieces.some((piece) => piece.kind === 'byte'),
  });
  return tokenizer;
}

/** llama.cpp writes a word's first piece with "▁" before it and the further ones without "##". */
function wordPiece({ pieces, token }: Vocabulary): Made {
  const lines = pieces.map(({ text, kind }) => {
    if (kind !== 'normal' || /^\[.*\]$/.test(text)) return text;
    return text.startsWith('▁') ? text.slice(1) : `##${text}`;
  });
  const special = Object.fromEntries(
    Object.entries({
      unk: token('unknown'),
      sep: token('seperator') ?? token('separator') ?? token('eos'),
      pad: token('padding'),
      cls: token('cls') ?? token('bos'),
      mask: token('mask'),
    }).filter(([, text]) => text !== undefined),
  );
  const isCased = lines.some(
    (line, id) => pieces[id]!.kind === 'normal' && /[A-Z]/.test(line) && !line.startsWith('['),
  );
  if (lines.some((line) => line.includes('\n')))
    throw new FormatError('The GGUF metadata have a WordPiece token with the end of a line in it.');
  return {
    tokenizer: tokenizerOfVocabulary(lines.join('\n'), { lowercase: !isCased, special }),
    addsBos: true,
    addsEos: true,
  };
}

/** The first and the last token that the metadata ask for; null when none. */
function processorOf(vocabulary: Vocabulary, addsBos: boolean, addsEos: boolean): Fields | null {
  const part = (name: 'bos' | 'eos', otherwise: boolean) => {
    const text = vocabulary.flag(`add_${name}_token`, otherwise) ? vocabulary.token(name) : undefined;
    return text === undefined ? [] : [text];
  };
  const bos = part('bos', addsBos);
  const eos = part('eos', addsEos);
  if (bos.length + eos.length === 0) return null;
  const idOf = (text: string) => vocabulary.pieces.findIndex((piece) => piece.text === text);
  return template([...bos, '$A', ...eos], [...bos, '$A', ...eos, ...bos, '$B', ...eos], idOf);
}

/** `tokenizer.chat_template.tool_use` and the like. */
function namedTemplates(metadata: GgufHeader['metadata']): Record<string, string> {
  const named: Record<string, string> = Object.create(null);
  for (const [key, value] of metadata) {
    const name = /^tokenizer\.chat_template\.(\w+)$/.exec(key)?.[1];
    if (name !== undefined && typeof value === 'string') named[name] = value;
  }
  return named;
}

function strings(metadata: GgufHeader['metadata'], key: string): readonly string[] {
  const value = metadata.get(key);
  if (!Array.isArray(value) || (value.length > 0 && typeof value[0] !== 'string')) {
    throw new FormatError(`The GGUF metadata has no list of texts ${key}, so its tokenizer cannot be rebuilt.`);
  }
  return value as string[];
}

/** Two tokens parted by the first space after the first character (a token never begins with a plain space). */
function splitMerge(merge: string): [string, string] {
  const space = merge.indexOf(' ', 1);
  if (space < 0) throw new FormatError(`The GGUF metadata has the merge ${show(merge)}, which is no pair of tokens.`);
  return [merge.slice(0, space), merge.slice(space + 1)];
}
