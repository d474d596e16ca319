import type { GeneratedToken, Tokenizer, TokenScore } from '@working-papers/models';

/** A token as log-probabilities are told of it. */
export interface ScoredToken {
  id: number;
  /** Characters (code points) of the answer before it. */
  offset: number;
  /** Of the first token of a prompt there is none. */
  score: TokenScore | undefined;
}

const lenient = new TextDecoder('utf-8', { ignoreBOM: true });
const strict = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });

/** A token's text: its bytes where it has any, otherwise its name in the vocabulary. */
export function tokenText(tokenizer: Tokenizer, id: number): { text: string; bytes: number[] | null } {
  const bytes = tokenizer.bytesOf(id);
  if (!bytes) return { text: tokenizer.token(id) ?? '', bytes: null };
  return { text: lenient.decode(bytes), bytes: Array.from(bytes) };
}

/** The same as a name that no other token has: a part of a character is `bytes:\xe2\x82`, as OpenAI's completions have it. */
export function tokenName(tokenizer: Tokenizer, id: number): string {
  const bytes = tokenizer.bytesOf(id);
  if (!bytes) return tokenizer.token(id) ?? '';
  try {
    return strict.decode(bytes);
  } catch {
    return `bytes:${Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}`;
  }
}

/** JSON has no -Infinity; OpenAI's servers say -9999 for what cannot be. */
export const finite = (logProbability: number): number => Math.max(-9999, logProbability);

export const charactersOf = (text: string): number => Array.from(text).length;

/**
 * Tells tokens with the text that they are of: a token waits until the first of its characters is certain to be said, so that a
 * token of a stop text or the end of the sequence is never told.
 */
export class TokenTeller {
  readonly #stream;
  readonly #waiting: ScoredToken[] = [];
  /** Characters that the tokens so far make, and those that were said. */
  #made: number;
  #said: number;

  constructor(tokenizer: Tokenizer, from = 0) {
    this.#stream = tokenizer.decodeStream({ skipSpecialTokens: true });
    this.#made = from;
    this.#said = from;
  }

  push({ id, score, text }: Pick<GeneratedToken, 'id' | 'score' | 'text'>): ScoredToken[] {
    this.#waiting.push({ id, score, offset: this.#made });
    this.#made += charactersOf(this.#stream.push(id));
    this.#said += charactersOf(text);
    const certain = this.#waiting.findIndex(({ offset }) => offset >= this.#said);
    return this.#waiting.splice(0, certain < 0 ? this.#waiting.length : certain);
  }
}
