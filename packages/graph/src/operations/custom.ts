import { sameShape } from '../dimensions.ts';
import { apply, describe, rule, ShapeError, type Tensor } from '../tensor.ts';
import { mul } from './elementwise.ts';
import { reduceSum } from './reduction.ts';

const stopRule = rule<readonly [Tensor]>({
  name: 'stopGradient',
  infer: ([x]) => [x],
  gradient: () => [undefined],
  onnx: { write: (_, [x]) => [x!] },
});

/** The same tensor, through which no gradient flows. */
export const stopGradient = (x: Tensor): Tensor => apply(stopRule, [x]);

type Backward = (gradient: Tensor, output: Tensor, inputs: readonly Tensor[]) => readonly (Tensor | undefined)[];

/** The first input is the forward result, the rest the tensors that the gradient goes to. */
const customRule = rule<readonly [Tensor, ...Tensor[]], { backward: Backward }>({
  name: 'customGradient',
  infer: ([y]) => [y],
  gradient: ({ inputs: [, ...xs], output: y, gradient: g, attributes: { backward } }) => {
    const gradients = backward(g, y, xs);
    for (const [index, x] of xs.entries()) {
      const own = gradients[index];
      if (own && (own.dtype !== x.dtype || !sameShape(own.shape, x.shape))) {
        throw new ShapeError(`customGradient: the backward of ${describe(x)} gave ${describe(own)}.`);
      }
    }
    return [undefined, ...gradients];
  },
  onnx: { write: (_, [y]) => [y!] },
});

/**
 * `forward(x)` with a gradient of its own: straight-through estimators, masked forwards, gradients computed elsewhere.
 * `backward` is given the gradient of the loss with respect to the result, the result, and what was given as `x`, and gives the gradient
 * with respect to `x` (or to each of several). It should read `x` as it is given: in a recomputed part of the graph that is not the tensor
 * from before.
 *
 * @example `customGradient(x, round, (g) => g)` // rounds, and passes the gradient straight through
 */
export function customGradient(
  x: Tensor,
  forward: (x: Tensor) => Tensor,
  backward: (gradient: Tensor, output: Tensor, inputs: readonly Tensor[]) => Tensor | undefined,
): Tensor;
export function customGradient(x: readonly Tensor[], forward: (...x: Tensor[]) => Tensor, backward: Backward): Tensor;
export function customGradient(
  x: Tensor | readonly Tensor[],
  forward: (...x: Tensor[]) => Tensor,
  backward: (
    gradient: Tensor,
    output: Tensor,
    inputs: readonly Tensor[],
  ) => Tensor | undefined | readonly (Tensor | undefined)[],
): Tensor {
  const xs: readonly Tensor[] = isList(x) ? x : [x];
  return apply(customRule, [forward(...xs), ...xs], {
    backward: (gradient, output, inputs) => {
      const gradients = backward(gradient, output, inputs);
      return isList(gradients) ? gradients : [gradients as Tensor | undefined];
    },
  });
}

/**
 * `forward(x)`, of the shape of `x`, whose gradient passes as if nothing had been done (straight-through estimator, arXiv 1308.3432): rounding
 * and masking in the forward pass alone.
 */
export const straightThrough = (x: Tensor, forward: (x: Tensor) => Tensor): Tensor =>
  customGradient(x, forward, (gradient) => gradient);

/**
 * A scalar whose gradient with respect to `y` is `gradient`, whatever computed it: a loss in TypeScript, another process. One run gives `y`,
 * and the next, with this as the loss and the gradient as an input, the gradients of what `y` came from. Its value says nothing.
 */
export function externalGradient(y: Tensor, gradient: Tensor): Tensor {
  if (y.dtype !== gradient.dtype || !sameShape(y.shape, gradient.shape)) {
    throw new ShapeError(`externalGradient: ${describe(gradient)} is no gradient of ${describe(y)}.`);
  }
  return reduceSum(mul(y, stopGradient(gradient)));
}

function isList<T>(value: T | readonly T[]): value is readonly T[] {
  return Array.isArray(value);
}
