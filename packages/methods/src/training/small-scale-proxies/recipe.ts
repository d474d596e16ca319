/** The paper's optimiser: AdamW (0.9, 0.95), clipped at 1, decay that does not depend on the learning rate, warm-up and cosine. */
import {
  adamW,
  chain,
  clipByGlobalNorm,
  groups,
  type Schedule,
  schedules,
  type Transformation,
} from '@working-papers/training';
import { type Arm, floor, lambda } from './arms.ts';
import { isEmbedding, isMatrix, type ProxyModel } from './model.ts';

export const clipNorm = 1;
export const betas = { b1: 0.9, b2: 0.95 } as const;

/**
 * η_t: from the floor of 1e-5 in a straight line to the peak at step `warmUp`, then half a cosine down to the floor at the last step. Throws a
 * sentence where the warm-up leaves no steps.
 */
export function learningRate(peak: number, { steps, warmUp }: { steps: number; warmUp: number }): Schedule {
  if (warmUp > steps - 2)
    throw new Error(
      `A warm-up of ${warmUp} of ${steps} steps leaves none for training: take more steps, or a shorter warm-up.`,
    );
  const down = schedules.cosine({ from: peak, to: floor, steps: steps - 1 - warmUp });
  if (warmUp === 0) return down;
  return schedules.join([schedules.linear({ from: floor, to: peak, steps: warmUp }), down], [warmUp]);
}

/** What changes from run to run of one program: read at each step. */
export interface Knobs {
  rate: Schedule;
  /** What of a weight a step takes away: λ s_t, or λ' η_t. */
  decay: Schedule;
  eps: number;
}

/** The knobs of one run. */
export function knobsOf(arm: Arm, peak: number, { steps, warmUp }: { steps: number; warmUp: number }): Knobs {
  const rate = learningRate(peak, { steps, warmUp: Math.round(warmUp * arm.warmUp) });
  const decay: Schedule =
    arm.decay === 'independent'
      ? (step) => (lambda.independent * rate(step)) / peak
      : (step) => lambda.coupled * rate(step);
  return { rate, decay, eps: arm.eps };
}

/**
 * θ <- θ - η_t m̂ / (√v̂ + ε) - decay_t θ, by knobs that may be turned between two trainings. Gains do not decay. Under muParam the rates of
 * hidden matrices and of the head are w0 / w of the others'.
 */
export function optimiserOf(
  proxy: ProxyModel,
  knobs: () => Knobs,
  mup: { baseWidth: number } | undefined,
): Transformation {
  const adam = (factor: number, decayed: boolean) =>
    adamW({
      ...betas,
      eps: () => knobs().eps,
      rate: (step) => factor * knobs().rate(step),
      weightDecay: decayed ? 1 : 0,
      decaySchedule: (step) => knobs().decay(step),
    });
  const narrower = mup ? mup.baseWidth / proxy.width : 1;
  return chain(
    clipByGlobalNorm({ maxNorm: clipNorm }),
    groups([
      { parameters: ({ shape }) => !isMatrix(shape), optimiser: adam(1, false) },
      { parameters: ({ name }) => isEmbedding(name), optimiser: adam(1, true) },
      { parameters: /./, optimiser: adam(narrower, true) },
    ]),
  );
}
