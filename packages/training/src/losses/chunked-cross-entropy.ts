import { div, greater, mapSlices, mul, pad, reduceSum, reshape, type Tensor, where } from '@working-papers/graph';
import { ignored } from '../data/sequence.ts';
import { crossEntropy, labelledWeight } from './cross-entropy.ts';
import type { RowOptions } from './row-shares.ts';

export interface ChunkOptions extends RowOptions {
  /** Rows whose logits exist at a time. Default 256. */
  chunk?: number;
}

/**
 * {@link crossEntropy} of `head(hidden)` where the logits of a few rows exist at a time, forwards and backwards: for vocabularies whose logits
 * take more memory than the model (cut cross-entropy, arXiv 2411.09009). float32 hidden states `[..., hidden]`, int64 labels `[...]`; the
 * head makes logits `[chunk, classes]` of rows `[chunk, hidden]`, and is computed once more in the backward pass.
 *
 * Throws where the number of rows is not known when the graph is built.
 *
 * @example chunkedCrossEntropy(hidden, labels, (rows) => weights.linear(rows, 'lm_head.weight'))
 */
export function chunkedCrossEntropy(
  hidden: Tensor,
  labels: Tensor,
  head: (rows: Tensor) => Tensor,
  { chunk = 256, weights }: ChunkOptions = {},
): Tensor {
  const count = labels.shape.reduce<number>(
    (product, size) => product * (typeof size === 'number' ? size : Number.NaN),
    1,
  );
  if (!Number.isSafeInteger(count)) {
    throw new Error(
      `chunkedCrossEntropy takes a number of rows that is known when the graph is built; the labels are [${labels.shape.join(', ')}].`,
    );
  }
  if (!Number.isSafeInteger(chunk) || chunk < 1) {
    throw new Error(`A chunk must be a whole number of rows of at least 1; got ${chunk}.`);
  }
  const size = Math.min(chunk, Math.max(count, 1));
  const missing = (size - (count % size)) % size;
  const cut = (x: Tensor, width: readonly number[], value: number) => {
    const rows = reshape(x, [count, ...width]);
    const whole = missing === 0 ? rows : pad(rows, [[0, missing], ...width.map((): [number, number] => [0, 0])], value);
    return reshape(whole, [-1, size, ...width]);
  };
  const parts = [cut(hidden, [hidden.shape.at(-1) as number], 0), cut(labels, [], ignored)];
  if (weights) parts.push(cut(weights, [], 0));
  const [losses, counts] = mapSlices(parts, (rows, wanted, own) => {
    const options = own ? { weights: own } : {};
    const weight = labelledWeight(wanted!, options);
    return [mul(crossEntropy(head(rows!), wanted!, options), weight), weight];
  });
  const total = reduceSum(counts!);
  return div(reduceSum(losses!), where(greater(total, 0), total, 1));
}
