/** Tokens in order, and what is to be learnt of them. */
import type { EncodeOptions, Tokenizer } from '@working-papers/models';
import type { DataRow } from './row.ts';
import { expanded } from './stages.ts';
import type { Stream } from './stream.ts';

/** The label of a token at which nothing is learnt; PyTorch's cross entropy has the same. */
export const ignored = -100;

/** The tokens of a text, or of several texts in one row. Lists have an entry a token. */
export interface Sequence {
  readonly ids: readonly number[];
  /** What is learnt at each token, {@link ignored} where nothing is; not shifted. Default: the ids, as a decoder learns a text. */
  readonly labels?: readonly number[];
  /** The class of the whole; then no token has a label of its own. */
  readonly label?: number;
  /** 1 for tokens of the second text of a pair. */
  readonly typeIds?: readonly number[];
  /** 1 for tokens that the tokenizer added, which a masked language model leaves alone. */
  readonly special?: readonly number[];
  /** Which text a token is of, counted from 1: texts of one row see themselves alone. */
  readonly segments?: readonly number[];
  /** The place of each token in its text. */
  readonly positions?: readonly number[];
}

/** How a text becomes tokens for training. */
export interface SequenceOptions extends Pick<EncodeOptions, 'addSpecialTokens' | 'maxLength' | 'truncationSide'> {
  /** The id that a whole text ends with, counted in `maxLength`; a text that was cut has none. */
  end?: number;
}

/** The tokens of a text, all of which are learnt. */
export function textSequence(tokenizer: Tokenizer, text: string, { end, ...options }: SequenceOptions = {}): Sequence {
  const encoded = tokenizer.encode(text, withRoom(options, end));
  const ends = end !== undefined && !encoded.truncated;
  return {
    ids: ends ? [...encoded.ids, end] : encoded.ids,
    special: ends ? [...encoded.specialTokensMask, 1] : encoded.specialTokensMask,
  };
}

/** The options of the tokenizer with room for a token behind. */
export const withRoom = <T extends { maxLength?: number }>(options: T, end: number | undefined): T =>
  end === undefined || options.maxLength === undefined ? options : { ...options, maxLength: options.maxLength - 1 };

/**
 * Rows as sequences.
 * @param encode makes the sequence of a row, or several; what it throws comes with the row's place before it
 * @param leaveOut is told what a row was refused for, and the row is left out; without it the error ends the stream
 */
export function tokenised(
  rows: Stream<DataRow>,
  encode: (row: DataRow) => Sequence | readonly Sequence[],
  { leaveOut }: { leaveOut?: (sentence: string) => void } = {},
): Stream<Sequence> {
  return expanded(rows, (row): readonly Sequence[] => {
    try {
      const made = encode(row);
      return 'ids' in made ? [made] : made;
    } catch (error) {
      const sentence = `${row.place}: ${(error as Error).message}`;
      if (!leaveOut) throw new Error(sentence, { cause: error });
      leaveOut(sentence);
      return [];
    }
  });
}
