import type { TextOrPair, TokenizedText } from '../heads/types.ts';
import type { EncodeOptions, Tokenizer } from '../tokenizers/types.ts';

/** Texts cut to the window of an encoder. */
export interface Tokenizing {
  /** Tokens that a text is cut to; throws a sentence where `maxTokens` leaves none. */
  limitOf(maxTokens?: number): number;
  tokenize(texts: readonly TextOrPair[], options?: { maxTokens?: number | undefined }): TokenizedText[];
}

export function tokenizing(tokenizer: Tokenizer, contextLength: number): Tokenizing {
  const limitOf: Tokenizing['limitOf'] = (maxTokens) => {
    const limit = Math.min(maxTokens ?? contextLength, contextLength);
    if (!Number.isInteger(limit) || limit < 3)
      throw new Error(`maxTokens must be a whole number of at least 3; got ${maxTokens}.`);
    return limit;
  };
  return {
    limitOf,
    tokenize(texts, { maxTokens } = {}) {
      const maxLength = limitOf(maxTokens);
      return texts.map((text) => tokenizer.encode(...partsOf(text, { maxLength })));
    },
  };
}

/** A text or a pair as the tokenizer takes it. */
const partsOf = (text: TextOrPair, options: EncodeOptions): [string, EncodeOptions] =>
  typeof text === 'string' ? [text, options] : [text[0], { ...options, pair: text[1] }];
