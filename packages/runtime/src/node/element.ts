import type { DataType, TensorData } from '@working-papers/graph';

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

export const elements: Readonly<Record<DataType, Element>> = {
  float32: { code: 1, bytes: 4, array: Float32Array },
  uint8: { code: 2, bytes: 1, array: Uint8Array },
  int8: { code: 3, bytes: 1, array: Int8Array },
  int32: { code: 6, bytes: 4, array: Int32Array },
  int64: { code: 7, bytes: 8, array: BigInt64Array },
  bool: { code: 9, bytes: 1, array: Uint8Array },
  float16: { code: 10, bytes: 2, array: Uint16Array },
  float64: { code: 11, bytes: 8, array: Float64Array },
  bfloat16: { code: 16, bytes: 2, array: Uint16Array },
};

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
