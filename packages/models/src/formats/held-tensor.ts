import { elementCount } from './element-types.ts';
import { FormatError } from './format-error.ts';
import type { WeightTensor } from './types.ts';

/** A weight of float32 values in memory, as if it lay in a file. Throws a sentence where the values do not fill the shape. */
export function heldTensor(name: string, shape: readonly number[], values: Float32Array): WeightTensor {
  const count = elementCount(shape, name);
  if (values.length !== count)
    throw new FormatError(
      `The tensor ${name} of shape [${shape.join(', ')}] has ${count} numbers; got ${values.length}.`,
    );
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return {
    name,
    shape,
    type: 'F32',
    count,
    byteLength: bytes.length,
    bytes: async () => bytes,
    bytesSync: () => bytes,
    slice: async (start, end) => bytes.slice(start, end),
  };
}
