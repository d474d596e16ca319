import { sameShape } from './dimensions.ts';
import { operationsBefore } from './onnx/writer.ts';
import { add } from './operations/elementwise.ts';
import { onesLike, zerosLike } from './operations/expand.ts';
import { Recomputation, type Segment } from './recompute.ts';
import { describe, type Flow, isFloat, type Operation, ShapeError, type Tensor } from './tensor.ts';

export interface GradientOptions {
  /** What is computed again in the backward pass instead of being kept from the forward one: less memory, more time, the same gradients. */
  recompute?: readonly Segment[] | undefined;
}

/**
 * Gradients of a scalar loss with respect to tensors, as tensors of the same graph (source to source, reverse mode).
 * Inputs, weights and intermediate results may all be asked for; only what leads from them to the loss is gone through,
 * so frozen weights cost nothing. A tensor the loss does not depend on gets zeros.
 *
 * @throws ShapeError when the loss is not a floating-point scalar, or an operation on the way has no gradient.
 */
export function gradient(loss: Tensor, tensors: readonly Tensor[], { recompute = [] }: GradientOptions = {}): Tensor[] {
  if (loss.shape.length > 0 || !isFloat(loss.dtype)) {
    throw new ShapeError(`gradient takes a floating-point scalar loss; got ${describe(loss)}. Reduce it first.`);
  }
  const integer = tensors.find((tensor) => !isFloat(tensor.dtype));
  if (integer) throw new ShapeError(`gradient: ${describe(integer)} has no gradient: it is not floating-point.`);
  return backwardPass(loss, tensors, operationsBefore([loss]), recompute);
}

/** The same where the `held` tensors are constants but for themselves: nothing flows through what made them. */
export function partialGradients(loss: Tensor, tensors: readonly Tensor[], held: readonly Tensor[]): Tensor[] {
  const ends = new Set(held.map(({ op }) => op));
  return backwardPass(
    loss,
    tensors,
    operationsBefore([loss], (op) => ends.has(op)),
    [],
  );
}

/** `order` has the operations that are gone through, inputs first. */
function backwardPass(
  loss: Tensor,
  tensors: readonly Tensor[],
  order: Operation[],
  recompute: readonly Segment[],
): Tensor[] {
  const depends = dependents(order, tensors);
  const recomputation = new Recomputation(order, recompute);
  const gradients = new Map<Operation, (Tensor | undefined)[]>();
  const accumulate = (tensor: Tensor, g: Tensor) => {
    const own = gradients.get(tensor.op) ?? [];
    const before = own[tensor.index];
    own[tensor.index] = before ? add(before, g) : g;
    gradients.set(tensor.op, own);
  };
  accumulate(loss, onesLike(loss));

  for (const op of order.reverse()) {
    const own = gradients.get(op);
    if (!own || !op.inputs.some((input) => input && depends.has(input))) continue;
    for (const [position, g] of backward(op, own, recomputation, depends).entries()) {
      const input = op.inputs[position];
      if (!input || !g || !depends.has(input)) continue;
      if (!sameShape(g.shape, input.shape) || g.dtype !== input.dtype) {
        throw new ShapeError(
          `The gradient rule of ${op.rule.name} gave ${describe(g)} for an input that is ${describe(input)}.`,
        );
      }
      accumulate(input, g);
    }
  }
  return tensors.map((tensor) => gradients.get(tensor.op)?.[tensor.index] ?? zerosLike(tensor));
}

/** The tensors that were asked for and all floating-point tensors computed from them. */
function dependents(order: readonly Operation[], tensors: readonly Tensor[]): Set<Tensor> {
  const found = new Set(tensors);
  for (const op of order) {
    if (!op.inputs.some((input) => input && found.has(input))) continue;
    for (const output of op.outputs) if (isFloat(output.dtype)) found.add(output);
  }
  return found;
}

function backward(
  op: Operation,
  own: readonly (Tensor | undefined)[],
  recomputation: Recomputation,
  depends: ReadonlySet<Tensor>,
): readonly (Tensor | undefined)[] {
  if (!op.rule.gradient) {
    throw new ShapeError(
      `${op.rule.name} has no gradient (inference only, or integers). Build this part from plain operations, or put stopGradient around it.`,
    );
  }
  const { inputs, outputs } = recomputation.seen(op, own);
  const gradients = outputs.map(
    (output, index) => own[index] ?? (isFloat(output.dtype) ? zerosLike(output) : undefined),
  );
  const flow: Flow<readonly (Tensor | undefined)[], unknown> = {
    inputs,
    outputs,
    output: outputs[0]!,
    gradient: gradients[0]!,
    gradients,
    wanted: op.inputs.map((input) => input !== undefined && depends.has(input)),
    attributes: op.attributes,
  };
  return op.rule.gradient(flow);
}
