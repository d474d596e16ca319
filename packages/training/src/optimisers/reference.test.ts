/** Against PyTorch's and transformers' optimisers in double precision (fixtures/make-optimisers.py), a hundred steps. */
import { readFileSync } from 'node:fs';
import type { Tensor } from '@working-papers/graph';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, describe, expect, test } from 'vitest';
import { generatedGradients, generatedWeights } from '../testing/generated-gradients.ts';
import { type OptimiserStepsOptions, startOptimiser } from '../testing/optimiser-steps.ts';
import { adafactor } from './adafactor.ts';
import { adamW, scaleByAdam } from './adam.ts';
import { clipByGlobalNorm, clipByValue } from './clipping.ts';
import { addDecayedWeights } from './decay.ts';
import { groups } from './groups.ts';
import { lion } from './lion.ts';
import { scaleByRate } from './rate.ts';
import { cosine, type Schedule, warmUp } from './schedules.ts';
import { sgd } from './sgd.ts';
import { chain, type Transformation } from './transformation.ts';
import { averageWeights } from './weight-average.ts';

type Weights = Record<string, number[]>;
interface Snapshot {
  weights: Weights;
  norm?: number;
  average?: Weights;
}

const { optimisers: reference }: { optimisers: Record<string, Record<string, Snapshot>> } = JSON.parse(
  readFileSync(new URL('../../fixtures/optimisers.json', import.meta.url), 'utf8'),
);

const runtime = createRuntime();
afterAll(() => runtime.close());

/** Rates of the reference's schedule, as factors of each group's own rate. */
const falling = (rate: number): Schedule => warmUp(10, cosine({ from: rate, steps: 90 }));

/** What clipping hands out. */
const reported: Record<string, Tensor> = {};
const clipped = () =>
  clipByGlobalNorm({
    maxNorm: 1,
    onNorm: (norm) => {
      reported.norm = norm;
    },
  });

const cases: Record<string, Transformation | [Transformation, OptimiserStepsOptions]> = {
  adamw: adamW({ rate: 1e-2 }),
  'adamw, other settings': adamW({ rate: 3e-3, b1: 0.8, b2: 0.95, eps: 1e-2, weightDecay: 0.1 }),
  'adamw, groups, clipping, schedule': [
    chain(
      clipped(),
      groups([
        { parameters: /\.bias$/, optimiser: adamW({ rate: falling(3e-3), weightDecay: 0 }) },
        { parameters: /./, optimiser: adamW({ rate: falling(1e-2), weightDecay: 0.1 }) },
      ]),
    ),
    { outputs: reported },
  ],
  'adamw, clipped by value': chain(clipByValue(0.25), adamW({ rate: 1e-2 })),
  'adamw, averaged': [adamW({ rate: 1e-2 }), { average: averageWeights(0.9) }],
  'adam, penalty': chain(addDecayedWeights({ weightDecay: 0.1 }), scaleByAdam(), scaleByRate(1e-2)),
  sgd: sgd({ rate: 1e-2, weightDecay: 0.1 }),
  'sgd, momentum': sgd({ rate: 1e-2, momentum: 0.9 }),
  'sgd, dampening': sgd({ rate: 1e-2, momentum: 0.9, dampening: 0.5, weightDecay: 0.1 }),
  'sgd, nesterov': [
    chain(clipped(), sgd({ rate: 1e-2, momentum: 0.9, nesterov: true, weightDecay: 0.1 })),
    { outputs: reported },
  ],
  lion: lion({ rate: 1e-3 }),
  'lion, decay': lion({ rate: 3e-3, b1: 0.5, b2: 0.8, weightDecay: 0.3 }),
  adafactor: adafactor(),
  'adafactor, absolute rate': adafactor({
    rate: 1e-2,
    leastScale: 0,
    clipThreshold: 0.5,
    decayRate: 0.6,
    weightDecay: 0.1,
  }),
  'adafactor, decay': adafactor({ leastScale: 0.7, weightDecay: 0.1 }),
};

/** PyTorch's own weights in single precision are up to 1.9e-6 from those in double. */
const tolerance = 1.5e-6;

/** The largest difference from the reference's numbers. */
const furthest = (got: (name: string) => Float32Array, wanted: Weights) =>
  Math.max(
    ...Object.entries(wanted).flatMap(([name, values]) => {
      const own = got(name);
      expect(own.length).toBe(values.length);
      return values.map((value, place) => Math.abs(own[place]! - value));
    }),
  );

describe('a hundred steps as the reference does them', () => {
  test('every reference has its case', () => {
    expect(Object.keys(cases).sort()).toEqual(Object.keys(reference).sort());
  });

  test.each(Object.keys(cases))('%s', async (name) => {
    const given = cases[name]!;
    const [optimiser, options] = Array.isArray(given) ? given : [given, {}];
    const run = await startOptimiser(runtime, generatedWeights(), optimiser, options);
    let step = 0;
    for (const gradients of generatedGradients(100)) {
      await run.step(gradients);
      step += 1;
      const wanted = reference[name]![step];
      if (!wanted) continue;
      expect(furthest(run.weight, wanted.weights), `weights after step ${step}`).toBeLessThan(tolerance);
      if (wanted.average)
        expect(furthest((weight) => run.state(`average.${weight}`), wanted.average)).toBeLessThan(tolerance);
      if (wanted.norm) expect(run.output('norm')[0]).toBeCloseTo(wanted.norm, 5);
    }
    expect(step).toBe(100);
    run.release();
  });
});
