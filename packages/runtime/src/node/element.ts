import { type DataType, elementBytes, onnxTypes, type TensorData } from '@working-papers/graph';

interface TensorDataConstructor {
  new (length: number): TensorData;
  new (buffer: ArrayBuffer, byteOffset: number, length: number): TensorData;
  readonly name: string;
}

interface Element {
  /** ONNXTensorElementDataType. */
  readonly code: number;
  readonly bytes: number;
  /** How JavaScript holds the elements; float16 and bfloat16 as their bits, bool as 0 and 1. */
  readonly array: TensorDataConstructor;
}

const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} satisfies Record<DataType, TensorDataConstructor>;

/** ONNX Runtime's numbers of the element types are those of onnx.proto. */
export const elements = Object.fromEntries(
  Object.entries(arrays).map(([dtype, array]) => [
    dtype,
    { code: onnxTypes[dtype as DataType], bytes: elementBytes(dtype as DataType), array },
  ]),
) as unknown as Readonly<Record<DataType, Element>>;

export function dtypeOfCode(code: number): DataType {
  const found = (Object.keys(elements) as DataType[]).find((dtype) => elements[dtype].code === code);
  if (!found) throw new Error(`ONNX Runtime gave an output of element type ${code}, which has no place in JavaScript.`);
  return found;
}

/** Elements in a tensor of `shape`; throws when a dimension is not a whole number of at least 0. */
export function elementCount(shape: readonly number[]): number {
  let count = 1;
  for (const dimension of shape) {
    if (!Number.isSafeInteger(dimension) || dimension < 0) {
      throw new RangeError(`A tensor's dimensions are whole numbers of at least 0; got ${formatShape(shape)}.`);
    }
    count *= dimension;
  }
  if (!Number.isSafeInteger(count))
    throw new RangeError(`A tensor of shape ${formatShape(shape)} has too many elements.`);
  return count;
}

/** `[2, sequence, 576]`. */
export function formatShape(shape: readonly (number | string)[]): string {
  return `[${shape.join(', ')}]`;
}

/** Throws unless `data` is the kind of array that holds `dtype`. */
export function checkData(dtype: DataType, data: TensorData): void {
  const { array } = elements[dtype];
  if (!(data instanceof array)) {
    throw new TypeError(
      `A ${dtype} tensor holds a ${array.name}; got ${(data as object)?.constructor?.name ?? typeof data}.`,
    );
  }
}
