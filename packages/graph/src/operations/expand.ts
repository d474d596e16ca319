import { broadcastShapes, sumTo } from '../broadcast.ts';
import { formatShape, isStatic, type Shape, sameShape } from '../dimensions.ts';
import { apply, checkShape, type DataType, rule, ShapeError, type Tensor } from '../tensor.ts';
import { toTensor } from './sources.ts';

const expandRule = rule<readonly [Tensor, Tensor | undefined], { shape: Shape }>({
  name: 'expand',
  infer: ([x], { shape }) => {
    if (!sameShape(broadcastShapes(x.shape, shape, 'expand'), shape)) {
      throw new ShapeError(
        `expand cannot stretch ${formatShape(x.shape)} to ${formatShape(shape)}: only axes of size 1 stretch.`,
      );
    }
    return [{ dtype: x.dtype, shape }];
  },
  gradient: ({ inputs: [x], gradient: g }) => [sumTo(g, x)],
  onnx: {
    write: (writer, [x, like], { attributes: { shape } }) => {
      const target = like === undefined ? writer.shape(shape) : writer.node('Shape', [like])[0];
      return writer.node('Expand', [x, target]);
    },
  },
});

/** `x` stretched to a shape: axes of size 1 repeat, new axes come in front. Named dimensions are read where they occur in the graph. */
export function expand(x: Tensor, shape: Shape): Tensor {
  const target = checkShape(shape, 'expand');
  return sameShape(x.shape, target) ? x : apply(expandRule, [x, undefined], { shape: target });
}

/** `x` stretched to the shape of another tensor. */
export function expandLike(x: Tensor, like: Tensor): Tensor {
  if (sameShape(x.shape, like.shape)) return x;
  return apply(expandRule, [x, isStatic(like.shape) ? undefined : like], { shape: like.shape });
}

/** A tensor filled with one number. */
export const full = (shape: Shape, value: number, dtype: DataType): Tensor => expand(toTensor(value, dtype), shape);

/** Zeros of the type and shape of `x`. */
export const zerosLike = (x: Tensor): Tensor => expandLike(toTensor(0, x.dtype), x);

/** Ones of the type and shape of `x`. */
export const onesLike = (x: Tensor): Tensor => expandLike(toTensor(1, x.dtype), x);
