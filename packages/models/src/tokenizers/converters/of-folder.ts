import { FormatError } from '../../formats/format-error.ts';
import { tokenizerOfVocabulary } from '../../formats/vocab-tokenizer.ts';
import { type Fields, isFields } from '../fields.ts';
import { type ByteBpeFamily, tokenizerOfByteBpe } from './byte-bpe.ts';
import { tokenizerOfEsm } from './esm.ts';
import { addedToken } from './parts.ts';
import { type SentencePieceFamily, tokenizerOfFamily } from './sentencepiece-families.ts';
import { parseSentencePiece } from './sentencepiece-model.ts';

/** Files of a folder by their names; undefined for one that is not there. */
export interface FolderFiles {
  text(name: string): Promise<string | undefined>;
  object(name: string): Promise<Fields | undefined>;
  bytes(name: string): Promise<Uint8Array | undefined>;
}

/** How the tokenizer of a type of model is written in files, by `tokenizer_class` without its ending, or `model_type`. */
const wordPieces = new Set(['bert', 'distilbert', 'electra', 'mobilebert', 'convbert', 'mpnet']);
const byteBpes: Readonly<Record<string, ByteBpeFamily>> = {
  gpt2: 'gpt2',
  gpt_neo: 'gpt2',
  opt: 'gpt2',
  roberta: 'roberta',
  bart: 'roberta',
  longformer: 'roberta',
  clip: 'clip',
};
const sentencePieces: Readonly<Record<string, SentencePieceFamily>> = {
  t5: 't5',
  mt5: 't5',
  albert: 'albert',
  'xlm-roberta': 'xlm-roberta',
  xlmroberta: 'xlm-roberta',
  llama: 'llama',
  mistral: 'llama',
  gemma: 'llama',
  gemma2: 'llama',
};

/**
 * The tokenizer.json of a folder that has none: from vocab.txt (WordPiece, ESM), vocab.json with merges.txt (byte-level BPE) or a
 * SentencePiece model. Undefined when the folder has none of these, or the type of model is none whose additions are known here. Rejects with a sentence when they make no tokenizer.
 */
export async function tokenizerOfFolder(
  files: FolderFiles,
  modelType: string,
  config: Fields = {},
): Promise<Fields | undefined> {
  const kind = kindOf(modelType, config);
  const settings = { ...(await files.object('special_tokens_map.json')), ...config };
  const made = await madeOf(files, kind, settings);
  if (!made) return undefined;
  return {
    ...made,
    added_tokens: withAdded(made.added_tokens as Fields[], settings, await files.object('added_tokens.json')),
  };
}

/** "RobertaTokenizerFast" is "roberta". */
function kindOf(modelType: string, config: Fields): string {
  const name = typeof config.tokenizer_class === 'string' ? config.tokenizer_class : '';
  const kind = /^(\w+?)Tokenizer(Fast)?$/.exec(name)?.[1]?.toLowerCase();
  const isKnown =
    kind !== undefined && (wordPieces.has(kind) || kind === 'esm' || kind in byteBpes || kind in sentencePieces);
  return isKnown ? kind : modelType;
}

async function madeOf(files: FolderFiles, kind: string, config: Fields): Promise<Fields | undefined> {
  const lines = wordPieces.has(kind) || kind === 'esm' ? await files.text('vocab.txt') : undefined;
  if (lines !== undefined)
    return named('vocab.txt', () => (kind === 'esm' ? tokenizerOfEsm(lines) : wordPiece(lines, kind, config)));
  const vocab = await files.object('vocab.json');
  const merges = await files.text('merges.txt');
  if (vocab && merges !== undefined && Object.hasOwn(byteBpes, kind)) {
    const family = byteBpes[kind]!;
    return named('vocab.json with merges.txt', () => tokenizerOfByteBpe({ vocab, merges }, family, config));
  }
  for (const name of ['spiece.model', 'tokenizer.model', 'sentencepiece.bpe.model']) {
    const bytes = await files.bytes(name);
    if (!bytes || !Object.hasOwn(sentencePieces, kind)) continue;
    const family = sentencePieces[kind]!;
    return named(name, () => tokenizerOfFamily(parseSentencePiece(bytes), family, config));
  }
  return undefined;
}

function wordPiece(lines: string, kind: string, config: Fields): Fields {
  const isMpnet = kind === 'mpnet';
  const special = isMpnet
    ? { unk: '[UNK]', sep: '</s>', pad: '<pad>', cls: '<s>', mask: '<mask>' }
    : Object.fromEntries(
        ['unk', 'sep', 'pad', 'cls', 'mask'].flatMap((name) => {
          const content = contentOf(config[`${name}_token`]);
          return content === undefined ? [] : [[name, content]];
        }),
      );
  const made = tokenizerOfVocabulary(lines, { lowercase: config.do_lower_case !== false, special });
  const normalizer = {
    ...(made.normalizer as Fields),
    handle_chinese_chars: config.tokenize_chinese_chars !== false,
    strip_accents: typeof config.strip_accents === 'boolean' ? config.strip_accents : null,
  };
  if (!isMpnet) return { ...made, normalizer };
  const { vocab } = made.model as { vocab: Record<string, number> };
  return {
    ...made,
    normalizer,
    post_processor: {
      type: 'RobertaProcessing',
      sep: ['</s>', vocab['</s>']],
      cls: ['<s>', vocab['<s>']],
      trim_offsets: true,
      add_prefix_space: false,
    },
  };
}

const contentOf = (token: unknown): string | undefined => {
  const content = isFields(token) ? token.content : token;
  return typeof content === 'string' ? content : undefined;
};

/** Tokens that were added later: `added_tokens_decoder` of tokenizer_config.json, or added_tokens.json. */
function withAdded(tokens: readonly Fields[], config: Fields, ids: Fields = {}): Fields[] {
  const byId = new Map(tokens.map((token) => [token.id, token]));
  for (const [content, id] of Object.entries(ids))
    if (typeof id === 'number' && !byId.has(id)) byId.set(id, addedToken(id, content, false, { normalized: true }));
  const decoder = isFields(config.added_tokens_decoder) ? config.added_tokens_decoder : {};
  for (const [key, given] of Object.entries(decoder)) {
    const content = contentOf(given);
    if (!isFields(given) || content === undefined) continue;
    const { special, single_word, lstrip, rstrip, normalized } = given;
    const flags = { single_word, lstrip, rstrip, normalized };
    byId.set(Number(key), addedToken(Number(key), content, special === true, flags));
  }
  return [...byId.values()].sort((a, b) => Number(a.id) - Number(b.id));
}

function named<T>(name: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof FormatError) throw error;
    throw new FormatError(`${name} makes no tokenizer: ${(error as Error).message}.`, { cause: error });
  }
}
