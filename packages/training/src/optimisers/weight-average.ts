import { add, mul } from '@working-papers/graph';
import type { Updates } from '../parameters.ts';
import { checkFraction } from './option-checks.ts';
import { type Schedule, valueAt } from './schedules.ts';
import type { OptimiserScope } from './transformation.ts';

/**
 * An exponential moving average of weights: average ← decay * average + (1 - decay) * weight, and the weight itself at the first
 * step (PyTorch's `AveragedModel` with `get_ema_multi_avg_fn`). Takes the new weights of a step and gives their averages, which are
 * states of the scope named `average.` and the weight's name.
 */
export function averageWeights(decay: Schedule | number): (weights: Updates, scope: OptimiserScope) => Updates {
  if (typeof decay === 'number') checkFraction('The decay of the average', decay);
  return (weights, scope) => {
    const kept = (step: number) => (step === 0 ? 0 : valueAt(decay, step));
    const old = scope.scalar('kept', kept);
    const fresh = scope.scalar('fresh', (step) => 1 - kept(step));
    return new Map(
      [...weights].map(([name, weight]) => {
        const state = `average.${name}`;
        const average = add(mul(scope.state(state, weight.shape as readonly number[]), old), mul(weight, fresh));
        scope.put(state, average);
        return [name, average];
      }),
    );
  };
}
