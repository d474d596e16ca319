import { checkSameType, sumTo } from '../broadcast.ts';
import { formatShape, sameShape } from '../dimensions.ts';
import { apply, applyAll, describe, isFloat, rule, ShapeError, type Tensor } from '../tensor.ts';
import { add, mul, sub } from './elementwise.ts';
import { matmul, productShape } from './matmul.ts';
import {
  checkFeatureVectors,
  layerNorm,
  layerNormGradients,
  type NormOptions,
  rmsNorm,
  rmsNormGradients,
} from './normalisation.ts';
import { matrixTranspose, reshape, transpose } from './shape.ts';
import { sigmoid } from './unary.ts';

/** Several operations in one kernel, forwards; their gradients are those of the plain operations named in each comment. */

function checkResidual(where: string, x: Tensor, skip: Tensor): void {
  if (!sameShape(x.shape, skip.shape)) {
    throw new ShapeError(
      `${where}: ${formatShape(x.shape)} and its skip ${formatShape(skip.shape)} must have one shape.`,
    );
  }
}

/** Of the outputs of ONNX Runtime's kernels, which have none in double precision, only the norm and the sum are there. */
const skipNode = ({ epsilon }: { epsilon: number }) => ({
  domain: 'com.microsoft' as const,
  attributes: { epsilon: { float: epsilon } },
  outputs: [true, false, false, true],
});

const skipRmsNormRule = rule<readonly [Tensor, Tensor, Tensor, Tensor | undefined], { epsilon: number }>({
  name: 'skipRmsNorm',
  infer: ([x, skip, scale, bias]) => {
    checkResidual('skipRmsNorm', x, skip);
    checkFeatureVectors('skipRmsNorm', x, { scale, bias });
    return [x, x];
  },
  gradient: ({ inputs: [, , scale, bias], outputs: [, sum], gradients: [g, gSum], attributes: { epsilon } }) => {
    const to = rmsNormGradients({ x: sum!, scale }, g!, epsilon);
    const both = add(to.x, gSum!);
    return [both, both, to.scale, bias && sumTo(both, bias)];
  },
  onnx: {
    write: (writer, values, { inputs: [x, skip, scale, bias], attributes }) => {
      if (x.dtype !== 'float64') return writer.node('SkipSimplifiedLayerNormalization', values, skipNode(attributes));
      const sum = bias ? add(add(x, skip), bias) : add(x, skip);
      return [writer.value(rmsNorm(sum, scale, attributes)), writer.value(sum)];
    },
  },
});

export interface SkipNormOptions extends NormOptions {
  /** `[hidden]`, added to the sum before it is normalised. */
  readonly bias?: Tensor | undefined;
}

/** `sum = x + skip + bias` and `output = rmsNorm(sum, scale)`. */
export function skipRmsNorm(
  x: Tensor,
  skip: Tensor,
  scale: Tensor,
  options: SkipNormOptions = {},
): { output: Tensor; sum: Tensor } {
  const [output, sum] = applyAll(skipRmsNormRule, [x, skip, scale, options.bias], { epsilon: options.epsilon ?? 1e-5 });
  return { output: output!, sum: sum! };
}

const skipLayerNormRule = rule<
  readonly [Tensor, Tensor, Tensor, Tensor | undefined, Tensor | undefined],
  { epsilon: number }
>({
  name: 'skipLayerNorm',
  infer: ([x, skip, scale, shift, bias]) => {
    checkResidual('skipLayerNorm', x, skip);
    checkFeatureVectors('skipLayerNorm', x, { scale, shift, bias });
    return [x, x];
  },
  gradient: ({ inputs: [, , scale, shift, bias], outputs: [, sum], gradients: [g, gSum], attributes: { epsilon } }) => {
    const to = layerNormGradients({ x: sum!, scale, bias: shift }, g!, epsilon);
    const both = add(to.x, gSum!);
    return [both, both, to.scale, to.bias, bias && sumTo(both, bias)];
  },
  onnx: {
    write: (writer, values, { inputs: [x, skip, scale, shift, bias], attributes }) => {
      if (x.dtype !== 'float64') return writer.node('SkipLayerNormalization', values, skipNode(attributes));
      const sum = bias ? add(add(x, skip), bias) : add(x, skip);
      return [writer.value(layerNorm(sum, scale, shift, attributes)), writer.value(sum)];
    },
  },
});

/** `sum = x + skip + bias` and `output = layerNorm(sum, scale, shift)`. */
export function skipLayerNorm(
  x: Tensor,
  skip: Tensor,
  scale: Tensor,
  shift?: Tensor,
  options: SkipNormOptions = {},
): { output: Tensor; sum: Tensor } {
  const [output, sum] = applyAll(skipLayerNormRule, [x, skip, scale, shift, options.bias], {
    epsilon: options.epsilon ?? 1e-5,
  });
  return { output: output!, sum: sum! };
}

export interface FusedMatmulOptions {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  /** Factor of the product; 1 by default. */
  readonly alpha?: number;
}

const fusedMatmulRule = rule<readonly [Tensor, Tensor], FusedMatmulOptions>({
  name: 'fusedMatmul',
  infer: ([a, b], { transposeA, transposeB }) => {
    checkSameType('fusedMatmul', a, b);
    const flip = (tensor: Tensor, transposed: boolean | undefined) =>
      transposed && tensor.shape.length >= 2
        ? [...tensor.shape.slice(0, -2), tensor.shape.at(-1)!, tensor.shape.at(-2)!]
        : tensor.shape;
    return [{ dtype: a.dtype, shape: productShape('fusedMatmul', flip(a, transposeA), flip(b, transposeB)) }];
  },
  gradient: ({ inputs: [a, b], gradient: g, attributes: { transposeA = false, transposeB = false, alpha } }) => {
    const product = (left: Tensor, right: Tensor, transposeA: boolean, transposeB: boolean) =>
      fusedMatmul(left, right, { transposeA, transposeB, ...(alpha === undefined ? {} : { alpha }) });
    const da = transposeA ? product(b, g, transposeB, true) : product(g, b, false, !transposeB);
    // A weight shared by all rows: one product over the flattened rows, in the layout that the weight has.
    const shared = b.shape.length === 2 && a.shape.length > 2 && !transposeA;
    if (shared && (alpha ?? 1) === 1) return [sumTo(da, a), weightGradient(a, g, transposeB)];
    const flat = (x: Tensor) => (shared ? reshape(x, [-1, x.shape.at(-1)!]) : x);
    const [rows, given] = [flat(a), flat(g)];
    const db = transposeB ? product(given, rows, true, transposeA) : product(rows, given, !transposeA, false);
    return [sumTo(da, a), sumTo(db, b)];
  },
  onnx: {
    type: 'FusedMatMul',
    domain: 'com.microsoft',
    attributes: ({ transposeA, transposeB, alpha }) => ({
      transA: { int: transposeA ? 1 : 0 },
      transB: { int: transposeB ? 1 : 0 },
      alpha: { float: alpha ?? 1 },
    }),
    expand: ([a, b], { transposeA, transposeB, alpha }) => {
      if (a.dtype !== 'float64') return undefined;
      const product = matmul(transposeA ? matrixTranspose(a) : a, transposeB ? matrixTranspose(b) : b);
      return alpha === undefined || alpha === 1 ? product : mul(product, alpha);
    },
  },
});

/**
 * The product of all rows of x `[..., in]` and g `[..., out]`: `[in, out]`, or turned `[out, in]`. A product runs a tenth faster when its left side
 * does not have to be turned on the fly, so the narrower of the two is turned beforehand.
 */
function weightGradient(x: Tensor, g: Tensor, turned: boolean): Tensor {
  const [inner, outer] = [x.shape.at(-1)!, g.shape.at(-1)!];
  const rows = (tensor: Tensor) => reshape(tensor, [-1, tensor.shape.at(-1)!]);
  const columns = (tensor: Tensor) => {
    const last = tensor.shape.length - 1;
    const order = [last, ...tensor.shape.keys()].slice(0, last + 1);
    return reshape(transpose(tensor, order), [tensor.shape.at(-1)!, -1]);
  };
  const fromX = !(inner > outer);
  const product = fromX ? matmul(columns(x), rows(g)) : matmul(columns(g), rows(x));
  return fromX === turned ? matrixTranspose(product) : product;
}

/** `alpha * a @ b`, either transposed on the fly. */
export const fusedMatmul = (a: Tensor, b: Tensor, options: FusedMatmulOptions = {}): Tensor =>
  apply(fusedMatmulRule, [a, b], options);

const quickGeluRule = rule<readonly [Tensor], { alpha: number }>({
  name: 'quickGelu',
  infer: ([x]) => {
    if (!isFloat(x.dtype)) throw new ShapeError(`quickGelu takes floating-point numbers; got ${describe(x)}.`);
    return [x];
  },
  gradient: ({ inputs: [x], gradient: g, attributes: { alpha } }) => {
    const s = sigmoid(mul(x, alpha));
    return [mul(g, mul(s, add(1, mul(mul(x, alpha), sub(1, s)))))];
  },
  onnx: {
    type: 'QuickGelu',
    domain: 'com.microsoft',
    attributes: ({ alpha }) => ({ alpha: { float: alpha } }),
    expand: ([x], { alpha }) => (x.dtype === 'float64' ? mul(x, sigmoid(mul(x, alpha))) : undefined),
  },
});

/** `x * sigmoid(alpha * x)` in one kernel: silu with `alpha` 1, CLIP's activation with the default 1.702. */
export const quickGelu = (x: Tensor, alpha = 1.702): Tensor => apply(quickGeluRule, [x], { alpha });
