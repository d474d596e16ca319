import {
  cast,
  customGradient,
  div,
  equal,
  gatherElements,
  logSoftmax,
  max,
  mul,
  neg,
  not,
  range,
  reduceSum,
  reshape,
  softmax,
  sub,
  type Tensor,
  unsqueeze,
  where,
} from '@working-papers/graph';

/** A label that counts for nothing, as PyTorch has it. */
export const ignored = -100;

/**
 * Mean over the labelled rows of -log softmax(logits)[label]: float32 logits `[..., classes]`, int64 labels `[...]`; rows labelled
 * {@link ignored} count for nothing, and where all are the loss is 0. The gradient is (softmax - one hot) / labelled rows.
 */
export function crossEntropy(logits: Tensor, labels: Tensor): Tensor {
  const classes = logits.shape.at(-1)!;
  const rows = reshape(logits, [-1, classes]);
  const wanted = reshape(labels, [-1]);
  const counted = not(equal(wanted, ignored));
  const label = where(counted, wanted, 0);
  const weight = cast(counted, logits.dtype); // [rows]
  const share = div(weight, max(reduceSum(weight, [0]), 1));
  return customGradient(
    rows,
    (given) => {
      const logProbabilities = gatherElements(logSoftmax(given, -1), unsqueeze(label, [1]), 1);
      return neg(reduceSum(mul(reshape(logProbabilities, [-1]), share), [0]));
    },
    (g) => {
      const hot = cast(equal(range(0, classes), unsqueeze(label, [1])), logits.dtype);
      return mul(sub(softmax(rows, -1), hot), mul(unsqueeze(share, [1]), g));
    },
  );
}
