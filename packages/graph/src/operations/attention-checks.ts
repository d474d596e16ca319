import { type Dimension, dimensionQuotient, formatShape } from '../dimensions.ts';
import { describe, ShapeError, type Tensor } from '../tensor.ts';

/** Features of one head; a ShapeError where they do not divide. */
export function headSize(where: string, features: Dimension, heads: number): number {
  const size = dimensionQuotient(features, heads);
  if (typeof size !== 'number') {
    throw new ShapeError(`${where}: ${features} features do not divide into ${heads} heads.`);
  }
  return size;
}

/** A ShapeError unless an optional tensor has the shape; undefined dimensions are free. */
export function expectShape(
  where: string,
  name: string,
  tensor: Tensor | undefined,
  shape: readonly (Dimension | undefined)[],
) {
  if (!tensor) return;
  const fits =
    tensor.shape.length === shape.length && shape.every((d, axis) => d === undefined || d === tensor.shape[axis]);
  if (!fits) {
    const wanted = `[${shape.map((dimension) => dimension ?? '*').join(', ')}]`;
    throw new ShapeError(`${where}: ${name} must have the shape ${wanted}; got ${formatShape(tensor.shape)}.`);
  }
}

/** A ShapeError unless an optional tensor has the element type. */
export function expectType(where: string, name: string, tensor: Tensor | undefined, dtype: Tensor['dtype']) {
  if (tensor && tensor.dtype !== dtype) {
    throw new ShapeError(`${where}: ${name} must be ${dtype}; got ${describe(tensor)}.`);
  }
}
