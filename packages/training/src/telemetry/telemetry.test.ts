/** Telemetry against the activations and gradients themselves; alarms against arithmetic. */
import { readFileSync } from 'node:fs';
import { gradient, input, slice } from '@working-papers/graph';
import { architectureOf, checkConfig, denseAttention, weightSource } from '@working-papers/models';
import { fixtureTensors } from '@working-papers/models/testing';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, describe, expect, test } from 'vitest';
import { train } from '../loop/train.ts';
import { crossEntropy } from '../losses/cross-entropy.ts';
import { adamW } from '../optimisers/adam.ts';
import { TrainingStep } from '../step/training-step.ts';
import { trainableWeights } from '../weights/trainable-weights.ts';
import { alarms } from './alarms.ts';
import { type Telemetry, telemetryOf } from './telemetry.ts';
import { watchTraining } from './watch-training.ts';

const runtime = createRuntime({ threads: 1 });
afterAll(() => runtime.close());
const stored = JSON.parse(readFileSync(new URL('../../fixtures/gradients-llama.json', import.meta.url), 'utf8'));
const config = checkConfig(stored.config, 'llama');
const tensors = fixtureTensors(stored.tensors);
const initial = ({ name }: { name: string }) => {
  const bytes = tensors.get(name)!.bytesSync();
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
};
const batch = {
  ids: {
    dtype: 'int64',
    shape: [2, 9],
    data: BigInt64Array.from({ length: 18 }, (_, i) => BigInt(1 + ((5 * i) % 28))),
  },
} as const;
const rate = 1e-3;

function built() {
  const weights = trainableWeights(weightSource(tensors, 'fp32'));
  const ids = input('ids', 'int64', [2, 9]);
  const watch = watchTraining({ parameters: /embed|q_proj/ });
  const seen = new Map<string, ReturnType<typeof slice>>();
  const { logits } = architectureOf(config).forward(
    config,
    weights,
    { ids },
    {
      parts: { attention: denseAttention },
      tap: (name, tensor) => {
        seen.set(name, tensor);
        return watch.tap(name, tensor);
      },
    },
  );
  const loss = crossEntropy(slice(logits!, 1, 0, -1), slice(ids, 1, 1));
  return { weights, watch, seen, loss, logits: logits! };
}

const rms = (values: ArrayLike<number>) =>
  Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0) / values.length);

describe('a watched step', () => {
  test('says what activations, gradients and changes are', async () => {
    const { weights, watch, seen, loss, logits } = built();
    const { parameters } = weights;
    const step = await TrainingStep.compile(
      runtime,
      watch.graph({ loss, parameters, optimiser: adamW({ rate, weightDecay: 0 }) }),
      { initial, threads: 1 },
    );
    const gradients = gradient(
      loss,
      parameters.map(({ tensor }) => tensor),
    );
    const program = await runtime.compile({
      ...Object.fromEntries(
        [...seen]
          .filter(([name]) => /scores|probabilities|residual/.test(name))
          .map(([name, tensor]) => [`value:${name}`, tensor]),
      ),
      ...Object.fromEntries(parameters.map(({ name }, i) => [`gradient:${name}`, gradients[i]!])),
      logits,
    });
    const fed = Object.fromEntries(
      parameters.map((parameter) => [
        `weight.${parameter.name}`,
        { dtype: 'float32' as const, shape: parameter.shape, data: initial(parameter) },
      ]),
    );
    const out = await program.run({ ...batch, ...fed });
    program.release();
    const told = telemetryOf(await step.watch(batch));
    const floats = (name: string) => out[name]!.data as Float32Array;

    expect(told.layers).toHaveLength(config.num_hidden_layers);
    for (const [n, layer] of told.layers.entries()) {
      const scores = Array.from(floats(`value:blocks.${n}.attention.scores`)).filter((score) => score > -1e29);
      expect(layer.maxLogit).toBeCloseTo(Math.max(...scores.map(Math.abs)), 5);
      const probabilities = Array.from(floats(`value:blocks.${n}.attention.probabilities`));
      const entropy =
        probabilities.reduce((sum, p) => sum - (p > 0 ? p * Math.log(p) : 0), 0) / (probabilities.length / 9);
      expect(layer.entropy).toBeCloseTo(entropy, 5);
      expect(layer.rms).toBeCloseTo(rms(floats(`value:blocks.${n}.residual`)), 5);
    }
    const classes = config.vocab_size;
    const rows = Array.from({ length: 18 }, (_, row) => floats('logits').slice(row * classes, (row + 1) * classes));
    const logZ = rows.map((row) => Math.log(row.reduce((sum, value) => sum + Math.exp(value), 0)));
    expect(told.logZ.max).toBeCloseTo(Math.max(...logZ), 5);
    expect(told.logZ.mean).toBeCloseTo(logZ.reduce((a, b) => a + b) / 18, 5);

    const names = Object.keys(told.parameters);
    expect(names.length).toBe(1 + config.num_hidden_layers);
    for (const name of names) {
      const own = told.parameters[name]!;
      expect(own.gradient / rms(floats(`gradient:${name}`))).toBeCloseTo(1, 4);
      expect(own.weight / rms(initial({ name }))).toBeCloseTo(1, 5);
      const moved = step.weight(name).map((value, i) => value - initial({ name })[i]!);
      expect(own.change / rms(moved)).toBeCloseTo(1, 3);
    }
    step.release();
  });

  test('is one in so many of a loop, the first and the last among them; a step begins anew to the same bits', async () => {
    const { weights, watch, loss } = built();
    const step = await TrainingStep.compile(
      runtime,
      watch.graph({ loss, parameters: weights.parameters, optimiser: adamW({ rate }) }),
      { initial, threads: 1 },
    );
    const ran = async () => {
      const watched: number[] = [];
      const losses: number[] = [];
      await train(
        step,
        { next: async () => batch, position: () => 0 },
        {
          steps: 6,
          watchEvery: 4,
          onEvent: (event) => {
            if (event.type !== 'step') return;
            losses.push(event.loss);
            if ('logZ.mean' in event.metrics) watched.push(event.step);
            else expect(() => telemetryOf(event)).toThrow(`Step ${event.step} was not watched`);
          },
        },
      );
      return { watched, losses };
    };
    const first = await ran();
    expect(first.watched).toEqual([1, 5, 6]);
    expect(first.losses[5]).toBeLessThan(first.losses[0]!);
    await step.restart(initial);
    expect(await ran()).toEqual(first);
    step.release();
  });

  test('needs something to be watched', async () => {
    const { weights, loss } = built();
    const step = await TrainingStep.compile(
      runtime,
      { loss, parameters: weights.parameters, optimiser: adamW({ rate }) },
      { initial, threads: 1 },
    );
    await expect(step.watch(batch)).rejects.toThrow('Nothing of this step is watched');
    step.release();
  });
});

describe('alarms', () => {
  const calm: Telemetry = {
    step: 40,
    loss: 2,
    gradientNorm: 4,
    layers: [{ maxLogit: 20, entropy: 1, rms: 1 }],
    logZ: { mean: 1, max: 2 },
    meanLogit: 0,
    parameters: { embedding: { gradient: 1e-3, change: 1e-4, weight: 1 } },
  };

  test('are silent where nothing is wrong', () => {
    expect(alarms(calm, { eps: 1e-8 })).toEqual([]);
    const still = { ...calm, parameters: { embedding: { gradient: 0, change: 0, weight: 1 } } };
    expect(alarms(still, { eps: 1e-8 })).toEqual([]);
  });

  test('tell of logits above the limit, and of gradients that clipping has brought near eps', () => {
    const logits = { ...calm, layers: [...calm.layers, { maxLogit: 2e4, entropy: 0, rms: 1 }] };
    expect(alarms(logits, { eps: 1e-8 })).toMatchObject([
      { kind: 'attention logits', where: 'blocks.1', value: 2e4, limit: 1e4 },
    ]);
    expect(alarms(logits, { eps: 1e-8, maxLogit: 3e4 })).toEqual([]);
    const small = { ...calm, parameters: { embedding: { gradient: 4e-8, change: 0, weight: 1 } } };
    // A norm of 4 clipped at 1 leaves 1e-8, which eps = 1e-8 halves.
    const [alarm] = alarms(small, { eps: 1e-8, maxNorm: 1 });
    expect(alarm).toMatchObject({ kind: 'eps', where: 'embedding', value: 1e-8 });
    expect(alarm!.sentence).toContain('leaves 50 % of its update');
    expect(alarms(small, { eps: 1e-15, maxNorm: 1 })).toEqual([]);
  });
});
