import { broadcastShapes, checkSameType, sumTo } from '../broadcast.ts';
import { type Dimension, formatShape, type Shape } from '../dimensions.ts';
import { apply, rule, ShapeError, type Tensor } from '../tensor.ts';
import { matrixTranspose, reshape, squeeze, unsqueeze } from './shape.ts';

/** Shape of a matrix product over broadcast leading axes; a ShapeError names the operation and the shapes. */
export function productShape(where: string, a: Shape, b: Shape): Dimension[] {
  if (a.length < 2 || b.length < 2) {
    throw new ShapeError(`${where} takes matrices; got ${formatShape(a)} and ${formatShape(b)}.`);
  }
  const [inner, rows] = [a.at(-1)!, b.at(-2)!];
  if (inner !== rows) {
    throw new ShapeError(
      `${where} cannot multiply ${formatShape(a)} by ${formatShape(b)}: the inner dimensions ${inner} and ${rows} differ.`,
    );
  }
  return [...broadcastShapes(a.slice(0, -2), b.slice(0, -2), where), a.at(-2)!, b.at(-1)!];
}

const matmulRule = rule<readonly [Tensor, Tensor]>({
  name: 'matmul',
  infer: ([a, b]) => {
    checkSameType('matmul', a, b);
    return [{ dtype: a.dtype, shape: productShape('matmul', a.shape, b.shape) }];
  },
  gradient: ({ inputs: [a, b], gradient: g }) => {
    const da = sumTo(matmul(g, matrixTranspose(b)), a);
    // A weight shared by all rows: one product over the flattened rows instead of a batch of products and a sum.
    if (b.shape.length === 2) {
      const rows = reshape(a, [-1, a.shape.at(-1)!]);
      return [da, matmul(matrixTranspose(rows), reshape(g, [-1, g.shape.at(-1)!]))];
    }
    return [da, sumTo(matmul(matrixTranspose(a), g), b)];
  },
  onnx: { type: 'MatMul' },
});

/** Matrix product over the last two axes, leading axes broadcast. A vector counts as one row on the left, one column on the right. */
export function matmul(a: Tensor, b: Tensor): Tensor {
  const [row, column] = [a.shape.length === 1, b.shape.length === 1];
  const product = apply(matmulRule, [row ? unsqueeze(a, 0) : a, column ? unsqueeze(b, 1) : b]);
  return squeeze(product, [...(row ? [-2] : []), ...(column ? [-1] : [])]);
}

export interface GemmOptions {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
}

const gemmRule = rule<readonly [Tensor, Tensor, Tensor], GemmOptions>({
  name: 'gemm',
  infer: ([a, b, c], { transposeA, transposeB }) => {
    checkSameType('gemm', a, b, c);
    if (a.shape.length !== 2 || b.shape.length !== 2) {
      throw new ShapeError(`gemm takes two matrices; got ${formatShape(a.shape)} and ${formatShape(b.shape)}.`);
    }
    const flip = ({ shape }: Tensor, transposed?: boolean) => (transposed ? [shape[1]!, shape[0]!] : shape);
    const shape = productShape('gemm', flip(a, transposeA), flip(b, transposeB));
    if (formatShape(broadcastShapes(shape, c.shape, 'gemm')) !== formatShape(shape)) {
      throw new ShapeError(`gemm: ${formatShape(c.shape)} cannot be added to a product ${formatShape(shape)}.`);
    }
    return [{ dtype: a.dtype, shape }];
  },
  gradient: ({ inputs: [a, b, c], gradient: g, attributes: { transposeA, transposeB } }) => {
    const right = transposeB ? b : matrixTranspose(b);
    const left = transposeA ? a : matrixTranspose(a);
    const da = matmul(g, right);
    const db = matmul(left, g);
    return [transposeA ? matrixTranspose(da) : da, transposeB ? matrixTranspose(db) : db, sumTo(g, c)];
  },
  onnx: {
    type: 'Gemm',
    attributes: ({ transposeA, transposeB }) => ({
      transA: { int: transposeA ? 1 : 0 },
      transB: { int: transposeB ? 1 : 0 },
    }),
  },
});

/** `a @ b + c` in one kernel: matrices `[m, k]`, `[k, n]` (either transposed on the fly) and `c` broadcast to `[m, n]`. */
export const gemm = (a: Tensor, b: Tensor, c: Tensor, options: GemmOptions = {}): Tensor =>
  apply(gemmRule, [a, b, c], options);
