import type { Tensor } from '../tensor.ts';
import { cast } from './cast.ts';
import { less } from './comparison.ts';
import { reduceSum } from './reduction.ts';
import { reshape } from './shape.ts';
import { concat, slice } from './slicing.ts';

/** A float32 zero that depends on each of the tensors, of which it reads one element. It is zero whatever they hold, NaN too. */
export function zeroAfter(tensors: readonly Tensor[]): Tensor {
  const elements = tensors.map((tensor) => cast(slice(reshape(tensor, [-1]), 0, 0, 1), 'float32'));
  const together = concat(elements, 0);
  // No number is less than itself.
  return reduceSum(cast(less(together, together), 'float32'));
}
