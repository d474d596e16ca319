import { add, formatShape, sameShape, type Tensor } from '@working-papers/graph';
import type { Parameter, Updates } from '../parameters.ts';
import { mapUpdates } from './transformation.ts';

/** Changes the new value of a weight before it is kept: a mask put on again, a norm held. Gives back the same shape. */
export type AfterUpdate = (name: string, weight: Tensor) => Tensor;

/**
 * The new weights, by name: each parameter with an update, with that added, then changed by `afterUpdate`. A parameter without an update
 * stays as it is and is not among them.
 *
 * They are written over the old ones. Nothing of the old weights may be read after that: see `checkInPlace`.
 */
export function applyUpdates(
  updates: Updates,
  parameters: readonly Parameter[],
  afterUpdate: AfterUpdate = (_, weight) => weight,
): Updates {
  return mapUpdates(updates, parameters, (update, { name, shape, tensor }) => {
    checkFits(`The update of "${name}"`, update, shape);
    const weight = afterUpdate(name, add(tensor, update));
    checkFits(`What afterUpdate made of "${name}"`, weight, shape);
    return weight;
  });
}

function checkFits(what: string, tensor: Tensor, shape: readonly number[]): void {
  if (tensor.dtype !== 'float32' || !sameShape(tensor.shape, shape))
    throw new TypeError(
      `${what} is ${tensor.dtype} ${formatShape(tensor.shape)}; it must be float32 ${formatShape(shape)}.`,
    );
}
