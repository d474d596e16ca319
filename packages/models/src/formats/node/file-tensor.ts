import { elementBytes } from '../element-types.ts';
import type { RowSwap } from '../gguf-layouts.ts';
import { swapRows } from '../gguf-names.ts';
import type { PlainType, WeightTensor, WeightType } from '../types.ts';
import type { WeightFile } from './weight-file.ts';

/** Where a tensor lies: bytes `[start, end)` of a file, and how its rows are put back in order. */
export interface TensorPlace {
  name: string;
  shape: readonly number[];
  type: WeightType;
  count: number;
  start: number;
  end: number;
  swap?: RowSwap;
}

/** A weight that is read from its file when it is asked for. */
export function fileTensor(file: WeightFile, place: TensorPlace): WeightTensor {
  const { name, shape, type, count, start, end, swap } = place;
  const ordered = (bytes: Uint8Array) => (swap ? swapRows(bytes, shape[0]!, swap) : bytes);
  return {
    name,
    shape,
    type,
    count,
    byteLength: end - start,
    bytes: async () => ordered(await file.read(start, end)),
    bytesSync: () => ordered(file.readSync(start, end)),
    async slice(from, to) {
      if (!(from >= 0 && from <= to && to <= end - start)) {
        throw new RangeError(`Tensor ${name} has ${end - start} bytes; ${from} to ${to} are not among them.`);
      }
      if (swap) return ordered(await file.read(start, end)).slice(from, to);
      return file.read(start + from, start + to);
    },
  };
}

/** Where the elements of a view lie: the first at `start`, the others so many elements apart along each axis. */
export interface StridedPlace {
  name: string;
  shape: readonly number[];
  type: PlainType;
  count: number;
  strides: readonly number[];
  start: number;
}

/** A weight whose elements may lie in another order than that of its shape; they are put in order when they are read. */
export function stridedTensor(file: WeightFile, place: StridedPlace): WeightTensor {
  const { name, shape, type, count, strides, start } = place;
  const element = elementBytes[type];
  if (inOrder(shape, strides))
    return fileTensor(file, { name, shape, type, count, start, end: start + count * element });
  const last = count === 0 ? 0 : shape.reduce((sum, size, axis) => sum + (size - 1) * strides[axis]!, 0) + 1;
  const end = start + last * element;
  const ordered = (bytes: Uint8Array) => gather(bytes, shape, strides, count, element);
  return {
    name,
    shape,
    type,
    count,
    byteLength: count * element,
    bytes: async () => ordered(await file.read(start, end)),
    bytesSync: () => ordered(file.readSync(start, end)),
    slice: async (from, to) => ordered(await file.read(start, end)).slice(from, to),
  };
}

/** Whether the elements lie one after the other, the last axis fastest. */
function inOrder(shape: readonly number[], strides: readonly number[]): boolean {
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== stride) return false;
    stride *= shape[axis]!;
  }
  return true;
}

function gather(
  bytes: Uint8Array,
  shape: readonly number[],
  strides: readonly number[],
  count: number,
  element: number,
): Uint8Array {
  const ordered = new Uint8Array(count * element);
  const index = shape.map(() => 0);
  let from = 0;
  for (let to = 0; to < ordered.length; to += element) {
    for (let i = 0; i < element; i++) ordered[to + i] = bytes[from * element + i]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]!++;
      from += strides[axis]!;
      if (index[axis]! < shape[axis]!) break;
      from -= index[axis]! * strides[axis]!;
      index[axis] = 0;
    }
  }
  return ordered;
}
