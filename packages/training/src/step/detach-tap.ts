import { stopGradient } from '@working-papers/graph';
import type { Tap } from '@working-papers/models';

/**
 * A tap through whose chosen activations no gradient flows back. With the streams after all blocks (`/residual$/`) each block learns from what
 * comes of its own results before the next one: losses of single layers, without a backward pass through the others.
 */
export function detachTap(names: RegExp | ((name: string) => boolean)): Tap {
  const chosen = (name: string) => (names instanceof RegExp ? name.search(names) >= 0 : names(name));
  return (name, tensor) => (chosen(name) ? stopGradient(tensor) : undefined);
}
