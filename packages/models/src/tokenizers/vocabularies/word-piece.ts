import { type Fields, numberOf, textOf } from '../fields.ts';
import { Trie } from '../trie.ts';
import { idsByToken, remembered, type Vocabulary, type Word } from './vocabulary.ts';

/** The longest piece from the left, again and again; a word that has none somewhere is unknown as a whole. */
export function wordPiece(model: Fields): Vocabulary {
  const idOf = idsByToken(model);
  const unknown = textOf(model, 'unk_token', '[UNK]');
  const prefix = textOf(model, 'continuing_subword_prefix', '##');
  const longest = numberOf(model, 'max_input_chars_per_word', 0, Number.MAX_SAFE_INTEGER, 100);
  const pieces = new Trie();
  for (const [token, id] of idOf) pieces.add(token, id);
  const further = pieces.walk(prefix);
  const parts = (word: string): Word => {
    const ids: number[] = [];
    const starts: number[] = [];
    const ends: number[] = [];
    for (let start = 0; start < word.length; ) {
      const from = start === 0 ? 0 : further;
      const piece = from < 0 ? undefined : pieces.longest(word, start, from);
      if (!piece) return whole(word);
      ids.push(piece.value);
      starts.push(start);
      ends.push(piece.end);
      start = piece.end;
    }
    return { ids, starts, ends };
  };
  const whole = (word: string): Word => {
    const id = idOf.get(unknown);
    if (id === undefined) throw new Error(`its vocabulary lacks the unknown token ${JSON.stringify(unknown)}`);
    return { ids: [id], starts: [0], ends: [word.length] };
  };
  return {
    idOf,
    parts: remembered((word) => (word.length > longest && charactersIn(word) > longest ? whole(word) : parts(word))),
  };
}

function charactersIn(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}
