import { checkNumbers, checkPairs } from './checks.ts';
import { ranks } from './correlation.ts';

/** The share of predictions that equal the truth. */
export function accuracy<Label>(predicted: readonly Label[], actual: readonly Label[]): number {
  checkPairs('accuracy', predicted, actual);
  if (actual.length === 0) throw new RangeError('accuracy needs at least one prediction; got none.');
  return predicted.filter((label, i) => label === actual[i]).length / actual.length;
}

/**
 * Area under the receiver operating characteristic: the chance that a positive scores above a negative, ties counting
 * half (Mann and Whitney's statistic). NaN where one of the classes is empty.
 */
export function auc(scores: ArrayLike<number>, positive: readonly boolean[]): number {
  checkPairs('auc', scores, positive);
  checkNumbers('auc', scores);
  const rank = ranks(scores);
  const positives = positive.filter(Boolean).length;
  const rankSum = rank.reduce((sum, value, i) => (positive[i] ? sum + value : sum), 0);
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * (positive.length - positives));
}
