/** What can be computed by hand. */
import { constant, mul } from '@working-papers/graph';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, describe, expect, test } from 'vitest';
import { type OptimiserStepsOptions, startOptimiser } from '../testing/optimiser-steps.ts';
import { adamW, scaleByAdam } from './adam.ts';
import { clipByGlobalNorm, clipByValue } from './clipping.ts';
import { addDecayedWeights } from './decay.ts';
import { lion } from './lion.ts';
import { scaleByRate } from './rate.ts';
import { cosine, type Schedule, warmUp } from './schedules.ts';
import { sgd, trace } from './sgd.ts';
import { chain, type Transformation } from './transformation.ts';
import { averageWeights } from './weight-average.ts';

const runtime = createRuntime();
afterAll(() => runtime.close());

type Vectors = Record<string, number[]>;

/** The weights after each step, under the gradients given for it. */
async function after(
  weights: Vectors,
  optimiser: Transformation,
  gradients: readonly Vectors[],
  options: OptimiserStepsOptions = {},
) {
  const steps = await startOptimiser(
    runtime,
    Object.fromEntries(
      Object.entries(weights).map(([name, data]) => [name, { shape: [data.length], data: Float32Array.from(data) }]),
    ),
    optimiser,
    options,
  );
  const read = (of: (name: string) => Float32Array): Vectors =>
    Object.fromEntries(Object.keys(weights).map((name) => [name, [...of(name)]]));
  const results: { weights: Vectors; averages?: Vectors }[] = [];
  for (const given of gradients) {
    await steps.step(Object.fromEntries(Object.entries(given).map(([name, data]) => [name, Float32Array.from(data)])));
    results.push({
      weights: read(steps.weight),
      ...(options.average && { averages: read((name) => steps.state(`average.${name}`)) }),
    });
  }
  return results;
}

describe('decay of weights (arXiv 2309.14322)', () => {
  const factor = warmUp(4, cosine({ from: 1, to: 0.1, steps: 26 }));
  const zeros = Array.from({ length: 30 }, () => ({ w: [0, 0] }));
  const left = (decay: (step: number) => number) => zeros.reduce((product, _, step) => product * (1 - decay(step)), 1);

  test.each([0, 1e-3, 0.3])(
    'independent of the rate: without gradients what is left is Π (1 - s λ), at rate %d too',
    async (rate) => {
      const optimiser = adamW({ rate: (step) => rate * factor(step), weightDecay: 0.02, decaySchedule: factor });
      const { weights } = (await after({ w: [1, -3] }, optimiser, zeros)).at(-1)!;
      const product = left((step) => 0.02 * factor(step));
      expect(product).toBeLessThan(0.8);
      expect(weights.w![0]).toBeCloseTo(product, 5);
      expect(weights.w![1]! / -3).toBeCloseTo(product, 5);
    },
  );

  test.each([
    ['adamW', adamW],
    ['lion', lion],
  ])('coupled to the rate in %s: what is left is Π (1 - s η λ)', async (_, make) => {
    const optimiser = make({ rate: (step) => 0.3 * factor(step), weightDecay: 0.1 });
    const { weights } = (await after({ w: [1, -3] }, optimiser, zeros)).at(-1)!;
    expect(weights.w![0]).toBeCloseTo(
      left((step) => 0.1 * 0.3 * factor(step)),
      5,
    );
  });

  test('at rate 0 one step of independent decay differs from one of coupled decay', async () => {
    const coupled = adamW({ rate: 0, weightDecay: 0.1 });
    const independent = adamW({ rate: 0, weightDecay: 0.1, decaySchedule: 1 });
    expect((await after({ w: [2] }, coupled, [{ w: [0.5] }]))[0]!.weights.w).toEqual([2]);
    expect((await after({ w: [2] }, independent, [{ w: [0.5] }]))[0]!.weights.w![0]).toBeCloseTo(1.8, 6);
  });

  test('only what is selected decays, by pattern or by shape', async () => {
    const weights = { 'layer.weight': [1, 1], 'layer.bias': [1] };
    const gradients = [{ 'layer.weight': [0, 0], 'layer.bias': [0] }];
    const byName = adamW({ rate: 1, weightDecay: 0.5, decayed: /weight$/g });
    const byShape = adamW({ rate: 1, weightDecay: 0.5, decayed: ({ shape }) => shape[0]! > 1 });
    const penalty = sgd({ rate: 1, weightDecay: 0.5, decayed: /weight$/ });
    for (const optimiser of [byName, byShape, penalty])
      expect((await after(weights, optimiser, gradients))[0]!.weights).toEqual({
        'layer.weight': [0.5, 0.5],
        'layer.bias': [1],
      });
  });
});

describe('Adam at a constant gradient', () => {
  test.each([
    [1, 0.5],
    [10, 10 / 11],
    [0.1, 1 / 11],
  ])('of %d times eps moves by %d of the rate, at every step', async (times, share) => {
    const rate = 0.25;
    for (const eps of [1e-8, 1e-3, 1e-15]) {
      const gradient = { w: [times * eps, -times * eps, 0] };
      const results = await after({ w: [0, 0, 0] }, adamW({ rate, eps, weightDecay: 0 }), [
        gradient,
        gradient,
        gradient,
      ]);
      for (const [index, { weights }] of results.entries()) {
        expect(weights.w![0]! / rate / (index + 1)).toBeCloseTo(-share, 5);
        expect(weights.w![1]! / rate / (index + 1)).toBeCloseTo(share, 5);
        expect(weights.w![2]).toBeCloseTo(0, 10);
      }
    }
  });
});

describe('clipping', () => {
  test('a norm of 5 is brought to 1, all updates by one factor; a norm below the limit is left alone', async () => {
    const optimiser = chain(clipByGlobalNorm({ maxNorm: 1 }), sgd({ rate: 1 }));
    const [large, small] = await after({ a: [0, 0], b: [0] }, optimiser, [
      { a: [0, 3], b: [4] },
      { a: [0, 0.3], b: [0.4] },
    ]);
    expect(large!.weights.a![1]).toBeCloseTo(-0.6, 6);
    expect(large!.weights.b![0]).toBeCloseTo(-0.8, 6);
    expect(small!.weights.a![1]! - large!.weights.a![1]!).toBeCloseTo(-0.3, 6);
    expect(small!.weights.b![0]! - large!.weights.b![0]!).toBeCloseTo(-0.4, 6);
  });

  test('1e-6 stands beside the norm', async () => {
    const optimiser = chain(clipByGlobalNorm({ maxNorm: 1e-6 }), sgd({ rate: 1e6 }));
    const [{ weights } = { weights: {} as Vectors }] = await after({ a: [0] }, optimiser, [{ a: [1e-6] }]);
    expect(weights.a![0]).toBeCloseTo(-0.5, 6);
  });

  test('by value, each element by itself', async () => {
    const [{ weights } = { weights: {} as Vectors }] = await after(
      { a: [0, 0, 0] },
      chain(clipByValue(0.5), sgd({ rate: 1 })),
      [{ a: [2, -0.25, -3] }],
    );
    expect(weights.a).toEqual([-0.5, 0.25, 0.5]);
  });
});

describe('around the update', () => {
  test('a mask put on again after each step keeps pruned weights at 0', async () => {
    const mask = constant([1, 0, 1, 0], 'float32');
    const results = await after(
      { w: [1, 0, 1, 0], v: [1] },
      adamW({ rate: 0.1 }),
      Array(3).fill({ w: [1, 1, -1, -1], v: [1] }),
      {
        afterUpdate: (name, weight) => (name === 'w' ? mul(weight, mask) : weight),
      },
    );
    for (const { weights } of results) {
      expect(Math.abs(weights.w![1]!)).toBe(0);
      expect(Math.abs(weights.w![3]!)).toBe(0);
    }
    expect(results[2]!.weights.w![0]).toBeLessThan(0.75);
    expect(results[2]!.weights.v![0]).toBeLessThan(0.75);
  });

  test('what changes the shape of a weight is refused', async () => {
    await expect(
      after({ w: [1, 2] }, sgd({ rate: 1 }), [], { afterUpdate: () => constant([1, 2, 3], 'float32') }),
    ).rejects.toThrow('What afterUpdate made of "w" is float32 [3]; it must be float32 [2].');
  });

  test('an average of weights begins with the first new weights', async () => {
    const results = await after({ w: [0] }, sgd({ rate: 1 }), [{ w: [-1] }, { w: [-1] }, { w: [-2] }], {
      average: averageWeights((step) => (step === 1 ? 0.5 : 0.75)),
    });
    // Weights 1, 2, 4.
    expect(results.map(({ averages }) => averages!.w![0])).toEqual([1, 1.5, 0.75 * 1.5 + 0.25 * 4]);
  });
});

describe('what cannot be meant', () => {
  test.each<[string, () => unknown, string]>([
    [
      'a negative rate',
      () => adamW({ rate: -0.1 }),
      'The learning rate must be a finite number of at least 0; got -0.1.',
    ],
    ['b2 of 1', () => scaleByAdam({ b2: 1 }), 'b2 must be at least 0 and below 1; got 1.'],
    ['a negative eps', () => scaleByAdam({ eps: -1e-8 }), 'eps must be a finite number of at least 0; got -1e-8.'],
    [
      'a negative decay',
      () => addDecayedWeights({ weightDecay: -1 }),
      'weightDecay must be a finite number of at least 0; got -1.',
    ],
    ['a limit of 0', () => clipByGlobalNorm({ maxNorm: 0 }), 'maxNorm must be a finite number above 0; got 0.'],
    ['momentum of 1', () => trace({ momentum: 1 }), 'momentum must be at least 0 and below 1; got 1.'],
    [
      'Nesterov without momentum',
      () => sgd({ rate: 1, nesterov: true }),
      "Nesterov's momentum needs a momentum above 0 and no dampening; got 0 and 0.",
    ],
    ['Nesterov with dampening', () => trace({ momentum: 0.9, dampening: 0.1, nesterov: true }), 'got 0.9 and 0.1.'],
    [
      'an average that never moves',
      () => averageWeights(1),
      'The decay of the average must be at least 0 and below 1; got 1.',
    ],
  ])('%s', (_, make, sentence) => {
    expect(make).toThrow(sentence);
  });

  test('a schedule that gives no number is named with its step', async () => {
    const broken: Schedule = (step) => (step === 1 ? Number.NaN : 0.1);
    await expect(after({ w: [1] }, scaleByRate(broken), [{ w: [0] }, { w: [0] }])).rejects.toThrow(
      'The scalar "optimiser.rate" is NaN at step 1; its schedule must give finite numbers.',
    );
  });
});
