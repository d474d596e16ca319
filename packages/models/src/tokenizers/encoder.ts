import { type AddedToken, addedTokenCutter } from './added-tokens.ts';
import { AlignedText } from './aligned-text.ts';
import type { Fields } from './fields.ts';
import { append, emptySequence, type Sequence, sliceOf } from './sequence.ts';
import { normaliserOf } from './steps/normaliser.ts';
import { type Part, postProcessorOf } from './steps/post-processor.ts';
import { asksForPlace, preTokenizerOf } from './steps/pre-tokenizer.ts';
import { keptLengths, windows } from './truncate.ts';
import type { Encoded, EncodeOptions } from './types.ts';
import type { Vocabulary } from './vocabularies/index.ts';

/**
 * Texts to tokens by a parsed tokenizer.json: normaliser, added tokens, pre-tokenizer, model, post-processor, in the Python
 * library's order. The truncation written in the file is off; `defaultLimit` is what texts are cut to.
 */
export function createEncoder(
  tokenizer: Fields,
  vocabulary: Vocabulary,
  added: readonly AddedToken[],
  tokenOf: (id: number) => string | undefined,
  defaultLimit?: number,
): (text: string, options: EncodeOptions) => Encoded {
  const cutAtAdded = addedTokenCutter(added, normaliserOf(tokenizer.normalizer));
  const cutWords = preTokenizerOf(tokenizer.pre_tokenizer);
  const alwaysTracked = asksForPlace(tokenizer.pre_tokenizer);
  const post = postProcessorOf(tokenizer.post_processor);

  const sequenceOf = (text: string, offsets: boolean): Sequence => {
    const sequence = emptySequence();
    for (const { text: section, token } of cutAtAdded(AlignedText.of(text, offsets || alwaysTracked))) {
      if (token) {
        sequence.texts.set(sequence.ids.length, section.text);
        append(sequence, section, { ids: [token.id], starts: [0], ends: [section.text.length] }, offsets);
      } else for (const word of cutWords(section)) append(sequence, word, vocabulary.parts(word.text), offsets);
    }
    return sequence;
  };

  return (text, options) => {
    const tracked = options.offsets ?? false;
    const texts = options.pair === undefined ? [text] : [text, options.pair];
    const sequences = texts.map((one) => sequenceOf(one, tracked));
    const layout = (texts.length === 2 ? post.pair : post.single).filter(
      (part) => part.kind === 'text' || (options.addSpecialTokens ?? true),
    );
    const lengths = sequences.map((sequence) => sequence.ids.length);
    const kept = keptLengths(
      lengths,
      roomIn(layout, options.maxLength ?? defaultLimit),
      options.truncation ?? 'longest_first',
    );
    const [encoded, ...overflow] = partsOf(sequences, kept, options).map((parts) => {
      if (tracked) for (const [i, part] of parts.entries()) post.trim(part, texts[i]!, (id) => tokenOf(id) ?? '');
      return layOut(parts, layout, tracked, lengths);
    });
    return options.stride === undefined ? encoded! : { ...encoded!, overflow };
  };
}

/** Tokens that a limit leaves for the texts. */
function roomIn(layout: readonly Part[], limit = Number.POSITIVE_INFINITY): number {
  const added = layout.reduce((sum, part) => sum + (part.kind === 'special' ? part.ids.length : 0), 0);
  if (limit < added) {
    throw new RangeError(
      `A limit of ${limit} tokens has no room for the ${added} tokens that the model adds to every text.`,
    );
  }
  return limit - added;
}

/** The texts cut to their lengths; with a stride, once for every window of the one that is cut. */
function partsOf(sequences: readonly Sequence[], kept: readonly number[], options: EncodeOptions): Sequence[][] {
  const side = options.truncationSide ?? 'right';
  const cutTo = (sequence: Sequence, length: number) => {
    const all = sequence.ids.length;
    return side === 'right' ? sliceOf(sequence, 0, length) : sliceOf(sequence, all - length, all);
  };
  const first = sequences.map((sequence, i) => cutTo(sequence, kept[i]!));
  const long = sequences.flatMap((sequence, i) => (sequence.ids.length > kept[i]! ? [i] : []));
  if (options.stride === undefined || long.length === 0) return [first];
  if (!Number.isInteger(options.stride) || options.stride < 0)
    throw new RangeError(`A stride must be a whole number of tokens from 0; got ${options.stride}.`);
  if (long.length > 1)
    throw new RangeError(
      'With a stride one of two texts can be cut; take the truncation "only_first" or "only_second".',
    );
  const which = long[0]!;
  const sequence = sequences[which]!;
  return windows(sequence.ids.length, kept[which]!, options.stride, side).map(([start, end]) =>
    first.map((whole, i) => (i === which ? copyOf(sliceOf(sequence, start, end)) : copyOf(whole))),
  );
}

/** Windows overlap, and trimming changes offsets in place. */
const copyOf = (sequence: Sequence): Sequence => ({
  ...sequence,
  offsets: sequence.offsets.map(([start, end]) => [start, end]),
});

/** The texts and the post-processor's tokens, one after another. */
function layOut(
  parts: readonly Sequence[],
  layout: readonly Part[],
  tracked: boolean,
  lengths: readonly number[],
): Encoded {
  const cut = lengths.reduce((sum, length, i) => sum + length - parts[i]!.ids.length, 0);
  const ids: number[] = [];
  const typeIds: number[] = [];
  const specialTokensMask: number[] = [];
  const sequenceIds: (0 | 1 | null)[] = [];
  const offsets: [number, number][] = [];
  for (const part of layout) {
    const isText = part.kind === 'text';
    const own = isText ? parts[part.index]!.ids : part.ids;
    for (const id of own) {
      ids.push(id);
      typeIds.push(part.typeId);
      specialTokensMask.push(isText ? 0 : 1);
      sequenceIds.push(isText ? part.index : null);
    }
    if (!tracked) continue;
    if (isText) for (const range of parts[part.index]!.offsets) offsets.push(range);
    else for (const _ of own) offsets.push([0, 0]);
  }
  return {
    ids,
    typeIds,
    attentionMask: ids.map(() => 1),
    specialTokensMask,
    sequenceIds,
    ...(tracked ? { offsets } : {}),
    truncated: cut > 0,
    cut,
  };
}
