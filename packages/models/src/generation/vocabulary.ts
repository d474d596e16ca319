import type { Tokenizer } from '../tokenizers/types.ts';
import type { TokenVocabulary } from './types.ts';

const known = new WeakMap<Tokenizer, TokenVocabulary>();

/** The tokens of a model as bytes; one object a tokenizer, so that what is made for it can be kept. */
export function vocabularyOf(tokenizer: Tokenizer, size: number): TokenVocabulary {
  const made = known.get(tokenizer);
  if (made && made.size === size) return made;
  const vocabulary: TokenVocabulary = { size, bytesOf: (id) => tokenizer.bytesOf(id) };
  known.set(tokenizer, vocabulary);
  return vocabulary;
}
