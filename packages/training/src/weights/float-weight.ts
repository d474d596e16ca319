import type { WeightTensor } from '@working-papers/models';

/** A float32 weight whose numbers are computed when they are asked for. */
export function floatWeight(
  name: string,
  shape: readonly number[],
  values: () => Float32Array,
  { transposed }: Pick<WeightTensor, 'transposed'> = {},
): WeightTensor {
  const count = shape.reduce((product, size) => product * size, 1);
  const bytesSync = () => {
    const { buffer, byteOffset, byteLength } = values();
    return new Uint8Array(buffer, byteOffset, byteLength);
  };
  return {
    name,
    shape,
    type: 'F32',
    ...(transposed === undefined ? {} : { transposed }),
    count,
    byteLength: 4 * count,
    bytesSync,
    bytes: async () => bytesSync(),
    slice: async (start, end) => bytesSync().slice(start, end),
  };
}
