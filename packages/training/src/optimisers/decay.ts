import { add, mul } from '@working-papers/graph';
import { isSelected, type Selection } from '../parameters.ts';
import { checkAtLeast } from './option-checks.ts';
import { type Schedule, valueAt } from './schedules.ts';
import { mapUpdates, type Transformation } from './transformation.ts';

export interface WeightDecay {
  weightDecay: number;
  /** Which parameters decay. Default: all. */
  decayed?: Selection | undefined;
}

/**
 * Adds `weightDecay` times the weight to its update: before the moments an L2 penalty on the loss, just before `scaleByRate` decay
 * that is coupled to the rate.
 */
export function addDecayedWeights({ weightDecay, decayed = () => true }: WeightDecay): Transformation {
  checkAtLeast(0, 'weightDecay', weightDecay);
  if (weightDecay === 0) return (updates) => updates;
  return (updates, parameters) =>
    mapUpdates(updates, parameters, (update, parameter) =>
      isSelected(decayed, parameter) ? add(update, mul(parameter.tensor, weightDecay)) : update,
    );
}

/**
 * Takes `weightDecay * schedule(step)` of each weight from it at each step. Stands after `scaleByRate`. With the rate as its schedule it is
 * AdamW's decay, coupled to the rate (arXiv 1711.05101 as PyTorch has it); with the rate divided by its peak it is independent of
 * the peak (arXiv 2309.14322).
 *
 * It is added to the update and not multiplied into the weight: in float32 1 - 1e-7 is a fifth off, and 1 - 1e-8 is 1.
 */
export function decayWeights({
  weightDecay,
  schedule,
  decayed = () => true,
}: WeightDecay & { schedule: Schedule | number }): Transformation {
  checkAtLeast(0, 'weightDecay', weightDecay);
  if (weightDecay === 0) return (updates) => updates;
  return (updates, parameters, scope) => {
    const factor = scope.scalar('decay', (step) => -weightDecay * valueAt(schedule, step));
    return mapUpdates(updates, parameters, (update, parameter) =>
      isSelected(decayed, parameter) ? add(update, mul(parameter.tensor, factor)) : update,
    );
  };
}

/** Decay that stands beside the gradient and its moments. */
export interface DecoupledDecay extends Partial<WeightDecay> {
  /**
   * A step takes `weightDecay * decaySchedule(step)` of the weights. Default: the rate, so that decay is coupled to it. With the rate
   * divided by its peak, decay is independent of the peak.
   */
  decaySchedule?: Schedule | number | undefined;
}
