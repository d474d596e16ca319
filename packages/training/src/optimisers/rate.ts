import { checkAtLeast } from './option-checks.ts';
import { scaled } from './scaled.ts';
import { type Schedule, valueAt } from './schedules.ts';
import { mapUpdates, type Transformation } from './transformation.ts';

/**
 * The learning rate. Its sign turns descent into what is added to the weights: the updates are multiplied by minus the rate. The rate
 * reaches the graph as a scalar, so it may change without compiling anew.
 */
export function scaleByRate(rate: Schedule | number): Transformation {
  if (typeof rate === 'number') checkAtLeast(0, 'The learning rate', rate);
  return (updates, parameters, scope) => {
    const factor = scope.scalar('rate', (step) => -valueAt(rate, step));
    return mapUpdates(updates, parameters, (update) => scaled(update, factor));
  };
}
