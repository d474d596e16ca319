import { mul, reduceMean, reduceSum, reshape, sub, type Tensor } from '@working-papers/graph';
import { type RowOptions, rowShares } from './row-shares.ts';

/** Mean over the rows, and over each row's numbers, of (a - b)^2: float32 `[..., n]` of the same shape. */
export function meanSquaredError(a: Tensor, b: Tensor, options: RowOptions = {}): Tensor {
  const width = a.shape.at(-1)!;
  const difference = sub(reshape(a, [-1, width]), reshape(b, [-1, width]));
  const rows = reduceMean(mul(difference, difference), [1]);
  return reduceSum(mul(rows, rowShares(difference, options)), [0]);
}
