import type { TokenizerFiles } from '../tokenizers/types.ts';
import { show } from './element-types.ts';
import { FormatError } from './format-error.ts';
import type { GgufHeader } from './gguf.ts';

/** ggml's token types. */
const controlToken = 3;
const userDefinedToken = 4;

const byteLevel = (useRegex: boolean) => ({
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: useRegex,
});
const splitBy = (pattern: string) => ({
  type: 'Sequence',
  pretokenizers: [
    { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false },
    byteLevel(false),
  ],
});

/**
 * What each `tokenizer.ggml.pre` cuts text by, as the tokenizer.json of the model that llama.cpp named it after
 * (its converter recognises them by a hash: `get_vocab_base_pre` in convert_hf_to_gguf.py).
 */
const preTokenizers: Record<string, { pre: unknown; normalizer?: unknown; ignoreMerges?: boolean }> = {
  'gpt-2': { pre: byteLevel(true) },
  smollm: { pre: { type: 'Sequence', pretokenizers: [{ type: 'Digits', individual_digits: true }, byteLevel(true)] } },
  'llama-bpe': {
    pre: splitBy(
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    ),
    ignoreMerges: true,
  },
  qwen2: {
    pre: splitBy(
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    ),
    normalizer: { type: 'NFC' },
  },
};

/**
 * The tokenizer.json that the metadata of a GGUF file came from: byte-level BPE with its added tokens. Throws for
 * vocabularies that are not rebuilt here (SentencePiece, WordPiece) and for metadata that does not fit together.
 */
export function tokenizerOfGguf(header: GgufHeader): TokenizerFiles {
  const { metadata } = header;
  const model = metadata.get('tokenizer.ggml.model');
  if (model !== 'gpt2') {
    throw new FormatError(
      `The GGUF file's tokenizer is of the kind ${show(String(model))}; only byte-level BPE ("gpt2") is rebuilt from metadata. Take the model's safetensors files with their tokenizer.json.`,
    );
  }
  const pre = String(metadata.get('tokenizer.ggml.pre') ?? 'gpt-2');
  const recipe = Object.hasOwn(preTokenizers, pre) ? preTokenizers[pre]! : undefined;
  if (!recipe) {
    throw new FormatError(
      `The GGUF file's pre-tokenizer is ${show(pre)}; known here are ${Object.keys(preTokenizers).join(', ')}.`,
    );
  }
  const tokens = strings(metadata.get('tokenizer.ggml.tokens'), 'tokenizer.ggml.tokens');
  const merges = strings(metadata.get('tokenizer.ggml.merges'), 'tokenizer.ggml.merges').map(splitMerge);
  const kinds = metadata.get('tokenizer.ggml.token_type');
  const vocab: Record<string, number> = Object.create(null);
  const added: unknown[] = [];
  tokens.forEach((content, id) => {
    vocab[content] = id;
    const kind = kinds instanceof Int32Array ? kinds[id] : undefined;
    if ((kind === controlToken || kind === userDefinedToken) && content !== '') {
      const special = kind === controlToken;
      added.push({ id, content, special, single_word: false, lstrip: false, rstrip: false, normalized: false });
    }
  });
  const token = (name: string): string | undefined => {
    const id = metadata.get(`tokenizer.ggml.${name}_token_id`);
    return typeof id === 'number' ? tokens[id] : undefined;
  };
  const bos = token('bos');
  const addsBos = metadata.get('tokenizer.ggml.add_bos_token') === true && bos !== undefined;
  const template = metadata.get('tokenizer.chat_template');
  const eosId = metadata.get('tokenizer.ggml.eos_token_id');
  return {
    tokenizer: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: added,
      normalizer: recipe.normalizer ?? null,
      pre_tokenizer: recipe.pre,
      post_processor: addsBos ? bosTemplate(bos, vocab[bos]!) : null,
      decoder: byteLevel(true),
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: null,
        byte_fallback: false,
        ignore_merges: recipe.ignoreMerges ?? false,
        vocab,
        merges,
      },
    },
    config: {
      bos_token: bos,
      eos_token: token('eos'),
      unk_token: token('unknown'),
      pad_token: token('padding'),
      clean_up_tokenization_spaces: false,
    },
    ...(typeof template === 'string' ? { chatTemplate: template } : {}),
    ...(typeof eosId === 'number' ? { eosIds: [eosId] } : {}),
  };
}

function strings(value: unknown, key: string): readonly string[] {
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

function bosTemplate(content: string, id: number): unknown {
  const first = { SpecialToken: { id: content, type_id: 0 } };
  return {
    type: 'TemplateProcessing',
    single: [first, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [first, { Sequence: { id: 'A', type_id: 0 } }, first, { Sequence: { id: 'B', type_id: 1 } }],
    special_tokens: { [content]: { id: content, ids: [id], tokens: [content] } },
  };
}
