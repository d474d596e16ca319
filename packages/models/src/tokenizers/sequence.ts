import type { AlignedText } from './aligned-text.ts';

/** The tokens of one text, before the post-processor adds its own. */
export interface Sequence {
  readonly ids: number[];
  /** What each token stands for in the original; empty when nobody asked. */
  readonly offsets: [number, number][];
  /** Texts of the added tokens as they were found, by place; every other token has the text of its id. */
  readonly texts: Map<number, string>;
}

export const emptySequence = (): Sequence => ({ ids: [], offsets: [], texts: new Map() });

export function sliceOf(sequence: Sequence, start: number, end: number): Sequence {
  if (start === 0 && end >= sequence.ids.length) return sequence;
  const texts = new Map<number, string>();
  for (const [place, text] of sequence.texts) if (place >= start && place < end) texts.set(place - start, text);
  return { ids: sequence.ids.slice(start, end), offsets: sequence.offsets.slice(start, end), texts };
}

/** Adds the tokens of a piece: ids, and the units of the piece that each stands for. */
export function append(
  sequence: Sequence,
  piece: AlignedText,
  tokens: { ids: readonly number[]; starts: readonly number[]; ends: readonly number[] },
  tracked: boolean,
): void {
  for (const id of tokens.ids) sequence.ids.push(id);
  if (!tracked) return;
  for (const [i, start] of tokens.starts.entries()) sequence.offsets.push(piece.rangeOf(start, tokens.ends[i]!));
}
