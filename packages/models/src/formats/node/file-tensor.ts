import { undoRowPermutation } from '../gguf-names.ts';
import type { WeightTensor, WeightType } from '../types.ts';
import type { WeightFile } from './weight-file.ts';

/** Where a tensor lies: bytes `[start, end)` of a file, and the heads its rows are to be put back in order by. */
export interface TensorPlace {
  name: string;
  shape: readonly number[];
  type: WeightType;
  count: number;
  start: number;
  end: number;
  permutedHeads?: number;
}

/** A weight that is read from its file when it is asked for. */
export function fileTensor(file: WeightFile, place: TensorPlace): WeightTensor {
  const { name, shape, type, count, start, end, permutedHeads } = place;
  const ordered = (bytes: Uint8Array) => (permutedHeads ? undoRowPermutation(bytes, shape[0]!, permutedHeads) : bytes);
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
      if (permutedHeads) return ordered(await file.read(start, end)).slice(from, to);
      return file.read(start + from, start + to);
    },
  };
}
