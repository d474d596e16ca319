import {
  customGradient,
  div,
  greater,
  logSoftmax,
  mul,
  reduceSum,
  reshape,
  softmax,
  stopGradient,
  sub,
  type Tensor,
  unsqueeze,
  where,
} from '@working-papers/graph';
import { type RowOptions, rowShares } from './row-shares.ts';

export interface KlDivergenceOptions extends RowOptions {
  /** Divides both sides' logits; the divergence is multiplied by its square, as in Hinton et al. (2015, section 2). Default 1. */
  temperature?: number;
}

/**
 * Mean over the rows of KL(teacher || student), in nats: float32 logits `[..., n]` of the same shape. No gradient flows to the teacher; the
 * student's is (softmax of the student - softmax of the teacher) times the row's share and the temperature. Where the teacher's probability
 * is 0, as under a mask of -inf in both, a term is 0.
 */
export function klDivergence(
  teacher: Tensor,
  student: Tensor,
  { temperature = 1, ...options }: KlDivergenceOptions = {},
): Tensor {
  if (!(temperature > 0)) throw new Error(`A temperature must be greater than 0; got ${temperature}.`);
  const scaled = (logits: Tensor) => {
    const rows = reshape(logits, [-1, logits.shape.at(-1)!]);
    return temperature === 1 ? rows : div(rows, temperature);
  };
  const wanted = stopGradient(scaled(teacher));
  const given = scaled(student);
  const share = rowShares(wanted, options);
  const probabilities = softmax(wanted, -1);
  return customGradient(
    given,
    (logits) => {
      const ratio = sub(logSoftmax(wanted, -1), logSoftmax(logits, -1));
      const terms = where(greater(probabilities, 0), mul(probabilities, ratio), 0);
      return mul(reduceSum(mul(reduceSum(terms, [1]), share), [0]), temperature ** 2);
    },
    (g, _, [logits]) =>
      mul(sub(softmax(logits!, -1), probabilities), mul(unsqueeze(share, [1]), mul(g, temperature ** 2))),
  );
}
