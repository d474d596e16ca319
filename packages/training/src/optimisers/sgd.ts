import { add, mul } from '@working-papers/graph';
import { addDecayedWeights, type WeightDecay } from './decay.ts';
import { checkFraction } from './option-checks.ts';
import { scaleByRate } from './rate.ts';
import type { Schedule } from './schedules.ts';
import { chain, mapUpdates, type Transformation } from './transformation.ts';

export interface TraceOptions {
  /** What is kept of the trace at each step, at least 0 and below 1. */
  momentum: number;
  /** Looks one step ahead. Default false. */
  nesterov?: boolean | undefined;
  /** What the gradient loses before it enters the trace; not at the first step, as PyTorch has it. Default 0. */
  dampening?: number | undefined;
}

/** Momentum: trace ← momentum * trace + (1 - dampening) * gradient; with Nesterov gradient + momentum * trace is handed on. */
export function trace({ momentum, nesterov = false, dampening = 0 }: TraceOptions): Transformation {
  checkFraction('momentum', momentum);
  checkFraction('dampening', dampening);
  if (nesterov && (momentum === 0 || dampening !== 0))
    throw new RangeError(
      `Nesterov's momentum needs a momentum above 0 and no dampening; got ${momentum} and ${dampening}.`,
    );
  return (updates, parameters, scope) => {
    const share = dampening > 0 && scope.scalar('share', (step) => (step === 0 ? 1 : 1 - dampening));
    return mapUpdates(updates, parameters, (gradient, { name, shape }) => {
      const next = add(mul(scope.state(`trace.${name}`, shape), momentum), share ? mul(gradient, share) : gradient);
      scope.put(`trace.${name}`, next);
      return nesterov ? add(gradient, mul(next, momentum)) : next;
    });
  };
}

export interface SgdOptions extends Partial<TraceOptions>, Partial<WeightDecay> {
  /** The learning rate. */
  rate: Schedule | number;
}

/** Stochastic gradient descent, as PyTorch's: decay is part of the gradient and so of the momentum. Momentum and weightDecay are 0 unless given. */
export function sgd({ rate, weightDecay = 0, decayed, momentum = 0, ...others }: SgdOptions): Transformation {
  const traced = momentum === 0 && !others.nesterov ? [] : [trace({ momentum, ...others })];
  return chain(addDecayedWeights({ weightDecay, decayed }), ...traced, scaleByRate(rate));
}
