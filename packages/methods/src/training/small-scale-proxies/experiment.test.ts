/** The experiment on models of a few hundred weights: every claim is answered with the values that its rule reads. */
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, expect, test } from 'vitest';
import { memoryContext } from '../../memory-context.ts';
import { descriptorOf } from '../../registry.ts';
import { experiment } from './experiment.ts';
import { fan } from './stages/fan.ts';
import { interventions } from './stages/interventions.ts';
import { type Plan, plan } from './stages/plan.ts';
import { prediction } from './stages/prediction.ts';

const runtime = createRuntime({ threads: 2 });
afterAll(() => runtime.close());

const tiny: Plan = {
  ...plan,
  text: Array.from({ length: 80 }, (_, i) => `${i % 7} and ${(i * i) % 11} make ${(i % 7) + ((i * i) % 11)}.`).join(
    '\n',
  ),
  settings: { steps: 24, warmUp: 4, every: 8, baseWidth: 8, batch: 2, sequence: 16 },
  headDim: 8,
  rates: [1e-3, 1e-2, 1e-1],
  seeds: [1, 2],
  sizes: ['1x8', '1x16', '2x16'],
  widths: ['1x8', '1x16'],
  depths: ['1x16', '2x16'],
  larger: '2x24',
  predicted: [1e-2, 1e-1],
};

test('answers every claim that has a rule, in its stage, and keeps its plots small', async () => {
  const method = await descriptorOf('small-scale-proxies');
  const context = memoryContext({
    runtime,
    open: async () => {
      throw new Error('no models here');
    },
  });
  await fan(context, tiny);
  await interventions(context, tiny);
  await prediction(context, tiny);
  const ruled = method.claims.filter(({ rule }) => rule);
  const told = context.events.filter((event) => event.type === 'evidence');
  expect(told.map(({ claim }) => claim).sort()).toEqual(ruled.map(({ id }) => id).sort());
  const stages = experiment.map(({ name }) => name);
  for (const { claim, stage, values, seeds } of told) {
    const rule = ruled.find(({ id }) => id === claim)!.rule!;
    expect(stages).toContain(stage);
    expect(rule.stage, claim).toBe(stage);
    expect(Object.fromEntries(Object.entries(values).map(([name, { unit }]) => [name, unit])), claim).toEqual(
      rule.values,
    );
    for (const { value, low, high } of Object.values(values)) {
      expect(low).toBeLessThanOrEqual(value + 1e-12);
      expect(high).toBeGreaterThanOrEqual(value - 1e-12);
      expect(Number.isFinite(high! - low!)).toBe(true);
    }
    expect(seeds).toEqual([1, 2]);
  }
  const plots = context.events.filter((event) => event.type === 'plot');
  expect(plots.map(({ name }) => name)).toEqual([
    'fan',
    'sensitivity',
    'telemetry',
    'interventions',
    'logits',
    'gradients',
  ]);
  for (const { spec } of plots) expect(JSON.stringify(spec).length).toBeLessThan(60_000);
});
