import { formatShape, isStatic, type Shape } from '../dimensions.ts';
import {
  apply,
  checkShape,
  type DataType,
  elementBytes,
  isFloat,
  rule,
  ShapeError,
  type Tensor,
  type TensorData,
} from '../tensor.ts';

/** What an input, a constant and an initialiser carry; the writer reads it. */
export interface InputAttributes {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: Shape;
}
export interface ConstantAttributes {
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly data: TensorData;
}
export interface InitializerAttributes {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly data: Uint8Array | (() => Uint8Array | Promise<Uint8Array>);
}

const writtenByTheGraph = () => {
  throw new Error('Inputs, constants and initialisers are written by the graph writer itself.');
};

export const inputRule = rule<[], InputAttributes>({
  name: 'input',
  infer: (_, { dtype, shape }) => [{ dtype, shape }],
  onnx: { write: writtenByTheGraph },
});

export const constantRule = rule<[], ConstantAttributes>({
  name: 'constant',
  infer: (_, { dtype, shape }) => [{ dtype, shape }],
  onnx: { write: writtenByTheGraph },
});

export const initializerRule = rule<[], InitializerAttributes>({
  name: 'initializer',
  infer: (_, { dtype, shape }) => [{ dtype, shape }],
  onnx: { write: writtenByTheGraph },
});

/** A value given at each run. Dimensions may be named; a name means the same size wherever it stands. */
export function input(name: string, dtype: DataType, shape: Shape): Tensor {
  if (name === '') throw new ShapeError('An input needs a name; got an empty one.');
  const tensor = apply(inputRule, [], { name, dtype, shape: checkShape(shape, `input '${name}'`) });
  tensor.name = name;
  return tensor;
}

/**
 * A small constant, kept inside the program (weights are initialisers). Lists of numbers are converted to the type;
 * typed arrays must be the type's own: Uint16Array bits for float16 and bfloat16, BigInt64Array for int64, Uint8Array for bool.
 */
export function constant(
  data: TensorData | readonly number[] | number,
  dtype: DataType,
  shape?: readonly number[],
): Tensor {
  const values = typeof data === 'number' ? [data] : data;
  const sizes = shape ?? (typeof data === 'number' ? [] : [values.length]);
  checkShape(sizes, 'constant');
  const count = sizes.reduce((product, size) => product * size, 1);
  if (values.length !== count) {
    throw new ShapeError(
      `constant: ${values.length} values do not fill the shape ${formatShape(sizes)}, which holds ${count}.`,
    );
  }
  return apply(constantRule, [], {
    dtype,
    shape: sizes,
    data: Array.isArray(values) ? fromNumbers(values, dtype) : checkData(values as TensorData, dtype),
  });
}

/**
 * A weight. It goes out as external data, so that the program stays small and the kernels may pack it once; `data` is
 * its raw little-endian bytes, or a function that gives or promises them when the program is made.
 */
export function initializer(
  name: string,
  dtype: DataType,
  shape: readonly number[],
  data: InitializerAttributes['data'],
): Tensor {
  if (name === '') throw new ShapeError('An initialiser needs a name; got an empty one.');
  checkShape(shape, `initializer '${name}'`);
  if (!isStatic(shape)) throw new ShapeError(`initializer '${name}': the shape ${formatShape(shape)} must be numbers.`);
  if (data instanceof Uint8Array) {
    const bytes = shape.reduce((product, size) => product * size, 1) * elementBytes(dtype);
    if (data.byteLength !== bytes) {
      throw new ShapeError(
        `initializer '${name}': ${dtype} ${formatShape(shape)} takes ${bytes} bytes; got ${data.byteLength}.`,
      );
    }
  }
  const tensor = apply(initializerRule, [], { name, dtype, shape, data });
  tensor.name = name;
  return tensor;
}

/** A tensor, or a number that takes the type of the tensor it meets. */
export type Operand = Tensor | number;

/** The operand as a tensor; a number becomes a scalar constant of the other operand's type. */
export function toTensor(operand: Operand, dtype: DataType): Tensor {
  return typeof operand === 'number' ? constant(operand, dtype, []) : operand;
}

const arrayTypes = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const;

function checkData(data: TensorData, dtype: DataType): TensorData {
  const expected = arrayTypes[dtype];
  if (!(data instanceof expected)) {
    throw new ShapeError(`constant: ${dtype} takes a ${expected.name}; got a ${data.constructor.name}.`);
  }
  return data;
}

function fromNumbers(values: readonly number[], dtype: DataType): TensorData {
  if (!isFloat(dtype)) {
    const odd = values.find((value) => !Number.isInteger(value));
    if (odd !== undefined) throw new ShapeError(`constant: ${odd} is not a value of ${dtype}.`);
  }
  switch (dtype) {
    case 'int64':
      return BigInt64Array.from(values, BigInt);
    case 'float16':
      return Uint16Array.from(values, float16Bits);
    case 'bfloat16':
      return Uint16Array.from(values, bfloat16Bits);
    case 'bool':
      return Uint8Array.from(values, (value) => (value === 0 ? 0 : 1));
    default:
      return arrayTypes[dtype].from(values);
  }
}

const single = new Float32Array(1);
const singleBits = new Uint32Array(single.buffer);

/** Bits of the bfloat16 nearest to a number, ties to even. */
export function bfloat16Bits(value: number): number {
  single[0] = value;
  const bits = singleBits[0]!;
  if (Number.isNaN(value)) return 0x7fc0;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** Bits of the IEEE half nearest to a number, ties to even. */
export function float16Bits(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size >= 65520) return sign | 0x7c00;
  if (size < 2 ** -14) return sign | roundHalfToEven(size * 2 ** 24);
  const exponent = Math.floor(Math.log2(size));
  // log2 may be off by one beside a power of two.
  const shift = size >= 2 ** (exponent + 1) ? exponent + 1 : size < 2 ** exponent ? exponent - 1 : exponent;
  // The mantissa may round up to 2048: adding rather than or-ing carries it into the exponent.
  return sign | (((shift + 14) << 10) + roundHalfToEven(size * 2 ** (10 - shift)));
}

function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
