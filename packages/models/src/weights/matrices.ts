import { dequantise } from '../formats/dequantise.ts';
import type { WeightTensor } from '../formats/types.ts';

/** A matrix `[rows, columns]` as `[columns, rows]`. */
export function transpose(source: Float32Array, rows: number, columns: number): Float32Array {
  const target = new Float32Array(source.length);
  transposeInto(source, rows, columns, target, rows, 0);
  return target;
}

/** A matrix `[rows, columns]` as the columns from `first` on of another with `stride` columns; in tiles that stay in the processor's cache. */
export function transposeInto<T extends Float32Array | Int8Array | Uint8Array>(
  source: T,
  rows: number,
  columns: number,
  target: T,
  stride: number,
  first: number,
): void {
  const tile = 32;
  for (let top = 0; top < rows; top += tile) {
    const bottom = Math.min(top + tile, rows);
    for (let left = 0; left < columns; left += tile) {
      const right = Math.min(left + tile, columns);
      for (let column = left; column < right; column++) {
        const to = column * stride + first;
        for (let row = top; row < bottom; row++) target[to + row] = source[row * columns + column]!;
      }
    }
  }
}

/** A weight's numbers. */
export const floats = (tensor: WeightTensor): Float32Array => dequantise(tensor.type, tensor.bytesSync(), tensor.count);

/** A matrix `[in, out]` of a checkpoint as `[out, in]`, in floats. */
export function outIn(tensor: WeightTensor): WeightTensor {
  const [rows, columns] = tensor.shape as [number, number];
  const bytesSync = () => new Uint8Array(transpose(floats(tensor), rows, columns).buffer);
  return {
    name: `${tensor.name}:out-in`,
    shape: [columns, rows],
    type: 'F32',
    count: tensor.count,
    byteLength: 4 * tensor.count,
    bytesSync,
    bytes: async () => bytesSync(),
    slice: async (start, end) => bytesSync().slice(start, end),
  };
}
