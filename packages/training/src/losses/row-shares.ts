import { div, greater, onesLike, reduceSum, reshape, slice, type Tensor, where } from '@working-papers/graph';

/** What losses that are a mean over rows can be told. */
export interface RowOptions {
  /** float32 `[...]`, how much each row counts, at least 0; default 1 for each. */
  weights?: Tensor;
}

/** Each row's share of a weighted mean, `[rows]`; 0 for all where the weights add up to nothing. */
export function sharesOf(weights: Tensor): Tensor {
  const total = reduceSum(weights, [0]);
  return div(weights, where(greater(total, 0), total, 1));
}

/** The shares of rows `[rows, n]`, by their weights or all the same. */
export function rowShares(rows: Tensor, { weights }: RowOptions): Tensor {
  if (weights) return sharesOf(reshape(weights, [-1]));
  return sharesOf(onesLike(reshape(slice(rows, 1, 0, 1), [-1])));
}
