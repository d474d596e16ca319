import type { Fields } from '../fields.ts';
import { replace, template } from './parts.ts';
import { type Piece, type SentencePiece, tokenizerOfSentencePiece } from './sentencepiece.ts';

/** Families by what transformers' tokenizers add to SentencePiece. */
export type SentencePieceFamily = 't5' | 'albert' | 'xlm-roberta' | 'llama';

/** The tokenizer.json of a SentencePiece model as the family's tokenizer in transformers has it. */
export function tokenizerOfFamily(model: SentencePiece, family: SentencePieceFamily, config: Fields): Fields {
  const pieces = piecesOf(model, family, config);
  const before = family === 'albert' ? albertNormalisers(config) : [];
  const made = tokenizerOfSentencePiece(
    { ...model, pieces, byteFallback: model.byteFallback || family === 'llama' },
    { before, prefixesAll: config.legacy !== false },
  );
  const idOf = (token: string) => {
    const id = pieces.findIndex((piece) => piece.text === token);
    if (id < 0) throw new Error(`its vocabulary lacks the token ${token}, which such a tokenizer needs`);
    return id;
  };
  return { ...made, post_processor: processorOf(family, config, idOf) };
}

const control = (text: string): Piece => ({ text, score: 0, kind: 'control' });

function piecesOf({ pieces }: SentencePiece, family: SentencePieceFamily, config: Fields): readonly Piece[] {
  switch (family) {
    case 't5': {
      const extra = typeof config.extra_ids === 'number' ? Math.min(Math.max(config.extra_ids, 0), 1_000) : 100;
      return [...pieces, ...Array.from({ length: extra }, (_, i) => control(`<extra_id_${extra - 1 - i}>`))];
    }
    case 'xlm-roberta': {
      const unknown: Piece = { text: '<unk>', score: 0, kind: 'unknown' };
      return [control('<s>'), control('<pad>'), control('</s>'), unknown, ...pieces.slice(3), control('<mask>')];
    }
    case 'albert':
      // A number with its comma is to be two pieces.
      return pieces.map((piece) => (/\p{Nd},$/u.test(piece.text) ? { ...piece, score: piece.score - 100 } : piece));
    default:
      return pieces;
  }
}

const albertNormalisers = (config: Fields): Fields[] => [
  replace('``', '"'),
  replace("''", '"'),
  ...(config.keep_accents === true ? [] : [{ type: 'NFKD' }, { type: 'StripAccents' }]),
  ...(config.do_lower_case === false ? [] : [{ type: 'Lowercase' }]),
];

function processorOf(family: SentencePieceFamily, config: Fields, idOf: (token: string) => number): Fields {
  switch (family) {
    case 't5':
      return template(['$A', '</s>'], ['$A', '</s>', '$B', '</s>'], idOf, 0);
    case 'albert':
      return template(['[CLS]', '$A', '[SEP]'], ['[CLS]', '$A', '[SEP]', '$B', '[SEP]'], idOf);
    case 'xlm-roberta':
      return template(['<s>', '$A', '</s>'], ['<s>', '$A', '</s>', '</s>', '$B', '</s>'], idOf, 0);
    case 'llama': {
      const start = config.add_bos_token === false ? [] : ['<s>'];
      const end = config.add_eos_token === true ? ['</s>'] : [];
      const bos = start.map((token) => nameOf(config.bos_token) ?? token);
      const eos = end.map((token) => nameOf(config.eos_token) ?? token);
      return template([...bos, '$A', ...eos], [...bos, '$A', ...eos, ...bos, '$B', ...eos], idOf);
    }
  }
}

const nameOf = (token: unknown): string | undefined => {
  const content = typeof token === 'object' && token !== null ? (token as Fields).content : token;
  return typeof content === 'string' ? content : undefined;
};
