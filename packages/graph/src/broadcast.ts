import { type Dimension, formatShape, type Shape } from './dimensions.ts';
import { expandLike, onesLike } from './operations/expand.ts';
import { matmul } from './operations/matmul.ts';
import { reduceSum } from './operations/reduction.ts';
import { reshape, reshapeLike, unsqueeze } from './operations/shape.ts';
import { slice } from './operations/slicing.ts';
import { describe, ShapeError, type Tensor } from './tensor.ts';

/** The shape of two shapes laid over each other from the right, where 1 stretches; a ShapeError names operation and shapes. */
export function broadcastShapes(a: Shape, b: Shape, where: string): Dimension[] {
  const rank = Math.max(a.length, b.length);
  const result: Dimension[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const x = a[axis - rank + a.length] ?? 1;
    const y = b[axis - rank + b.length] ?? 1;
    if (x !== y && x !== 1 && y !== 1) {
      throw new ShapeError(
        `${where} cannot broadcast ${formatShape(a)} with ${formatShape(b)}: ${x} and ${y} differ and neither is 1.`,
      );
    }
    result.push(x === 1 ? y : x);
  }
  return result;
}

/** A ShapeError unless all tensors have one element type. */
export function checkSameType(where: string, ...tensors: (Tensor | undefined)[]): void {
  const given = tensors.filter((tensor) => tensor !== undefined);
  if (new Set(given.map((tensor) => tensor.dtype)).size > 1) {
    throw new ShapeError(
      `${where} takes tensors of one type; got ${given.map(describe).join(' and ')}. Use cast on one of them.`,
    );
  }
}

/** The gradient `g` of a broadcast operand, summed back to the operand's own shape. */
export function sumTo(g: Tensor, operand: Tensor): Tensor {
  const extra = g.shape.length - operand.shape.length;
  const axes: number[] = [];
  for (const [axis, dimension] of g.shape.entries()) {
    const own = operand.shape[axis - extra];
    if (axis < extra || (own === 1 && dimension !== 1)) axes.push(axis);
  }
  if (
    extra > 0 &&
    operand.shape.length === 1 &&
    axes.length === extra &&
    (g.dtype === 'float32' || g.dtype === 'float64')
  ) {
    return reshapeLike(columnSums(g), operand);
  }
  // Leading axes of size 1 are summed too: it costs nothing and leaves only a reshape.
  const summed = axes.length > 0 ? reduceSum(g, axes, { keepDims: true }) : g;
  return extra > 0 ? reshapeLike(summed, operand) : summed;
}

/** Sums over all axes but the last, `[1, n]`: as a product with ones, which takes half the time of a reduction over rows. */
function columnSums(x: Tensor): Tensor {
  const rows = reshape(x, [-1, x.shape.at(-1)!]);
  return matmul(reshape(onesLike(slice(rows, 1, 0, 1)), [1, -1]), rows);
}

/** `x` stretched to the shape of `like` after the axes that a reduction dropped are put back. */
export function spreadOver(x: Tensor, like: Tensor, axes: readonly number[], keepDims: boolean): Tensor {
  return expandLike(keepDims || axes.length === 0 ? x : unsqueeze(x, axes), like);
}
