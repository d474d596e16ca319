import { checkSameType, sumTo } from '../broadcast.ts';
import { formatShape } from '../dimensions.ts';
import { apply, applyAll, checkAxis, describe, isFloat, rule, ShapeError, type Tensor } from '../tensor.ts';
import { cast } from './cast.ts';
import { add, div, mul, sub } from './elementwise.ts';
import { full } from './expand.ts';
import { reduceMean, reduceSum } from './reduction.ts';
import { dimensionOf } from './shape.ts';
import { exp, sqrt } from './unary.ts';

type One = readonly [Tensor];

function floats(where: string, x: Tensor): void {
  if (!isFloat(x.dtype)) {
    throw new ShapeError(`${where} takes floating-point numbers; got ${describe(x)}. Use cast first.`);
  }
}

const softmaxRule = rule<One, { axis: number }>({
  name: 'softmax',
  infer: ([x]) => [x],
  gradient: ({ output: y, gradient: g, attributes: { axis } }) => {
    const weighted = mul(g, y);
    return [sub(weighted, mul(y, reduceSum(weighted, axis, { keepDims: true })))];
  },
  onnx: { type: 'Softmax', attributes: ({ axis }) => ({ axis: { int: axis } }) },
});

const logSoftmaxRule = rule<One, { axis: number }>({
  name: 'logSoftmax',
  infer: ([x]) => [x],
  gradient: ({ output: y, gradient: g, attributes: { axis } }) => [
    sub(g, mul(exp(y), reduceSum(g, axis, { keepDims: true }))),
  ],
  onnx: { type: 'LogSoftmax', attributes: ({ axis }) => ({ axis: { int: axis } }) },
});

/** Exponentials that sum to 1 along an axis. A row of -Infinity gives NaN: keep one place open. */
export function softmax(x: Tensor, axis = -1): Tensor {
  floats('softmax', x);
  return apply(softmaxRule, [x], { axis: checkAxis(axis, x.shape.length, 'softmax') });
}

/** Logarithm of softmax, without the loss of taking it afterwards. */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  floats('logSoftmax', x);
  return apply(logSoftmaxRule, [x], { axis: checkAxis(axis, x.shape.length, 'logSoftmax') });
}

/** A ShapeError unless every given parameter is a vector of the last dimension of `x`. */
export function checkFeatureVectors(where: string, x: Tensor, parameters: Record<string, Tensor | undefined>): void {
  floats(where, x);
  checkSameType(where, x, ...Object.values(parameters));
  const features = x.shape.at(-1);
  for (const [name, parameter] of Object.entries(parameters)) {
    if (parameter && (parameter.shape.length !== 1 || parameter.shape[0] !== features)) {
      throw new ShapeError(
        `${where}: ${name} ${formatShape(parameter.shape)} must be one vector of the last dimension of ${formatShape(x.shape)}.`,
      );
    }
  }
}

export interface NormOptions {
  /** Added to the variance (layerNorm) or the mean square (rmsNorm) before the root; 1e-5 by default. */
  epsilon?: number;
}

const standardiseRule = rule<readonly [Tensor, Tensor], { epsilon: number }>({
  name: 'standardise',
  infer: ([x]) => [x, { dtype: x.dtype, shape: [...x.shape.slice(0, -1), 1] }],
  gradient: ({ inputs: [x], outputs: [normal, inverse], gradients: [g, gInverse] }) => {
    const features = x.shape.at(-1)!;
    const share = typeof features === 'number' ? 1 / features : div(1, cast(dimensionOf(x, -1), x.dtype));
    const falls = mul(mul(mul(gInverse!, mul(inverse!, inverse!)), share), normal!);
    return [sub(throughStandardised({ normal: normal!, inverse: inverse! }, g!), falls), undefined];
  },
  onnx: {
    // One kernel in single precision.
    write: (writer, values, { inputs: [x], attributes: { epsilon } }) => {
      if (x.dtype === 'float32') {
        return writer.node('LayerNormalization', values, {
          attributes: { axis: { int: -1 }, epsilon: { float: epsilon } },
          outputs: [true, false, true],
        });
      }
      const centred = sub(x, reduceMean(x, -1, { keepDims: true }));
      const inverse = div(1, sqrt(add(reduceMean(mul(centred, centred), -1, { keepDims: true }), epsilon)));
      return [writer.value(mul(centred, inverse)), writer.value(inverse)];
    },
  },
});

/** A row at mean 0 and mean square 1, `[..., n]`, and what it was multiplied by to be so, `[..., 1]`. */
interface Standardised {
  normal: Tensor;
  inverse: Tensor;
}

function standardised(x: Tensor, epsilon: number): Standardised {
  const [normal, inverse] = applyAll(standardiseRule, [x, full([x.shape.at(-1)!], 1, x.dtype)], { epsilon });
  return { normal: normal!, inverse: inverse! };
}

/** The gradient `g` of a standardised row, handed back to the row. */
function throughStandardised({ normal, inverse }: Standardised, g: Tensor): Tensor {
  const mean = reduceMean(g, -1, { keepDims: true });
  const along = reduceMean(mul(g, normal), -1, { keepDims: true });
  return mul(sub(sub(g, mean), mul(normal, along)), inverse);
}

/** What {@link layerNorm} hands back to `x`, `scale` and the bias. */
export function layerNormGradients(
  { x, scale, bias }: { x: Tensor; scale: Tensor; bias: Tensor | undefined },
  g: Tensor,
  epsilon: number,
): { x: Tensor; scale: Tensor; bias: Tensor | undefined } {
  const rows = standardised(x, epsilon);
  return {
    x: throughStandardised(rows, mul(g, scale)),
    scale: sumTo(mul(g, rows.normal), scale),
    bias: bias && sumTo(g, bias),
  };
}

/** What {@link rmsNorm} hands back to `x` and `scale`. */
export function rmsNormGradients(
  { x, scale }: { x: Tensor; scale: Tensor },
  g: Tensor,
  epsilon: number,
): { x: Tensor; scale: Tensor } {
  const size = sqrt(add(reduceMean(mul(x, x), -1, { keepDims: true }), epsilon));
  const normal = div(x, size);
  const h = mul(g, scale);
  const along = reduceMean(mul(h, normal), -1, { keepDims: true });
  return { x: div(sub(h, mul(normal, along)), size), scale: sumTo(mul(g, normal), scale) };
}

const layerNormRule = rule<readonly [Tensor, Tensor, Tensor | undefined], { epsilon: number }>({
  name: 'layerNorm',
  infer: ([x, scale, bias]) => {
    checkFeatureVectors('layerNorm', x, { scale, bias });
    return [x];
  },
  gradient: ({ inputs: [x, scale, bias], gradient: g, attributes: { epsilon } }) => {
    const to = layerNormGradients({ x, scale, bias }, g, epsilon);
    return [to.x, to.scale, to.bias];
  },
  onnx: {
    type: 'LayerNormalization',
    attributes: ({ epsilon }) => ({ axis: { int: -1 }, epsilon: { float: epsilon } }),
  },
});

/** `(x - mean) / sqrt(variance + epsilon) * scale + bias` over the last axis. */
export function layerNorm(x: Tensor, scale: Tensor, bias?: Tensor, options: NormOptions = {}): Tensor {
  return apply(layerNormRule, [x, scale, bias], { epsilon: options.epsilon ?? 1e-5 });
}

const rmsNormRule = rule<readonly [Tensor, Tensor], { epsilon: number }>({
  name: 'rmsNorm',
  infer: ([x, scale]) => {
    checkFeatureVectors('rmsNorm', x, { scale });
    return [x];
  },
  gradient: ({ inputs: [x, scale], gradient: g, attributes: { epsilon } }) => {
    const to = rmsNormGradients({ x, scale }, g, epsilon);
    return [to.x, to.scale];
  },
  onnx: {
    type: 'SimplifiedLayerNormalization',
    attributes: ({ epsilon }) => ({ axis: { int: -1 }, epsilon: { float: epsilon }, stash_type: { int: 1 } }),
    // The fused kernel keeps its statistics in single precision.
    expand: ([x, scale], { epsilon }) => (x.dtype === 'float64' ? plainRmsNorm(x, scale, epsilon) : undefined),
    standard: ([x, scale], { epsilon }) => plainRmsNorm(x, scale, epsilon),
  },
});

const plainRmsNorm = (x: Tensor, scale: Tensor, epsilon: number): Tensor =>
  mul(div(x, sqrt(add(reduceMean(mul(x, x), -1, { keepDims: true }), epsilon))), scale);

/** `x / sqrt(mean(x^2) + epsilon) * scale` over the last axis (Llama's norm). */
export function rmsNorm(x: Tensor, scale: Tensor, options: NormOptions = {}): Tensor {
  return apply(rmsNormRule, [x, scale], { epsilon: options.epsilon ?? 1e-5 });
}
