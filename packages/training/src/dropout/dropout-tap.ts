import { dropout, type Tensor } from '@working-papers/graph';
import type { Tap } from '@working-papers/models';
import type { StepRandom } from '../step/step-random.ts';

/**
 * Rates by the names that activations have within their block or half (docs/taps.md): `embedding`, `attention.probabilities`,
 * `attention.output`, `crossAttention.probabilities`, `crossAttention.output`, `mlp.hidden`, `mlp.output`, `norm`, `pooled`. What is not
 * named is left as it is.
 */
export type DropoutRates = Readonly<Record<string, number>>;

/** Activations that exist only where attention computes in plain operations. */
const withinAttention = ['scores', 'logSumExp', 'probabilities'].flatMap((name) => [
  `attention.${name}`,
  `crossAttention.${name}`,
]);

/**
 * A tap that drops elements of a model's activations, with a key of `random` for each. A graph built without it, for evaluation, drops
 * nothing. Where probabilities are dropped, attention computes in plain operations.
 *
 * @example
 * const random = new StepRandom(seed);
 * const tap = dropoutTap(random, dropoutRates(config));
 * const { logits } = architecture.forward(config, weights, { ids }, { tap, parts: { attention: denseAttention } });
 * TrainingStep.compile(runtime, { loss, parameters, optimiser, random }, options);
 */
export function dropoutTap(random: StepRandom, rates: DropoutRates): Tap {
  const drop = (name: string, tensor: Tensor) => {
    const rate = rateAt(rates, name);
    return rate === 0 ? undefined : dropout(tensor, rate, random.key(`dropout ${name}`));
  };
  return Object.assign(drop, {
    withinAttention: withinAttention.some((name) => rateAt(rates, `blocks.0.${name}`) > 0),
  });
}

/** The rate of the activation of this name. */
export function rateAt(rates: DropoutRates, name: string): number {
  const [, within] = /^(?:\w+\.)?blocks\.\d+\.(.+)$/.exec(name) ?? [];
  const place = within ?? name.slice(name.lastIndexOf('.') + 1);
  return (Object.hasOwn(rates, place) ? rates[place] : undefined) ?? 0;
}
