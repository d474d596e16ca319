import type { Fields } from '../fields.ts';

/** Parts of a tokenizer.json that is made from other files. */

export const addedToken = (id: number, content: string, special: boolean, flags: Fields = {}): Fields => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  ...flags,
  special,
});

/** A template such as `<s> $A </s>`; tokens with their ids, and the type of what follows in a pair. */
export function template(
  single: readonly string[],
  pair: readonly string[],
  idOf: (token: string) => number,
  secondType = 1,
): Fields {
  const pieces = (parts: readonly string[]) => {
    const second = parts.indexOf('$B');
    return parts.map((part, i) => {
      const type_id = second >= 0 && i >= second ? secondType : 0;
      if (part === '$A' || part === '$B') return { Sequence: { id: part.slice(1), type_id } };
      return { SpecialToken: { id: part, type_id } };
    });
  };
  const tokens = [...single, ...pair].filter((part) => part !== '$A' && part !== '$B');
  return {
    type: 'TemplateProcessing',
    single: pieces(single),
    pair: pieces(pair),
    special_tokens: Object.fromEntries(tokens.map((id) => [id, { id, ids: [idOf(id)], tokens: [id] }])),
  };
}

export const sequence = (name: string, steps: readonly Fields[]): Fields | null =>
  steps.length === 0 ? null : { type: 'Sequence', [name]: steps };

export const replace = (pattern: string, content: string): Fields => ({
  type: 'Replace',
  pattern: { String: pattern },
  content,
});

export const replaceMatches = (pattern: string, content: string): Fields => ({
  type: 'Replace',
  pattern: { Regex: pattern },
  content,
});
