import { type Fields, textOf } from '../fields.ts';
import { idsByToken, type Vocabulary } from './vocabulary.ts';

/** Whole words, or the unknown token. */
export function wordLevel(model: Fields): Vocabulary {
  const idOf = idsByToken(model);
  const unknown = textOf(model, 'unk_token', '<unk>');
  return {
    idOf,
    parts(word) {
      const id = idOf.get(word) ?? idOf.get(unknown);
      if (id === undefined) throw new Error(`its vocabulary lacks the unknown token ${JSON.stringify(unknown)}`);
      return { ids: [id], starts: [0], ends: [word.length] };
    },
  };
}
