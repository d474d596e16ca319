import {
  add,
  customGradient,
  exp,
  log,
  mul,
  reduceMax,
  reduceSum,
  reshape,
  softmax,
  sub,
  type Tensor,
  unsqueeze,
} from '@working-papers/graph';
import { type RowOptions, rowShares } from './row-shares.ts';

/** log of the sum of exp over the last axis: float32 `[..., n]` to `[...]`. */
export function logSumExp(x: Tensor): Tensor {
  const greatest = reduceMax(x, [-1], { keepDims: true });
  return add(log(reduceSum(exp(sub(x, greatest)), [-1])), reduceMax(x, [-1]));
}

/**
 * Mean over the rows of (log Z)^2, Z the sum of exp over the classes: float32 logits `[..., classes]`. What keeps a head from drifting
 * (PaLM, arXiv 2204.02311, section 5, with a factor of 1e-4). The gradient is 2 log Z softmax(logits) times a row's share.
 */
export function zLoss(logits: Tensor, options: RowOptions = {}): Tensor {
  const rows = reshape(logits, [-1, logits.shape.at(-1)!]);
  const share = rowShares(rows, options);
  const logZ = logSumExp(rows);
  return customGradient(
    rows,
    () => reduceSum(mul(mul(logZ, logZ), share), [0]),
    (g, _, [given]) => mul(softmax(given!, -1), unsqueeze(mul(mul(logZ, share), mul(g, 2)), [1])),
  );
}
