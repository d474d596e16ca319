import { dequantise, FormatError, type WeightTensor } from '@working-papers/models';
import type { AdapterTensor } from '../types.ts';

/** The numbers of a tensor of a file. */
export function numbersOf(tensor: WeightTensor): AdapterTensor {
  const { name, shape, type, count } = tensor;
  if (!/^(F64|F32|F16|BF16)$/.test(type)) {
    throw new FormatError(`The adapter's tensor '${name}' is of type ${type}; floating-point numbers are read.`);
  }
  return { shape, values: dequantise(type, tensor.bytesSync(), count) };
}
