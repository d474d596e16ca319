import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { chatTemplate } from './chat-template.ts';
import { byteLevelStream, windowStream } from './decode-stream.ts';
import { withUnicodeDigits } from './digits.ts';
import type { Encoded, EncodeOptions, Tokenizer, TokenizerFiles } from './types.ts';

/**
 * A tokenizer from its files. Truncation and padding written in tokenizer.json are off: a caller's `maxLength`, else
 * `files.maxLength`, is what texts are cut to. Throws a sentence when the files make no tokenizer.
 */
export function createTokenizer(files: TokenizerFiles): Tokenizer {
  const config = files.config ?? {};
  const special = specialTokens(config);
  const inner = createInner(files);
  const isByteLevel = hasByteLevelDecoder(files.tokenizer.decoder);
  const cleans = config.clean_up_tokenization_spaces === true;
  const added = inner.get_added_tokens_decoder();
  const addedTexts = new Set([...added.values()].map((token) => token.content));
  const skipped = new Set([...added.values()].filter((token) => token.special).map((token) => token.content));
  const idOf = (token: string | undefined) => (token === undefined ? undefined : inner.token_to_id(token));
  const eosIds = [...new Set([idOf(special.eos_token), ...(files.eosIds ?? [])].filter((id) => id !== undefined))];
  const bosId = idOf(special.bos_token);
  const padId = idOf(special.pad_token);
  const source = files.chatTemplate ?? (typeof config.chat_template === 'string' ? config.chat_template : undefined);
  const render = source === undefined ? undefined : chatTemplate(source, special);
  const decode: Tokenizer['decode'] = (ids, options = {}) => {
    const known = ids.filter((id) => inner.id_to_token(id) !== undefined);
    if (known.length === 0) return '';
    const skip = { skip_special_tokens: options.skipSpecialTokens ?? false, clean_up_tokenization_spaces: cleans };
    return attempt("The model's tokenizer cannot decode", () => inner.decode(known, skip));
  };
  return {
    vocabularySize: [...added.keys()].reduce((size, id) => Math.max(size, id + 1), inner.get_vocab().size),
    ...(bosId === undefined ? {} : { bosId }),
    ...(padId === undefined ? {} : { padId }),
    ...(source === undefined ? {} : { chatTemplate: source }),
    eosIds,
    tokenId: (token) => inner.token_to_id(token),
    encode: (text, options = {}) => encode(inner, text, options, files.maxLength),
    decode,
    decodeStream(options = {}) {
      const skips = options.skipSpecialTokens ?? false;
      if (!isByteLevel) return windowStream((ids) => decode(ids, options));
      return byteLevelStream(
        (id) => inner.id_to_token(id),
        (token) => addedTexts.has(token),
        (token) => skips && skipped.has(token),
      );
    },
    applyChatTemplate(messages, options = {}) {
      if (!render) throw new Error('This model has no chat template; give it plain text (raw) instead of messages.');
      return render(messages, options.addGenerationPrompt ?? true);
    },
  };
}

function createInner(files: TokenizerFiles): HuggingFaceTokenizer {
  const tokenizer = {
    added_tokens: [],
    ...files.tokenizer,
    pre_tokenizer: withUnicodeDigits(files.tokenizer.pre_tokenizer),
    truncation: null,
    padding: null,
  };
  return attempt(
    'The tokenizer files make no tokenizer',
    () => new HuggingFaceTokenizer(tokenizer, files.config ?? {}),
  );
}

/** The library says what went wrong in its own terms; the sentence says with what. */
function attempt<T>(what: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    const why = (error as Error).message.slice(0, 300).replace(/\.$/, '');
    throw new Error(`${what} (${why}).`, { cause: error });
  }
}

/** Ids of a text; cut so that what the post-processor adds still fits. */
function encode(inner: HuggingFaceTokenizer, text: string, options: EncodeOptions, defaultLimit?: number): Encoded {
  const addSpecial = options.addSpecialTokens ?? true;
  const limit = options.maxLength ?? defaultLimit;
  const all = idsOf(inner, text, addSpecial);
  if (limit === undefined || all.length <= limit) return { ids: all, truncated: false };
  const plain = addSpecial ? idsOf(inner, text, false) : all;
  const room = limit - (all.length - plain.length);
  if (room < 0) {
    throw new RangeError(
      `A limit of ${limit} tokens has no room for the ${all.length - plain.length} tokens that the model adds to every text.`,
    );
  }
  const before = placeOf(plain, all);
  return {
    ids: [...all.slice(0, before), ...plain.slice(0, room), ...all.slice(before + plain.length)],
    truncated: true,
  };
}

function idsOf(inner: HuggingFaceTokenizer, text: string, addSpecial: boolean): number[] {
  return attempt("The model's tokenizer cannot encode the text", () => {
    const { ids } = inner.encode(text, { add_special_tokens: addSpecial });
    const wrong = ids.find((id: number) => !Number.isInteger(id) || id < 0 || id >= 2 ** 31);
    if (wrong !== undefined) throw new Error(`its vocabulary gives the id ${String(wrong)}`);
    return ids;
  });
}

/** Where `part` begins inside `whole`: how many tokens the post-processor put before the text. */
function placeOf(part: readonly number[], whole: readonly number[]): number {
  for (let start = 0; start + part.length <= whole.length; start++) {
    if (part.every((id, i) => whole[start + i] === id)) return start;
  }
  throw new Error('The post-processor changes the tokens of the text, so it cannot be cut to a limit.');
}

/** Special tokens by their names in tokenizer_config.json, as texts. */
function specialTokens(config: Record<string, unknown>): Record<string, string> {
  const tokens: Record<string, string> = {};
  for (const name of ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token']) {
    const value = config[name];
    const content = typeof value === 'object' && value !== null ? (value as { content?: unknown }).content : value;
    if (typeof content === 'string') tokens[name] = content;
  }
  return tokens;
}

function hasByteLevelDecoder(decoder: unknown): boolean {
  return (decoder as { type?: unknown } | null)?.type === 'ByteLevel';
}
