import {
  customGradient,
  div,
  gradient,
  greater,
  isFloat,
  mapSlices,
  mul,
  operationsBefore,
  pad,
  reduceSum,
  reshape,
  slice,
  type Tensor,
  where,
} from '@working-papers/graph';
import { ignored } from '../data/sequence.ts';
import { crossEntropy, labelledWeight } from './cross-entropy.ts';
import type { RowOptions } from './row-shares.ts';

export interface ChunkOptions extends RowOptions {
  /** Rows whose logits exist at a time. Default 256; where the number of rows is not known, those of one index of the first axis. */
  chunk?: number;
}

/**
 * {@link crossEntropy} of `head(hidden)` where the logits of a few rows exist at a time, forwards and backwards: for vocabularies whose logits
 * take more memory than the model (cut cross-entropy, arXiv 2411.09009). float32 hidden states `[..., hidden]`, int64 labels `[...]`; the
 * head makes logits `[chunk, classes]` of rows `[chunk, hidden]`. A head that depends on inputs of the graph, as weights that are trained do,
 * is computed once more in the backward pass; of any other the gradient of a chunk is made beside its loss (Liger kernels, arXiv 2410.10989),
 * also where nobody asks for it, as an evaluation does not.
 *
 * Throws where neither the number of rows is known when the graph is built nor a first axis to cut along is there.
 *
 * @example chunkedCrossEntropy(hidden, labels, (rows) => weights.linear(rows, 'lm_head.weight'))
 */
export function chunkedCrossEntropy(
  hidden: Tensor,
  labels: Tensor,
  head: (rows: Tensor) => Tensor,
  options: ChunkOptions = {},
): Tensor {
  const { cut, whole } = cutting(labels, options);
  const parts = [cut(hidden, [hidden.shape.at(-1)!], 0), cut(labels, [], ignored)];
  if (options.weights) parts.push(cut(options.weights, [], 0));
  let frozen = false;
  const [losses, counts, slopes] = mapSlices(parts, (rows, wanted, own) => {
    const weights = own ? { weights: own } : {};
    const logits = head(rows!);
    const weight = labelledWeight(wanted!, weights);
    const loss = mul(crossEntropy(logits, wanted!, weights), weight);
    frozen = !operationsBefore([logits]).some(
      ({ rule, outputs }) => rule.name === 'input' && outputs.some(({ dtype }) => isFloat(dtype)),
    );
    return [loss, weight, ...(frozen ? gradient(loss, [rows!]) : [])];
  });
  const total = reduceSum(counts!);
  const divisor = where(greater(total, 0), total, 1);
  if (!frozen) return div(reduceSum(losses!), divisor);
  return customGradient(
    hidden,
    () => div(reduceSum(losses!), divisor),
    (g) => mul(whole(slopes!, hidden), div(g, divisor)),
  );
}

/** How rows are cut into chunks, and made whole again. */
function cutting(labels: Tensor, { chunk = 256 }: ChunkOptions) {
  if (!Number.isSafeInteger(chunk) || chunk < 1) {
    throw new Error(`A chunk must be a whole number of rows of at least 1; got ${chunk}.`);
  }
  const count = labels.shape.reduce<number>(
    (product, size) => product * (typeof size === 'number' ? size : Number.NaN),
    1,
  );
  if (!Number.isSafeInteger(count)) {
    if (labels.shape.length > 1) return { cut: (x: Tensor) => x, whole: (x: Tensor) => x };
    throw new Error(
      `chunkedCrossEntropy takes a number of rows that is known when the graph is built, or labels of two axes; the labels are [${labels.shape.join(', ')}].`,
    );
  }
  const size = Math.min(chunk, Math.max(count, 1));
  const missing = (size - (count % size)) % size;
  return {
    cut(x: Tensor, width: Tensor['shape'], value: number) {
      const rows = reshape(x, [count, ...width]);
      const padded =
        missing === 0 ? rows : pad(rows, [[0, missing], ...width.map((): [number, number] => [0, 0])], value);
      return reshape(padded, [-1, size, ...width]);
    },
    whole: (x: Tensor, like: Tensor) => reshape(slice(reshape(x, [-1, like.shape.at(-1)!]), 0, 0, count), like.shape),
  };
}
