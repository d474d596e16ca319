import { type Fields, fieldsOf, kindOf } from '../fields.ts';

/** The tokens of a word: ids, and the units `[start, end)` of the word that each stands for. */
export interface Word {
  readonly ids: number[];
  readonly starts: number[];
  readonly ends: number[];
}

/** The model of a tokenizer.json: its tokens, and how it parts a word into them. */
export interface Vocabulary {
  readonly idOf: ReadonlyMap<string, number>;
  parts(word: string): Word;
}

/** Longest token that is read, in UTF-16 units. */
const longestToken = 10_000;

/** Ids stay below this, so that they fit an int32 tensor. */
export const mostId = 2 ** 31 - 1;

/** The `vocab` of a model that names ids by token. */
export function idsByToken(model: Fields): Map<string, number> {
  const ids = new Map<string, number>();
  for (const [token, id] of Object.entries(fieldsOf(model.vocab, `"vocab" of ${kindOf(model)}`))) {
    checkToken(token);
    ids.set(token, checkedId(id, token));
  }
  return ids;
}

export function checkToken(token: unknown): asserts token is string {
  if (typeof token !== 'string')
    throw new Error(`its vocabulary has a token ${JSON.stringify(token)}, which is no text`);
  if (token.length > longestToken)
    throw new Error(`its vocabulary has a token of ${token.length} characters; at most ${longestToken} are read`);
}

export function checkedId(id: unknown, token: string): number {
  if (typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < mostId) return id;
  throw new Error(`its vocabulary gives ${JSON.stringify(token.slice(0, 60))} the id ${String(id).slice(0, 40)}`);
}

/** Ids of the 256 byte tokens `<0x00>` to `<0xFF>`; -1 where there is none. */
export function byteTokens(idOf: ReadonlyMap<string, number>): Int32Array {
  return Int32Array.from({ length: 256 }, (_, byte) => {
    const name = `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
    return idOf.get(name) ?? -1;
  });
}

const mostWords = 20_000;
const longestWord = 128;

/** Remembers what the commonest words part into. */
export function remembered(parts: (word: string) => Word): (word: string) => Word {
  let words = new Map<string, Word>();
  return (word) => {
    if (word.length > longestWord) return parts(word);
    let made = words.get(word);
    if (!made) {
      made = parts(word);
      if (words.size >= mostWords) words = new Map();
      words.set(word, made);
    }
    return made;
  };
}
