import { add, clip, mul, type Tensor } from '@working-papers/graph';
import { type DecoupledDecay, decayWeights } from './decay.ts';
import { checkFraction } from './option-checks.ts';
import { scaleByRate } from './rate.ts';
import type { Schedule } from './schedules.ts';
import { chain, mapUpdates, type Transformation } from './transformation.ts';

export interface LionMoments {
  /** What the update takes of the old momentum; the rest of the gradient. Default 0.9. */
  b1?: number | undefined;
  /** What is kept of the momentum. Default 0.99. */
  b2?: number | undefined;
}

/**
 * The sign of b1 * m + (1 - b1) * g, then m ← b2 * m + (1 - b2) * g (arXiv 2302.06675, algorithm 2).
 *
 * Both need the old m, which may be read only before the new one is written over it. So what is kept is b1 / (1 - b1) * m: its sum
 * with g has the sign that is wanted, and the new value is made of that sum and g.
 */
export function scaleByLion({ b1 = 0.9, b2 = 0.99 }: LionMoments = {}): Transformation {
  checkFraction('b1', b1);
  checkFraction('b2', b2);
  // With M = b1 / (1 - b1) * m: M ← b2 * M + entering * g = b2 * (M + g) + (entering - b2) * g.
  const entering = (b1 * (1 - b2)) / (1 - b1);
  return (updates, parameters, scope) =>
    mapUpdates(updates, parameters, (gradient, { name, shape }) => {
      const both = add(scope.state(`momentum.${name}`, shape), gradient);
      scope.put(`momentum.${name}`, add(mul(both, b2), mul(gradient, entering - b2)));
      return signs(both);
    });
}

/** -1, 0 or 1 (below 2^-127 something between), as `sign`, whose kernel takes five times as long. */
const signs = (x: Tensor): Tensor => clip(mul(x, 2 ** 127), -1, 1);

export interface LionOptions extends LionMoments, DecoupledDecay {
  /** The learning rate; a third to a tenth of AdamW's. */
  rate: Schedule | number;
}

/** Lion with the defaults of its paper: b1 0.9, b2 0.99, no decay (which wants to be three to ten times AdamW's). */
export function lion({
  rate,
  weightDecay = 0,
  decayed,
  decaySchedule: schedule = rate,
  ...moments
}: LionOptions): Transformation {
  return chain(scaleByLion(moments), scaleByRate(rate), decayWeights({ weightDecay, decayed, schedule }));
}
