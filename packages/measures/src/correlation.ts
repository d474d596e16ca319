import { sampleCorrelation } from 'simple-statistics';
import { checkNumbers, checkPairs } from './checks.ts';

function checkSample(where: string, a: ArrayLike<number>, b: ArrayLike<number>): void {
  checkPairs(where, a, b);
  checkNumbers(where, a);
  checkNumbers(where, b);
  if (a.length < 2) throw new RangeError(`${where} needs at least two pairs; got 1.`);
}

/** Pearson's product-moment correlation, in [-1, 1]; NaN where one list is constant. */
export function pearson(a: ArrayLike<number>, b: ArrayLike<number>): number {
  checkSample('pearson', a, b);
  return sampleCorrelation(Array.from(a), Array.from(b));
}

/** Ranks from 1, ties sharing their mean. */
export function ranks(values: ArrayLike<number>): number[] {
  const order = Array.from(values, (_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const result = new Array<number>(values.length);
  for (let first = 0; first < order.length; ) {
    let end = first + 1;
    while (end < order.length && values[order[end]!] === values[order[first]!]) end += 1;
    // Places first..end - 1 hold the ranks first + 1..end.
    for (const i of order.slice(first, end)) result[i] = (first + 1 + end) / 2;
    first = end;
  }
  return result;
}

/** Spearman's rank correlation: Pearson's of the ranks, ties sharing their mean; NaN where one list is constant. */
export function spearman(a: ArrayLike<number>, b: ArrayLike<number>): number {
  checkSample('spearman', a, b);
  return sampleCorrelation(ranks(a), ranks(b));
}
