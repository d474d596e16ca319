import { add, div, mul, sqrt } from '@working-papers/graph';
import { type DecoupledDecay, decayWeights } from './decay.ts';
import { checkAtLeast, checkFraction } from './option-checks.ts';
import { scaleByRate } from './rate.ts';
import { scaled } from './scaled.ts';
import { type Schedule, valueAt } from './schedules.ts';
import { chain, mapUpdates, type Transformation } from './transformation.ts';

export interface AdamOptions {
  /** What is kept of the mean of the gradients. Default 0.9. */
  b1?: number | undefined;
  /** What is kept of the mean of their squares. Default 0.999. */
  b2?: number | undefined;
  /** Added to the root, outside of it, as PyTorch does. Default 1e-8. */
  eps?: Schedule | number | undefined;
}

/**
 * Adam with corrected bias (arXiv 1412.6980, algorithm 1): m̂ / (√v̂ + eps).
 *
 * What is kept is m / (1 - b1) and v / (1 - b2): the new gradient then enters with factor 1, and the rest is folded into two numbers a
 * step. Each old moment is read once, by what the new one is made of.
 */
export function scaleByAdam({ b1 = 0.9, b2 = 0.999, eps = 1e-8 }: AdamOptions = {}): Transformation {
  checkFraction('b1', b1);
  checkFraction('b2', b2);
  if (typeof eps === 'number') checkAtLeast(0, 'eps', eps);
  // √v̂ = root(step) * √square, m̂ = (1 - b1) / (1 - b1^t) * mean.
  const root = (step: number) => Math.sqrt((1 - b2) / (1 - b2 ** (step + 1)));
  return (updates, parameters, scope) => {
    const scale = scope.scalar('scale', (step) => (1 - b1) / (1 - b1 ** (step + 1)) / root(step));
    const epsilon = scope.scalar('epsilon', (step) => valueAt(eps, step) / root(step));
    return mapUpdates(updates, parameters, (gradient, { name, shape }) => {
      const mean = add(mul(scope.state(`mean.${name}`, shape), b1), gradient);
      const square = add(mul(scope.state(`square.${name}`, shape), b2), mul(gradient, gradient));
      scope.put(`mean.${name}`, mean);
      scope.put(`square.${name}`, square);
      return scaled(div(mean, add(sqrt(square), epsilon)), scale);
    });
  };
}

export interface AdamWOptions extends AdamOptions, DecoupledDecay {
  /** The learning rate. */
  rate: Schedule | number;
}

/**
 * AdamW with the defaults of PyTorch (b1 0.9, b2 0.999, eps 1e-8, weightDecay 0.01). `weightDecay: 0` is Adam.
 *
 * @example
 * chain(
 *   clipByGlobalNorm({ maxNorm: 1 }),
 *   adamW({ rate: schedules.warmUp(100, schedules.cosine({ from: 1e-3, steps: 900 })), decayed: ({ shape }) => shape.length > 1 }),
 * )
 */
export function adamW({
  rate,
  weightDecay = 0.01,
  decayed,
  decaySchedule: schedule = rate,
  ...adam
}: AdamWOptions): Transformation {
  return chain(scaleByAdam(adam), scaleByRate(rate), decayWeights({ weightDecay, decayed, schedule }));
}
