import type { Fields } from '../fields.ts';
import { patterns } from '../steps/known-patterns.ts';
import { addedToken, replace, replaceMatches, sequence } from './parts.ts';

/** A token of a SentencePiece vocabulary; its id is its place. */
export interface Piece {
  readonly text: string;
  /** Logarithmic probability, or in a BPE vocabulary the lower the later it was merged. */
  readonly score: number;
  readonly kind: 'normal' | 'unknown' | 'control' | 'defined' | 'byte' | 'unused';
}

/** A SentencePiece model: its pieces and what it does to a text before. */
export interface SentencePiece {
  readonly algorithm: 'unigram' | 'bpe';
  readonly pieces: readonly Piece[];
  /** Table of texts and what they become, base64; empty when there is none. */
  readonly charsmap: string;
  /** A space is put before the text. */
  readonly prefixes: boolean;
  /** Spaces at the ends go, and all but one of those in a row. */
  readonly trims: boolean;
  readonly byteFallback: boolean;
}

/** Changes to what SentencePiece itself does, for the families that make them. */
export interface SentencePieceRules {
  /** Normalisers before the model's own. */
  before?: readonly Fields[];
  /** Every text between added tokens gets the space before, not only the first. Default true. */
  prefixesAll?: boolean;
}

/** The tokenizer.json that gives the ids of SentencePiece's own encoder, without added first or last tokens. */
export function tokenizerOfSentencePiece(model: SentencePiece, rules: SentencePieceRules = {}): Fields {
  const { pieces, prefixes } = model;
  const unknown = pieces.findIndex((piece) => piece.kind === 'unknown');
  const added = pieces.flatMap(({ text, kind }, id) =>
    kind === 'control' || kind === 'unknown' || kind === 'defined' ? [addedToken(id, text, kind !== 'defined')] : [],
  );
  const always = rules.prefixesAll ?? true;
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: sequence('normalizers', [
      ...(rules.before ?? []),
      ...(model.charsmap === '' ? [] : [{ type: 'Precompiled', precompiled_charsmap: model.charsmap }]),
      ...(model.trims ? [replaceMatches(patterns.spaceRuns, ' '), replaceMatches(patterns.outerSpace, '')] : []),
      replace(' ', '▁'),
      // The pre-tokenizer puts no space before a text that begins with one; SentencePiece does.
      ...(prefixes && always ? [replaceMatches(patterns.firstSpace, '▁▁')] : []),
    ]),
    pre_tokenizer: prefixes
      ? { type: 'Metaspace', replacement: '▁', prepend_scheme: always ? 'always' : 'first', split: false }
      : null,
    post_processor: null,
    decoder: sequence('decoders', [
      replace('▁', ' '),
      { type: 'ByteFallback' },
      { type: 'Fuse' },
      ...(prefixes ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
    ]),
    model: model.algorithm === 'unigram' ? unigramOf(model, unknown) : bpeOf(model, unknown),
  };
}

function unigramOf({ pieces, byteFallback }: SentencePiece, unknown: number): Fields {
  return {
    type: 'Unigram',
    unk_id: unknown < 0 ? null : unknown,
    byte_fallback: byteFallback,
    vocab: pieces.map(({ text, score }) => [text, score]),
  };
}

/** Longest piece that is looked at for its parts, in UTF-16 units; those of real vocabularies have up to 128. */
const longestPiece = 256;

/** Two pieces are merged when together they are a piece; the better its score, the sooner. */
function bpeOf({ pieces, byteFallback }: SentencePiece, unknown: number): Fields {
  const vocab: Record<string, number> = Object.create(null);
  const normal = new Set<string>();
  for (const [id, { text, kind }] of pieces.entries()) {
    vocab[text] = id;
    if (kind === 'normal') normal.add(text);
  }
  const ranked = pieces.flatMap(({ text, score, kind }, id) => {
    const splits: { score: number; id: number; left: string; right: string }[] = [];
    if (kind !== 'normal') return splits;
    for (let at = 1; at < Math.min(text.length, longestPiece); at++) {
      const [left, right] = [text.slice(0, at), text.slice(at)];
      if (normal.has(left) && normal.has(right)) splits.push({ score, id, left, right });
    }
    return splits;
  });
  ranked.sort((a, b) => b.score - a.score || a.id - b.id || a.left.length - b.left.length);
  return {
    type: 'BPE',
    unk_token: unknown < 0 ? null : pieces[unknown]!.text,
    fuse_unk: true,
    byte_fallback: byteFallback,
    vocab,
    merges: ranked.map(({ left, right }) => [left, right]),
  };
}
