import { formatShape, type Shape } from '../dimensions.ts';
import { apply, type DataType, describe, isFloat, rule, ShapeError, type Tensor } from '../tensor.ts';
import { productShape } from './matmul.ts';

export interface MatMulNBitsOptions {
  /** Columns of `x` and of the weight. */
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly bits: 4 | 8 | 2;
  /** Values that share a scale: 16, 32, 64, 128 or 256. */
  readonly blockSize: number;
  /** What `x` is rounded to inside: 4 (int8, the fast one), 1 (not at all). 4 by default. */
  readonly accuracyLevel?: 0 | 1 | 2 | 3 | 4;
  /** uint8 packed as the weights `[outFeatures * ceil(blocks * bits / 8)]`, or floats `[outFeatures * blocks]` (slow at batch 1); the middle by default. */
  readonly zeroPoints?: Tensor | undefined;
  readonly bias?: Tensor | undefined;
}

type NBitsInputs = readonly [
  x: Tensor,
  weight: Tensor,
  scales: Tensor,
  zeroPoints: Tensor | undefined,
  groupIndex: undefined,
  bias: Tensor | undefined,
];

function elements(shape: Shape): number {
  return shape.reduce<number>((product, size) => product * Number(size), 1);
}

const nBitsRule = rule<NBitsInputs, MatMulNBitsOptions>({
  name: 'matMulNBits',
  infer: ([x, weight, scales, zeroPoints, , bias], { inFeatures, outFeatures, bits, blockSize }) => {
    const where = 'matMulNBits';
    if (!isFloat(x.dtype)) throw new ShapeError(`${where} takes floating-point numbers; got ${describe(x)}.`);
    if (x.shape.at(-1) !== inFeatures) {
      throw new ShapeError(
        `${where}: the last dimension of ${formatShape(x.shape)} must be inFeatures, ${inFeatures}.`,
      );
    }
    if (![16, 32, 64, 128, 256].includes(blockSize)) {
      throw new ShapeError(`${where}: the block size must be 16, 32, 64, 128 or 256; got ${blockSize}.`);
    }
    const blocks = Math.ceil(inFeatures / blockSize);
    const expected = [outFeatures, blocks, (blockSize * bits) / 8];
    if (weight.dtype !== 'uint8' || formatShape(weight.shape) !== formatShape(expected)) {
      throw new ShapeError(`${where}: the weight must be uint8 ${formatShape(expected)}; got ${describe(weight)}.`);
    }
    if (elements(scales.shape) !== outFeatures * blocks) {
      throw new ShapeError(`${where}: ${outFeatures * blocks} scales are needed; got ${describe(scales)}.`);
    }
    const points = zeroPoints?.dtype === 'uint8' ? outFeatures * Math.ceil((blocks * bits) / 8) : outFeatures * blocks;
    if (zeroPoints && elements(zeroPoints.shape) !== points) {
      throw new ShapeError(
        `${where}: ${points} ${zeroPoints.dtype} zero points are needed; got ${describe(zeroPoints)}.`,
      );
    }
    if (bias && formatShape(bias.shape) !== `[${outFeatures}]`) {
      throw new ShapeError(`${where}: the bias must be [${outFeatures}]; got ${describe(bias)}.`);
    }
    return [{ dtype: x.dtype, shape: [...x.shape.slice(0, -1), outFeatures] }];
  },
  onnx: {
    type: 'MatMulNBits',
    domain: 'com.microsoft',
    attributes: ({ inFeatures, outFeatures, bits, blockSize, accuracyLevel }) => ({
      K: { int: inFeatures },
      N: { int: outFeatures },
      bits: { int: bits },
      block_size: { int: blockSize },
      accuracy_level: { int: accuracyLevel ?? 4 },
    }),
  },
});

/**
 * `x @ W^T` with W in blocks of few bits: weight uint8 `[outFeatures, blocks, blockSize * bits / 8]` (low bits first),
 * scales `[outFeatures * blocks]`. A weight is `(q - zeroPoint) * scale`.
 */
export function matMulNBits(x: Tensor, weight: Tensor, scales: Tensor, options: MatMulNBitsOptions): Tensor {
  return apply(nBitsRule, [x, weight, scales, options.zeroPoints, undefined, options.bias], options);
}

function checkBytes(where: string, tensors: Record<string, Tensor>): void {
  for (const [name, tensor] of Object.entries(tensors)) {
    if (tensor.dtype !== 'int8' && tensor.dtype !== 'uint8') {
      throw new ShapeError(`${where}: ${name} must be int8 or uint8; got ${describe(tensor)}.`);
    }
  }
}

const integerRule = rule<readonly [Tensor, Tensor, Tensor | undefined, Tensor | undefined]>({
  name: 'matMulInteger',
  infer: ([a, b]) => {
    checkBytes('matMulInteger', { a, b });
    return [{ dtype: 'int32', shape: productShape('matMulInteger', a.shape, b.shape) }];
  },
  onnx: { type: 'MatMulInteger' },
});

/** Product of bytes in int32. uint8 by int8 saturates on processors without int8 products: see the runtime's processorKind. */
export function matMulInteger(a: Tensor, b: Tensor, aZeroPoint?: Tensor, bZeroPoint?: Tensor): Tensor {
  return apply(integerRule, [a, b, aZeroPoint, bZeroPoint]);
}

type ScaledInputs = readonly [
  a: Tensor,
  b: Tensor,
  aScale: Tensor,
  bScale: Tensor,
  aZeroPoint: Tensor | undefined,
  bZeroPoint: Tensor | undefined,
  bias: Tensor | undefined,
];

const integerToFloatRule = rule<ScaledInputs>({
  name: 'matMulIntegerToFloat',
  infer: ([a, b, aScale]) => {
    checkBytes('matMulIntegerToFloat', { a, b });
    if (elements(aScale.shape) !== 1) {
      throw new ShapeError(`matMulIntegerToFloat: the scale of a must be a scalar; got ${describe(aScale)}.`);
    }
    return [{ dtype: aScale.dtype, shape: productShape('matMulIntegerToFloat', a.shape, b.shape) }];
  },
  onnx: { type: 'MatMulIntegerToFloat', domain: 'com.microsoft' },
});

/** Product of bytes, scaled to floats: `(a - aZeroPoint) @ (b - bZeroPoint) * aScale * bScale + bias`; `bScale` a scalar or one a column. */
export function matMulIntegerToFloat(
  a: Tensor,
  b: Tensor,
  aScale: Tensor,
  bScale: Tensor,
  options: { aZeroPoint?: Tensor | undefined; bZeroPoint?: Tensor | undefined; bias?: Tensor | undefined } = {},
): Tensor {
  return apply(integerToFloatRule, [a, b, aScale, bScale, options.aZeroPoint, options.bZeroPoint, options.bias]);
}

const dynamicRule = rule<readonly [Tensor, Tensor, Tensor, Tensor | undefined, Tensor | undefined]>({
  name: 'dynamicQuantizeMatMul',
  infer: ([x, b]) => {
    checkBytes('dynamicQuantizeMatMul', { b });
    return [{ dtype: x.dtype, shape: productShape('dynamicQuantizeMatMul', x.shape, b.shape) }];
  },
  onnx: { type: 'DynamicQuantizeMatMul', domain: 'com.microsoft' },
});

/** Product of floats with bytes; `x` is rounded to uint8 by the smallest and largest value of the whole tensor. */
export function dynamicQuantizeMatMul(
  x: Tensor,
  b: Tensor,
  bScale: Tensor,
  options: { bZeroPoint?: Tensor | undefined; bias?: Tensor | undefined } = {},
): Tensor {
  return apply(dynamicRule, [x, b, bScale, options.bZeroPoint, options.bias]);
}

interface LinearOptions {
  readonly axis: number;
  readonly dtype: DataType;
}

const quantizeRule = rule<readonly [Tensor, Tensor, Tensor], LinearOptions>({
  name: 'quantizeLinear',
  infer: ([x], { dtype }) => [{ dtype, shape: x.shape }],
  onnx: { type: 'QuantizeLinear', attributes: ({ axis }) => ({ axis: { int: axis } }) },
});

/** `round(x / scale) + zeroPoint`, halves to even, kept within int8 or uint8 (the zero point's type). Scale and zero point: scalars, or vectors along `axis`. */
export function quantizeLinear(x: Tensor, scale: Tensor, zeroPoint: Tensor, options: { axis?: number } = {}): Tensor {
  checkBytes('quantizeLinear', { zeroPoint });
  return apply(quantizeRule, [x, scale, zeroPoint], { axis: options.axis ?? 1, dtype: zeroPoint.dtype });
}

const dequantizeRule = rule<readonly [Tensor, Tensor, Tensor | undefined], { axis: number }>({
  name: 'dequantizeLinear',
  infer: ([x, scale]) => [{ dtype: scale.dtype, shape: x.shape }],
  onnx: { type: 'DequantizeLinear', attributes: ({ axis }) => ({ axis: { int: axis } }) },
});

/** `(x - zeroPoint) * scale`; scale and zero point as in quantizeLinear. */
export function dequantizeLinear(
  x: Tensor,
  scale: Tensor,
  zeroPoint?: Tensor,
  options: { axis?: number } = {},
): Tensor {
  return apply(dequantizeRule, [x, scale, zeroPoint], { axis: options.axis ?? 1 });
}
