/** Labels of whole texts and of their tokens. */
import type { EncodeOptions, Tokenizer } from '@working-papers/models';
import { shown } from '../shown.ts';
import { ignored, type Sequence } from './sequence.ts';

/** A class by its name, or by its number when it is one. Throws a sentence when there is none of it. */
export function classOf(names: readonly string[], value: unknown): number {
  const index =
    typeof value === 'bigint' ? Number(value) : typeof value === 'number' ? value : names.indexOf(String(value));
  if (Number.isInteger(index) && index >= 0 && index < names.length) return index;
  const list = names.length > 20 ? `${names.slice(0, 20).join(', ')} and ${names.length - 20} more` : names.join(', ');
  throw new Error(`the label ${shown(value)} is none of ${list}. Name every label, or number them from 0.`);
}

/** A text, or a pair of texts, and its class. */
export function classSequence(
  tokenizer: Tokenizer,
  text: string | readonly [string, string],
  label: number,
  options: EncodeOptions = {},
): Sequence {
  const [first, second] = typeof text === 'string' ? [text] : text;
  const { ids, typeIds, specialTokensMask } = tokenizer.encode(first, {
    ...options,
    ...(second === undefined ? {} : { pair: second }),
  });
  return { ids, typeIds, special: specialTokensMask, label };
}

/** Characters `[start, end)` of a text (UTF-16 units) that are something. */
export interface TaggedSpan {
  start: number;
  end: number;
  label: string;
}

/** How tokens are tagged. */
export interface TagOptions extends Pick<EncodeOptions, 'addSpecialTokens' | 'maxLength'> {
  /** Names of the tags in the order of their numbers: `['O', 'B-PER', 'I-PER']`, or without B- and I-. */
  tags: readonly string[];
  /** The first token of a word or span alone has a tag, or every token; default every token for spans, the first for words. */
  tokens?: 'first' | 'every';
}

/**
 * A text with the tags of its tokens, from spans of its characters. A token is in a span when its first character beside white space
 * is. The first token of a span `PER` is `B-PER` where there is such a tag, else `I-PER` or `PER`; tokens of no span are `O`; what the
 * tokenizer added is {@link ignored}. Throws a sentence for spans that overlap or leave the text, and for tags that are not named.
 */
export function taggedText(
  tokenizer: Tokenizer,
  text: string,
  spans: readonly TaggedSpan[],
  { tags, tokens = 'every', ...options }: TagOptions,
): Sequence {
  const ordered = spans.toSorted((one, other) => one.start - other.start);
  for (const [index, { start, end, label }] of ordered.entries()) {
    const places = `characters ${start} to ${end} (${shown(label)})`;
    if (![start, end].every(Number.isInteger) || start < 0 || start >= end || end > text.length)
      throw new Error(`${places} are no part of a text of ${text.length} characters.`);
    const next = ordered[index + 1];
    if (next && next.start < end)
      throw new Error(`${places} overlap with those from ${next.start}; a token has one tag.`);
  }
  const named = (names: readonly string[]) => {
    const name = names.find((candidate) => tags.includes(candidate));
    return classOf(tags, name ?? names.at(-1));
  };
  return tagged(tokenizer, text, ordered, options, (span, isFirst) => {
    if (!span) return classOf(tags, 'O');
    if (isFirst) return named([`B-${span.label}`, `I-${span.label}`, span.label]);
    return tokens === 'first' ? ignored : named([`I-${span.label}`, span.label]);
  });
}

/**
 * Words with a tag each (a name or a number), as CoNLL's data sets have them: the text is the words with a space between. Each word's
 * first token has its tag and the others are {@link ignored}; with `tokens: 'every'` they have it too, `I-` in place of `B-`.
 */
export function taggedWords(
  tokenizer: Tokenizer,
  words: readonly string[],
  wordTags: readonly unknown[],
  { tags, tokens = 'first', ...options }: TagOptions,
): Sequence {
  if (words.length !== wordTags.length)
    throw new Error(`there are ${words.length} words and ${wordTags.length} tags; each word has one.`);
  let end = -1;
  const spans = words.map((word, index) => {
    const start = end + 1;
    end = start + word.length;
    return { start, end, tag: classOf(tags, wordTags[index]) };
  });
  return tagged(tokenizer, words.join(' '), spans, options, (span, isFirst) => {
    if (!span) return ignored;
    if (isFirst) return span.tag;
    if (tokens === 'first') return ignored;
    const inside = tags.indexOf(tags[span.tag]!.replace(/^B-/, 'I-'));
    return inside < 0 ? span.tag : inside;
  });
}

/** The tokens of a text, each with the tag of the span that it is in. Spans are in order and apart. */
function tagged<S extends { start: number; end: number }>(
  tokenizer: Tokenizer,
  text: string,
  spans: readonly S[],
  options: EncodeOptions,
  tagOf: (span: S | undefined, isFirst: boolean) => number,
): Sequence {
  const { ids, offsets, specialTokensMask } = tokenizer.encode(text, { ...options, offsets: true });
  let [next, begun] = [0, -1];
  const labels = ids.map((_, place) => {
    if (specialTokensMask[place]) return ignored;
    const [start, end] = offsets![place]!;
    const first = start + text.slice(start, end).search(/\S/);
    if (first < start) return ignored;
    while (next < spans.length && spans[next]!.end <= first) next++;
    const span = spans[next];
    if (!span || span.start > first) return tagOf(undefined, true);
    const isFirst = begun !== next;
    begun = next;
    return tagOf(span, isFirst);
  });
  return { ids, labels, special: specialTokensMask };
}
