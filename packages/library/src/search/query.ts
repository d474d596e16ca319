import { wordsOf } from '../text.ts';

export const queryLimits = { characters: 400, terms: 32 } as const;

export interface Query {
  /** What the encoder reads: trimmed and cut. */
  text: string;
  /** Distinct folded words, in order. */
  terms: string[];
  truncated: boolean;
}

/** A query within the limits that keep one search from holding up all others. */
export function readQuery(query: string): Query {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: Postgres stores no NUL
  const clean = query.replace(/[\u0000-\u001F\u007F]+/g, ' ').trim();
  const text = [...clean].slice(0, queryLimits.characters).join('');
  const all = [...new Set(wordsOf(text))];
  const terms = all.slice(0, queryLimits.terms);
  return { text, terms, truncated: text !== clean || terms.length < all.length };
}
