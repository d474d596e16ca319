import { dropout } from '@working-papers/graph';
import type { Tap } from '@working-papers/models';
import type { StepRandom } from '../step/step-random.ts';

/**
 * Rates by the names that activations have within their block or half (docs/taps.md): `embedding`, `attention.probabilities`,
 * `attention.output`, `crossAttention.probabilities`, `crossAttention.output`, `mlp.hidden`, `mlp.output`, `norm`, `pooled`. What is not
 * named is left as it is.
 */
export type DropoutRates = Readonly<Record<string, number>>;

/**
 * A tap that drops elements of a model's activations, with a key of `random` for each. A graph built without it, for evaluation, drops
 * nothing. `change` changes an activation first.
 *
 * @example
 * const random = new StepRandom(seed);
 * const tap = dropoutTap(random, dropoutRates(config));
 * const { logits } = architecture.forward(config, weights, { ids }, { tap, parts: { attention: denseAttention } });
 * TrainingStep.compile(runtime, { loss, parameters, optimiser, random }, options);
 */
export function dropoutTap(random: StepRandom, rates: DropoutRates, change?: Tap): Tap {
  return (name, tensor) => {
    const shown = change?.(name, tensor) ?? tensor;
    const rate = rateAt(rates, name);
    return rate === 0 ? shown : dropout(shown, rate, random.key(`dropout ${name}`));
  };
}

/** The rate of the activation of this name. */
export function rateAt(rates: DropoutRates, name: string): number {
  const [, within] = /^(?:\w+\.)?blocks\.\d+\.(.+)$/.exec(name) ?? [];
  const place = within ?? name.slice(name.lastIndexOf('.') + 1);
  return (Object.hasOwn(rates, place) ? rates[place] : undefined) ?? 0;
}
