import type { TruncationStrategy } from './types.ts';

/**
 * How many tokens each of one or two texts keeps when together they may have `most` (truncate_encodings of the Python library).
 * Throws a sentence when the strategy cannot get there.
 */
export function keptLengths(lengths: readonly number[], most: number, strategy: TruncationStrategy): number[] {
  const [one = 0, other = 0] = lengths;
  const excess = one + other - most;
  if (excess <= 0) return [...lengths];
  if (lengths.length === 1) {
    if (strategy === 'only_second') throw new RangeError('Truncation is "only_second", but there is only one text.');
    return [most];
  }
  if (strategy === 'longest_first') return longestFirst(one, other, most);
  const which = strategy === 'only_first' ? 0 : 1;
  const kept = lengths[which]! - excess;
  if (kept < 0 || (kept === 0 && most > 0)) {
    throw new RangeError(
      `Truncation is "${strategy}", but that text has only ${lengths[which]} tokens and ${excess} are too many. Take "longest_first" or a higher limit.`,
    );
  }
  return which === 0 ? [kept, other] : [one, kept];
}

function longestFirst(one: number, other: number, most: number): number[] {
  const least = Math.min(one, other);
  let shorter = least;
  let longer = least > most ? least : Math.max(least, most - least);
  if (shorter + longer > most) {
    shorter = Math.floor(most / 2);
    longer = shorter + (most % 2);
  }
  return one > other ? [longer, shorter] : [shorter, longer];
}

/** Ranges `[start, end)` of windows of `length` tokens that overlap by `stride`, from the side that is kept. */
export function windows(count: number, length: number, stride: number, side: 'right' | 'left'): [number, number][] {
  if (stride >= length) {
    throw new RangeError(`A stride of ${stride} tokens needs windows of more than that; the limit leaves ${length}.`);
  }
  const step = length - stride;
  const made: [number, number][] = [];
  if (side === 'right') {
    for (let start = 0; ; start += step) {
      made.push([start, Math.min(start + length, count)]);
      if (start + length >= count) return made;
    }
  }
  for (let end = count; ; end -= step) {
    made.push([Math.max(0, end - length), end]);
    if (end - length <= 0) return made;
  }
}
