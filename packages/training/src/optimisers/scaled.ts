import { mul, type Tensor } from '@working-papers/graph';

const made = new WeakMap<Tensor, { of: Tensor; factor: Tensor }>();

/**
 * `factor * x`, where the factor has no dimensions. What was scaled already is scaled by the product of both factors: a step over the
 * weights is bound by memory, and so passes over them once however many transformations scale.
 *
 * The new value of a state must not be made here: scaling it further would read what it was made of once more, when the old value
 * may be gone.
 */
export function scaled(x: Tensor, factor: Tensor): Tensor {
  const before = made.get(x);
  const parts = before ? { of: before.of, factor: mul(before.factor, factor) } : { of: x, factor };
  const result = mul(parts.of, parts.factor);
  made.set(result, parts);
  return result;
}
