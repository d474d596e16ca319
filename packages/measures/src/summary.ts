import * as statistics from 'simple-statistics';
import { checkNumbers, checkPairs } from './checks.ts';

/** Arithmetic mean. */
export function mean(values: ArrayLike<number>): number {
  checkNumbers('mean', values);
  return statistics.mean(Array.from(values));
}

/** Middle value; the mean of the two middle ones for an even number. */
export function median(values: ArrayLike<number>): number {
  checkNumbers('median', values);
  return statistics.median(Array.from(values));
}

/** Sample standard deviation (divided by n - 1); needs at least two values. */
export function standardDeviation(values: ArrayLike<number>): number {
  checkNumbers('standardDeviation', values);
  if (values.length < 2) throw new RangeError('standardDeviation needs at least two values; got 1.');
  return statistics.sampleStandardDeviation(Array.from(values));
}

/** Cosine of the angle between two vectors, in [-1, 1]; NaN where one is all zeros. */
export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  checkPairs('cosine', a, b);
  checkNumbers('cosine', a);
  checkNumbers('cosine', b);
  let [dot, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    dot += a[i]! * b[i]!;
    aa += a[i]! ** 2;
    bb += b[i]! ** 2;
  }
  return Math.min(1, Math.max(-1, dot / Math.sqrt(aa * bb)));
}
