import { type Fields, fieldsOf } from '../fields.ts';
import { bpe } from './bpe.ts';
import { unigram } from './unigram.ts';
import type { Vocabulary } from './vocabulary.ts';
import { wordLevel } from './word-level.ts';
import { wordPiece } from './word-piece.ts';

export { mostId, type Vocabulary } from './vocabulary.ts';

/** The model of a tokenizer.json. Files from before models had a type are told apart by what they hold. */
export function vocabularyOf(value: unknown): Vocabulary {
  const model = fieldsOf(value, '"model"');
  switch (model.type ?? typeOf(model)) {
    case 'BPE':
      return bpe(model);
    case 'Unigram':
      return unigram(model);
    case 'WordPiece':
      return wordPiece(model);
    case 'WordLevel':
      return wordLevel(model);
    default:
      throw new Error(`its model is ${JSON.stringify(model.type)}; BPE, Unigram, WordPiece and WordLevel are read`);
  }
}

function typeOf(model: Fields): string {
  if (Array.isArray(model.merges)) return 'BPE';
  if (Array.isArray(model.vocab)) return 'Unigram';
  return 'continuing_subword_prefix' in model ? 'WordPiece' : 'WordLevel';
}
