import { add, clip, constant, div, min, mul, reduceSum, sqrt, type Tensor } from '@working-papers/graph';
import type { Updates } from '../parameters.ts';
import { checkPositive } from './option-checks.ts';
import { scaled } from './scaled.ts';
import { mapUpdates, type Transformation } from './transformation.ts';

/** The Euclidean norm of all updates taken as one vector: a float32 scalar, 0 where there are none. */
export function globalNorm(updates: Updates): Tensor {
  const squares = [...updates.values()].map((update) => reduceSum(mul(update, update)));
  return squares.length === 0 ? constant(0, 'float32') : sqrt(squares.reduce((total, square) => add(total, square)));
}

export interface GlobalNormOptions {
  maxNorm: number;
  /** Is given the norm before clipping when the graph is built, for whoever wants to report it. */
  onNorm?: (norm: Tensor) => void;
}

/**
 * Scales all updates by one factor, so that their norm is at most `maxNorm`: maxNorm / (norm + 1e-6), never above 1, as PyTorch's
 * `clip_grad_norm_`. Every update then depends on every gradient.
 */
export function clipByGlobalNorm({ maxNorm, onNorm }: GlobalNormOptions): Transformation {
  checkPositive('maxNorm', maxNorm);
  return (updates, parameters) => {
    const norm = globalNorm(updates);
    onNorm?.(norm);
    const factor = min(div(maxNorm, add(norm, 1e-6)), 1);
    return mapUpdates(updates, parameters, (update) => scaled(update, factor));
  };
}

/** Keeps each element of the updates between -limit and limit (Optax's `clip`, PyTorch's `clip_grad_value_`). */
export function clipByValue(limit: number): Transformation {
  checkPositive('The limit of clipByValue', limit);
  return (updates, parameters) => mapUpdates(updates, parameters, (update) => clip(update, -limit, limit));
}
