import {
  cast,
  customGradient,
  type DataType,
  equal,
  gatherElements,
  logSoftmax,
  mul,
  neg,
  not,
  reduceSum,
  reshape,
  scatterElements,
  softmax,
  sub,
  type Tensor,
  unsqueeze,
  where,
} from '@working-papers/graph';
import { ignored } from '../data/sequence.ts';
import { type RowOptions, sharesOf } from './row-shares.ts';

/**
 * Mean over the labelled rows of -log softmax(logits)[label]: float32 logits `[..., classes]`, int64 labels `[...]`; rows labelled
 * {@link ignored} count for nothing, and where all are the loss is 0. With weights it is the weighted mean. The gradient is
 * (softmax - one hot) times a row's share.
 */
export function crossEntropy(logits: Tensor, labels: Tensor, { weights }: RowOptions = {}): Tensor {
  const classes = logits.shape.at(-1)!;
  const rows = reshape(logits, [-1, classes]);
  const wanted = reshape(labels, [-1]);
  const label = where(equal(wanted, ignored), 0, wanted);
  const share = sharesOf(rowWeights(wanted, weights, logits.dtype)); // [rows]
  return customGradient(
    rows,
    (given) => {
      const logProbabilities = gatherElements(logSoftmax(given, -1), unsqueeze(label, [1]), 1);
      return neg(reduceSum(mul(reshape(logProbabilities, [-1]), share), [0]));
    },
    (g, _, [given]) => {
      const each = mul(unsqueeze(share, [1]), g); // [rows, 1]
      const place = unsqueeze(label, [1]);
      const slopes = mul(softmax(given!, -1), each);
      return scatterElements(slopes, place, sub(gatherElements(slopes, place, 1), each), { axis: 1 });
    },
  );
}

/**
 * How much the rows that {@link crossEntropy} is the mean of count together, a float32 scalar: the number of labelled ones, or the sum of
 * their weights. It is the `weight` of a batch among those of one step (`TrainingGraph`).
 */
export const labelledWeight = (labels: Tensor, { weights }: RowOptions = {}): Tensor =>
  reduceSum(rowWeights(reshape(labels, [-1]), weights, 'float32'), [0]);

/** How much each row `[rows]` counts: 0 where it is ignored. */
function rowWeights(labels: Tensor, weights: Tensor | undefined, dtype: DataType): Tensor {
  const ones = cast(not(equal(labels, ignored)), dtype);
  return weights ? mul(ones, reshape(weights, [-1])) : ones;
}
