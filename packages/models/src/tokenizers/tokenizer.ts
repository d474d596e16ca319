import { addedTokensOf } from './added-tokens.ts';
import { bytesOfToken } from './byte-level.ts';
import { createChat } from './chat.ts';
import { byteLevelStream, windowStream } from './decode-stream.ts';
import { createDecoder } from './decoder.ts';
import { createEncoder } from './encoder.ts';
import { type Fields, isFields, stepsOf } from './fields.ts';
import { bounded } from './steps/bounded.ts';
import { hasUnknownPattern } from './steps/pattern.ts';
import type { Tokenizer, TokenizerFiles } from './types.ts';
import { vocabularyOf } from './vocabularies/index.ts';

/**
 * A tokenizer from its files. Truncation and padding written in tokenizer.json are off: a caller's `maxLength`, else
 * `files.maxLength`, is what texts are cut to. Throws a sentence when the files make no tokenizer.
 */
export function createTokenizer(files: TokenizerFiles): Tokenizer {
  return attempt('The tokenizer files make no tokenizer', () => {
    const watched = needsClock(files.tokenizer);
    const run: Run = watched ? bounded : (work) => work();
    return run(() => build(files, run), 0);
  });
}

/** Runs work on a text of so many characters. */
type Run = <T>(work: () => T, characters: number) => T;

const needsClock = ({ normalizer, pre_tokenizer: preTokenizer, decoder }: TokenizerFiles['tokenizer']): boolean =>
  hasUnknownPattern([
    ...stepsOf(normalizer, 'normalizers', 'normalizer'),
    ...stepsOf(preTokenizer, 'pretokenizers', 'pre-tokenizer'),
    ...stepsOf(decoder, 'decoders', 'decoder'),
  ]);

function build(files: TokenizerFiles, run: Run): Tokenizer {
  const { tokenizer } = files;
  const config = files.config ?? {};
  const special = specialTokens(config);
  const vocabulary = vocabularyOf(tokenizer.model);
  const added = addedTokensOf(tokenizer);
  const ids = new Map(added.map((token) => [token.content, token.id]));
  const tokens = new Map<number, string>();
  for (const [token, id] of vocabulary.idOf) tokens.set(id, token);
  for (const { id, content } of added) tokens.set(id, content);
  const isSpecial = new Set(added.filter((token) => token.special).map((token) => token.content));
  const tokenId = (token: string) => ids.get(token) ?? vocabulary.idOf.get(token);
  const idOf = (token: string | undefined) => (token === undefined ? undefined : tokenId(token));
  const encode = createEncoder(tokenizer, vocabulary, added, (id) => tokens.get(id), files.maxLength);
  const toText = createDecoder(tokenizer, added, config.clean_up_tokenization_spaces === true);
  const decode: Tokenizer['decode'] = (given, { skipSpecialTokens = false } = {}) => {
    const known = given.map((id) => tokens.get(id)).filter((token) => token !== undefined);
    const shown = skipSpecialTokens ? known.filter((token) => !isSpecial.has(token)) : known;
    return shown.length === 0
      ? ''
      : attempt("The model's tokenizer cannot decode", () => run(() => toText(shown), shown.length));
  };
  const bosId = idOf(special.bos_token);
  const padId = idOf(special.pad_token);
  const model = isFields(tokenizer.model) ? tokenizer.model : {};
  const unkId = idOf(special.unk_token) ?? unknownOf(model, idOf);
  const maskId = idOf(special.mask_token ?? ['[MASK]', '<mask>'].find((token) => isSpecial.has(token)));
  const subwordPrefix = model.continuing_subword_prefix;
  const chat = createChat(files, special);
  const byteLevel = isByteLevel(tokenizer.decoder);
  return {
    vocabularySize: largest(tokens.keys()) + 1,
    ...(bosId === undefined ? {} : { bosId }),
    ...(padId === undefined ? {} : { padId }),
    ...(maskId === undefined ? {} : { maskId }),
    ...(unkId === undefined ? {} : { unkId }),
    ...(typeof subwordPrefix === 'string' && subwordPrefix !== '' ? { subwordPrefix } : {}),
    ...(chat.source === undefined ? {} : { chatTemplate: chat.source }),
    eosIds: [...new Set([idOf(special.eos_token), ...(files.eosIds ?? [])].filter((id) => id !== undefined))],
    tokenId,
    token: (id) => tokens.get(id),
    bytesOf(id) {
      const token = tokens.get(id);
      if (token === undefined || isSpecial.has(token)) return undefined;
      if (ids.has(token)) return new TextEncoder().encode(token);
      if (byteLevel) return bytesOfToken(token);
      // SentencePiece: a byte that no other token has, or text with a mark for the space.
      const byte = /^<0x([0-9A-F]{2})>$/.exec(token);
      return byte
        ? Uint8Array.of(Number.parseInt(byte[1]!, 16))
        : new TextEncoder().encode(token.replaceAll('\u2581', ' '));
    },
    encode: (text, options = {}) =>
      attempt("The model's tokenizer cannot encode the text", () => run(() => encode(text, options), text.length)),
    decode,
    decodeStream(options = {}) {
      const skips = options.skipSpecialTokens ?? false;
      if (!byteLevel) return windowStream((given) => decode(given, options));
      return byteLevelStream(
        (id) => tokens.get(id),
        (token) => ids.has(token),
        (token) => skips && isSpecial.has(token),
      );
    },
    applyChatTemplate: chat.apply,
  };
}

/** What went wrong inside, with what it was done to; a sentence of ours is left as it is. */
function attempt<T>(what: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    const { message } = error as Error;
    if (error instanceof RangeError && message.endsWith('.')) throw error;
    throw new Error(`${what} (${message.slice(0, 300).replace(/\.$/, '')}).`, { cause: error });
  }
}

function largest(ids: Iterable<number>): number {
  let most = -1;
  for (const id of ids) most = Math.max(most, id);
  return most;
}

/** Special tokens by their names in tokenizer_config.json, as texts. */
function specialTokens(config: Record<string, unknown>): Record<string, string> {
  const tokens: Record<string, string> = {};
  for (const name of ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token']) {
    const value = config[name];
    const content = isFields(value) ? value.content : value;
    if (typeof content === 'string') tokens[name] = content;
  }
  return tokens;
}

/** The unknown token as the vocabulary itself names it: by its text, or its id (Unigram). */
function unknownOf(model: Fields, idOf: (token: string) => number | undefined): number | undefined {
  if (typeof model.unk_token === 'string') return idOf(model.unk_token);
  return typeof model.unk_id === 'number' ? model.unk_id : undefined;
}

function isByteLevel(decoder: unknown): boolean {
  const steps = stepsOf(decoder, 'decoders', 'decoder');
  return steps.length === 1 && steps[0]!.type === 'ByteLevel';
}
