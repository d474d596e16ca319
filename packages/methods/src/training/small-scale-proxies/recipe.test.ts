/** The optimiser and the schedule against arithmetic by hand. */
import { input, mul, reduceSum } from '@working-papers/graph';
import { createRuntime } from '@working-papers/runtime/node';
import { TrainingStep } from '@working-papers/training';
import { afterAll, describe, expect, test } from 'vitest';
import { armOf, armsOf, floor } from './arms.ts';
import { paperProxy } from './model.ts';
import { type Knobs, knobsOf, learningRate, optimiserOf } from './recipe.ts';

const runtime = createRuntime({ threads: 1 });
afterAll(() => runtime.close());
const proxy = paperProxy('1x32', { headDim: 32, vocabulary: 20, sequence: 16 });

/** A matrix of ones whose gradient is what is fed. */
async function matrix(knobs: Knobs, name = 'model.layers.0.mlp.up_proj.weight') {
  const tensor = input(`weight.${name}`, 'float32', [1, 2]);
  const loss = reduceSum(mul(tensor, input('gradient', 'float32', [1, 2])));
  const step = await TrainingStep.compile(
    runtime,
    { loss, parameters: [{ name, shape: [1, 2], tensor }], optimiser: optimiserOf(proxy, () => knobs, undefined) },
    { initial: () => Float32Array.of(1, 1), threads: 1 },
  );
  return {
    step: (g: number) => step.run({ gradient: { dtype: 'float32', shape: [1, 2], data: Float32Array.of(g, g) } }),
    value: () => step.weight(name)[0]!,
    release: () => step.release(),
  };
}

const span = { steps: 50, warmUp: 5 };

describe('weight decay of a weight without gradient', () => {
  test.each([1e-3, 0.3])('independent: prod(1 - s_t lambda), whatever the rate (%d)', async (rate) => {
    const knobs = knobsOf(armOf('base'), rate, span);
    const weight = await matrix(knobs);
    let expected = 1;
    for (let t = 0; t < span.steps; t++) {
      await weight.step(0);
      expected *= 1 - (1e-4 * knobs.rate(t)) / rate;
    }
    expect(weight.value()).toBeCloseTo(expected, 6);
    expect(expected).toBeLessThan(0.9985);
    weight.release();
  });

  test.each([1e-3, 0.3])('coupled: prod(1 - s_t eta lambda_c), by the rate (%d)', async (rate) => {
    const knobs = knobsOf(armOf('coupled-wd'), rate, span);
    const weight = await matrix(knobs);
    let expected = 1;
    for (let t = 0; t < span.steps; t++) {
      await weight.step(0);
      expected *= 1 - 0.1 * knobs.rate(t);
    }
    expect(weight.value() / expected).toBeCloseTo(1, 5);
    weight.release();
  });

  test('at a rate of 0 only the independent one takes something', async () => {
    const values = await Promise.all(
      ([() => 1e-4, () => 0.1 * 0] as const).map(async (decay) => {
        const weight = await matrix({ rate: () => 0, decay, eps: 1e-8 });
        await weight.step(0.01);
        const value = weight.value();
        weight.release();
        return value;
      }),
    );
    expect(values[0]).toBeCloseTo(1 - 1e-4, 7);
    expect(values[1]).toBe(1);
  });
});

describe("Adam's epsilon at a constant gradient g", () => {
  test.each([
    [1e-6, 0.5],
    [1e-5, 10 / 11],
    [1e-7, 1 / 11],
  ])('g = %d at eps = 1e-6: |update| / eta = %d', async (g, share) => {
    const weight = await matrix({ rate: () => 0.5, decay: () => 0, eps: 1e-6 });
    let before = 1;
    for (let t = 0; t < 4; t++) {
      await weight.step(g);
      expect((before - weight.value()) / 0.5).toBeCloseTo(share, 4);
      before = weight.value();
    }
    weight.release();
  });
});

describe('the schedule', () => {
  test('rises from the floor to the peak, halves its way by cosine, and ends on the floor', () => {
    const rate = learningRate(1e-2, { steps: 301, warmUp: 40 });
    expect(rate(0)).toBeCloseTo(floor, 12);
    expect(rate(20)).toBeCloseTo((floor + 1e-2) / 2, 12);
    expect(rate(40)).toBeCloseTo(1e-2, 12);
    expect(rate(40 + 130)).toBeCloseTo((floor + 1e-2) / 2, 12);
    expect(rate(300)).toBeCloseTo(floor, 12);
    for (let step = 0; step <= 300; step++) expect(rate(step)).toBeGreaterThanOrEqual(floor * (1 - 1e-9));
  });

  test('an arm lengthens the warm-up; one that leaves no steps is refused', () => {
    expect(knobsOf(armOf('warmup-x3'), 1e-2, { steps: 300, warmUp: 40 }).rate(120)).toBeCloseTo(1e-2, 12);
    expect(() => knobsOf(armOf('warmup-x8'), 1e-2, { steps: 300, warmUp: 40 })).toThrow(
      'A warm-up of 320 of 300 steps leaves none for training',
    );
  });
});

describe('arms', () => {
  test('join their changes', () => {
    expect(armOf('qk-norm+z-loss-off+eps-1e-15')).toEqual({
      name: 'qk-norm+z-loss-off+eps-1e-15',
      qkNorm: true,
      zLoss: 0,
      decay: 'independent',
      warmUp: 1,
      mup: false,
      eps: 1e-15,
    });
    expect(armsOf('base, qk-norm,base').map(({ name }) => name)).toEqual(['base', 'qk-norm']);
  });

  test.each(['qknorm', 'eps-', 'eps--1', 'warmup-x0', 'base+', 'eps-1e5'])('"%s" is none', (name) => {
    expect(() => armOf(name)).toThrow('is no arm');
  });
});
