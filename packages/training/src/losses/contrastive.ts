import {
  add,
  div,
  fusedMatmul,
  matrixTranspose,
  max,
  mul,
  range,
  reduceSum,
  slice,
  sqrt,
  type Tensor,
} from '@working-papers/graph';
import { crossEntropy } from './cross-entropy.ts';

export interface ContrastiveOptions {
  /** Divides the cosines. Default 0.05: sentence-transformers' scale of 20. */
  temperature?: number;
  /** Half of the loss is how the keys find their queries. Default false. */
  symmetric?: boolean;
}

/**
 * InfoNCE with the batch's other rows as negatives (multiple negatives ranking): float32 queries `[n, width]` and keys `[m, width]`, m >= n, where
 * key i belongs to query i and keys from n on belong to none. Mean over the queries of -log softmax(cosines / temperature)[i].
 */
export function contrastive(
  queries: Tensor,
  keys: Tensor,
  { temperature = 0.05, symmetric = false }: ContrastiveOptions = {},
): Tensor {
  const count = queries.shape[0]!;
  const places = range(0, count);
  const scores = contrastiveScores(queries, keys, temperature);
  const loss = crossEntropy(scores, places);
  if (!symmetric) return loss;
  const back = crossEntropy(matrixTranspose(slice(scores, 1, 0, count)), places);
  return mul(add(loss, back), 0.5);
}

/** Cosines of float32 queries `[n, width]` and keys `[m, width]`, divided by the temperature: `[n, m]`. */
export function contrastiveScores(queries: Tensor, keys: Tensor, temperature: number): Tensor {
  if (!(temperature > 0)) throw new Error(`A temperature must be greater than 0; got ${temperature}.`);
  return div(fusedMatmul(unitRows(queries), unitRows(keys), { transposeB: true }), temperature);
}

/** Rows of length 1; a row of zeros stays. */
const unitRows = (x: Tensor): Tensor => div(x, max(sqrt(reduceSum(mul(x, x), [-1], { keepDims: true })), 1e-12));
