import { add, div, max, mul, reduceMean, sqrt, type Tensor, unsqueeze } from '@working-papers/graph';
import { addDecayedWeights, type WeightDecay } from './decay.ts';
import { checkAtLeast, checkPositive } from './option-checks.ts';
import { scaleByRate } from './rate.ts';
import { scaled } from './scaled.ts';
import type { Schedule } from './schedules.ts';
import { chain, mapUpdates, type Transformation } from './transformation.ts';

export interface FactoredOptions {
  /** Of the mean of squares 1 - t^-decayRate is kept at step t (counted from 1). Default 0.8. */
  decayRate?: number | undefined;
  /** Added to the squares. Default 1e-30. */
  eps?: number | undefined;
}

/**
 * Divides by the root of a mean of squares of which, for a matrix, only the means of rows and columns are kept
 * (arXiv 1804.04235, algorithm 4). Tensors of more dimensions are stacks of matrices; vectors keep all.
 */
export function scaleByFactoredRms({ decayRate = 0.8, eps = 1e-30 }: FactoredOptions = {}): Transformation {
  checkPositive('decayRate', decayRate);
  checkAtLeast(0, 'eps', eps);
  return (updates, parameters, scope) => {
    const kept = scope.scalar('kept', (step) => 1 - (step + 1) ** -decayRate);
    const fresh = scope.scalar('fresh', (step) => (step + 1) ** -decayRate);
    const average = (name: string, value: Tensor): Tensor => {
      const next = add(mul(scope.state(name, value.shape as readonly number[]), kept), mul(value, fresh));
      scope.put(name, next);
      return next;
    };
    return mapUpdates(updates, parameters, (gradient, { name }) => {
      const square = add(mul(gradient, gradient), eps);
      if (gradient.shape.length < 2) return div(gradient, sqrt(average(`square.${name}`, square)));
      const row = average(`row.${name}`, reduceMean(square, -1));
      const column = average(`column.${name}`, reduceMean(square, -2));
      const ofRow = div(1, sqrt(div(row, reduceMean(row, -1, { keepDims: true }))));
      return mul(mul(gradient, unsqueeze(ofRow, -1)), unsqueeze(div(1, sqrt(column)), -2));
    });
  };
}

/** Scales down each update whose root mean square exceeds the threshold, to the threshold. */
export function clipByBlockRms(threshold: number): Transformation {
  checkPositive('The threshold of clipByBlockRms', threshold);
  return (updates, parameters) =>
    mapUpdates(updates, parameters, (update) => scaled(update, div(1, max(div(rms(update), threshold), 1))));
}

/** Multiplies each update by the root mean square of its weight, or by `least` where that is larger. */
export function scaleByParameterRms(least: number): Transformation {
  checkPositive('The least scale of scaleByParameterRms', least);
  return (updates, parameters) =>
    mapUpdates(updates, parameters, (update, { tensor }) => scaled(update, max(rms(tensor), least)));
}

const rms = (x: Tensor): Tensor => sqrt(reduceMean(mul(x, x)));

export interface AdafactorOptions extends FactoredOptions, Partial<WeightDecay> {
  /** Relative to the size of each weight. Default: the paper's min(0.01, 1 / √t). */
  rate?: Schedule | number | undefined;
  /** The root mean square above which an update is scaled down. Default 1. */
  clipThreshold?: number | undefined;
  /** The least size of a weight that the rate is relative to; 0 takes the rate as absolute. Default 0.001. */
  leastScale?: number | undefined;
}

/** Adafactor without momentum, with the defaults of its paper (algorithm 6), as transformers' `Adafactor` has it. */
export function adafactor({
  rate = (step) => Math.min(0.01, 1 / Math.sqrt(step + 1)),
  clipThreshold = 1,
  leastScale = 1e-3,
  weightDecay = 0,
  decayed,
  ...factored
}: AdafactorOptions = {}): Transformation {
  return chain(
    scaleByFactoredRms(factored),
    clipByBlockRms(clipThreshold),
    addDecayedWeights({ weightDecay, decayed }),
    ...(leastScale === 0 ? [] : [scaleByParameterRms(leastScale)]),
    scaleByRate(rate),
  );
}
