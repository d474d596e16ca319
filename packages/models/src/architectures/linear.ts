import type { Tensor } from '@working-papers/graph';
import type { WeightSource } from '../types.ts';

/** A product with its bias. */
export const biased = (weights: WeightSource, x: Tensor, name: string): Tensor =>
  weights.linear(x, `${name}.weight`, `${name}.bias`);

/** A product with its bias, where the checkpoint has one. */
export const linear = (weights: WeightSource, x: Tensor, name: string): Tensor =>
  weights.has(`${name}.bias`) ? biased(weights, x, name) : weights.linear(x, `${name}.weight`);
