/** Steps of several batches. */
import { readFileSync } from 'node:fs';
import { input, mul, reduceMean, slice } from '@working-papers/graph';
import { architectureOf, checkConfig, denseAttention, weightSource } from '@working-papers/models';
import { fixtureTensors } from '@working-papers/models/testing';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, describe, expect, test } from 'vitest';
import { dropoutTap } from '../dropout/dropout-tap.ts';
import { train } from '../loop/train.ts';
import { crossEntropy, labelledWeight } from '../losses/cross-entropy.ts';
import { adamW } from '../optimisers/adam.ts';
import { clipByGlobalNorm } from '../optimisers/clipping.ts';
import { sgd } from '../optimisers/sgd.ts';
import { chain } from '../optimisers/transformation.ts';
import { trainableWeights } from '../weights/trainable-weights.ts';
import type { StepInputs } from './batch-calls.ts';
import { StepRandom } from './step-random.ts';
import { TrainingStep } from './training-step.ts';

const runtime = createRuntime();
afterAll(() => runtime.close());

describe('a worked example: w times the mean of x', () => {
  const start = ({ weighted = true, accumulate = true, rate = 1 } = {}) => {
    const [x, w, count] = [
      input('x', 'float32', ['rows']),
      input('weight.w', 'float32', []),
      input('n', 'float32', []),
    ];
    const loss = mul(reduceMean(x), w);
    return TrainingStep.compile(
      runtime,
      {
        loss,
        metrics: { mean: reduceMean(x) },
        parameters: [{ name: 'w', shape: [], tensor: w }],
        optimiser: sgd({ rate }),
        ...(weighted ? { weight: count } : {}),
      },
      { initial: () => Float32Array.of(2), accumulate },
    );
  };
  const batch = (values: number[]): StepInputs => ({
    x: { dtype: 'float32', shape: [values.length], data: Float32Array.from(values) },
    n: { dtype: 'float32', shape: [], data: Float32Array.of(values.length) },
  });

  test('batches count by their weight', async () => {
    const step = await start();
    // The gradient is the mean of all rows, 16 / 4.
    const result = await step.run([batch([1, 2, 3]), batch([10])]);
    expect(result).toEqual({ step: 1, loss: 8, gradientNorm: 4, metrics: { mean: 4 } });
    expect(step.weight('w')).toEqual(Float32Array.of(-2));
    // Nothing of it is left in the next one.
    expect((await step.run(batch([1, 3]))).gradientNorm).toBe(2);
    expect(step.weight('w')).toEqual(Float32Array.of(-4));
    step.release();
  });

  test('without one each counts the same', async () => {
    const step = await start({ weighted: false });
    expect((await step.run([batch([1, 2, 3]), batch([10])])).gradientNorm).toBe(6);
    expect(step.weight('w')).toEqual(Float32Array.of(-4));
    step.release();
  });

  test('a loss that is no number, or batches that count for nothing, leave no trace in the step after', async () => {
    const step = await start({ rate: 0 });
    expect((await step.run([batch([Number.NaN]), batch([1])])).loss).toBeNaN();
    step.tensors.get('weight.w')!.write(Float32Array.of(2));
    const empty = { ...batch([5]), n: { dtype: 'float32' as const, shape: [], data: Float32Array.of(0) } };
    expect(await step.run([empty, empty])).toMatchObject({ loss: 0, gradientNorm: 0 });
    expect(await step.run([empty, batch([3])])).toMatchObject({ loss: 6, gradientNorm: 3 });
    step.release();
  });

  test('a step that was not compiled for it says so', async () => {
    const step = await start({ accumulate: false, weighted: false });
    await expect(step.run([batch([1]), batch([2])])).rejects.toThrow(
      'A step of 2 batches was asked for; compile it with `accumulate: true`, or give it one.',
    );
    await expect(step.run([])).rejects.toThrow('A step of 0 batches was asked for');
    expect((await step.run([batch([1])])).gradientNorm).toBe(1);
    step.release();
    const other = await start();
    await expect(other.run([])).rejects.toThrow('A step needs at least one batch; got none.');
    other.release();
  });
});

describe('a small Llama', () => {
  const stored = JSON.parse(readFileSync(new URL('../../fixtures/gradients-llama.json', import.meta.url), 'utf8'));
  const config = checkConfig(stored.config, 'llama');
  const tensors = fixtureTensors(stored.tensors);
  const length = 9;

  function start({ accumulate = true, drop = false, weighted = true } = {}): Promise<TrainingStep> {
    const weights = trainableWeights(weightSource(tensors, 'fp32'));
    const [ids, labels] = [input('ids', 'int64', ['rows', length]), input('labels', 'int64', ['rows', length])];
    const random = new StepRandom(5);
    const { logits } = architectureOf(config).forward(
      config,
      weights,
      { ids },
      { parts: { attention: denseAttention }, ...(drop ? { tap: dropoutTap(random, { 'mlp.output': 0.2 }) } : {}) },
    );
    const wanted = slice(labels, 1, 1);
    return TrainingStep.compile(
      runtime,
      {
        loss: crossEntropy(slice(logits!, 1, 0, -1), wanted),
        parameters: weights.parameters,
        optimiser: chain(clipByGlobalNorm({ maxNorm: 1 }), adamW({ rate: 1e-2, weightDecay: 0.1 })),
        random,
        ...(weighted ? { weight: labelledWeight(wanted) } : {}),
      },
      {
        accumulate,
        initial: ({ name }) => {
          const bytes = tensors.get(name)!.bytesSync();
          return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
        },
      },
    );
  }

  /** Row `row` of a step: its tokens, of which the first few are not labelled, more in each row. */
  const rowOf = (step: number, row: number) => {
    const ids = Array.from({ length }, (_, i) => BigInt(1 + ((i * 31 + 7 * row + 13 * step + i * i) % 28)));
    return { ids, labels: ids.map((id, i) => (i < 2 * row ? -100n : id)) };
  };
  const batchOf = (step: number, rows: number[]): StepInputs => {
    const made = rows.map((row) => rowOf(step, row));
    const of = (name: 'ids' | 'labels') => ({
      dtype: 'int64' as const,
      shape: [rows.length, length],
      data: BigInt64Array.from(made.flatMap((row) => row[name])),
    });
    return { ids: of('ids'), labels: of('labels') };
  };
  const bits = (step: TrainingStep) =>
    [...step.tensors].map(([name, tensor]) => [
      name,
      Buffer.from((tensor.read() as Float32Array).buffer).toString('hex'),
    ]);

  test.each([
    [
      'two of two',
      [
        [0, 1],
        [2, 3],
      ],
    ],
    ['one of three and one of one', [[0, 2, 3], [1]]],
    ['four of one', [[3], [2], [1], [0]]],
  ])('steps of %s rows are those of one batch of four', async (_, parts) => {
    const [whole, parted] = [await start({ accumulate: false, weighted: false }), await start()];
    for (let i = 0; i < 4; i++) {
      const one = await whole.run(batchOf(i, [0, 1, 2, 3]));
      const several = await parted.run(parts.map((rows) => batchOf(i, rows)));
      expect(Math.abs(several.loss / one.loss - 1)).toBeLessThan(1e-5);
      expect(Math.abs(several.gradientNorm / one.gradientNorm - 1)).toBeLessThan(1e-4);
    }
    for (const { name } of whole.parameters) {
      const other = parted.weight(name);
      for (const [at, value] of whole.weight(name).entries())
        expect(Math.abs(other[at]! - value), `${name}[${at}]`).toBeLessThan(2e-4);
    }
    whole.release();
    parted.release();
  });

  test('means of means would be another step', async () => {
    const [weighted, unweighted] = [await start(), await start({ weighted: false })];
    const batches = [batchOf(0, [0, 1]), batchOf(0, [2, 3])];
    const [one, other] = [await weighted.run(batches), await unweighted.run(batches)];
    expect(Math.abs(other.gradientNorm / one.gradientNorm - 1)).toBeGreaterThan(0.01);
    weighted.release();
    unweighted.release();
  });

  test('a loop takes so many batches a step, and goes on from anywhere with the same bits; dropout differs from batch to batch', async () => {
    const source = (given: number, last = Number.POSITIVE_INFINITY) => ({
      next: async () => (given === last ? undefined : batchOf(0, [given++ % 4])),
      position: () => given,
    });
    const whole = await start({ drop: true });
    await train(whole, source(0), { steps: 4, accumulate: 3 });
    const first = await start({ drop: true });
    const positions: unknown[] = [];
    const save = async (_: string, { batches }: { batches: unknown }) => void positions.push(batches);
    await train(first, source(0), { steps: 2, accumulate: 3, checkpoint: { every: 1, save } });
    expect(positions).toEqual([3, 6]);
    const second = await start({ drop: true });
    for (const [name, tensor] of first.tensors) second.tensors.get(name)!.write(tensor.read());
    second.done = first.done;
    await train(second, source(6), { steps: 4, accumulate: 3 });
    expect(bits(second)).toEqual(bits(whole));
    // The same row three times: with one mask for all, their mean would be that of one.
    const calm = async (times: number) => {
      const step = await start({ drop: true });
      const { gradientNorm } = await step.run(new Array<StepInputs>(times).fill(batchOf(0, [0])));
      step.release();
      return gradientNorm;
    };
    expect(Math.abs((await calm(3)) / (await calm(1)) - 1)).toBeGreaterThan(1e-3);
    for (const step of [whole, first, second]) step.release();
  });

  test('where the data end, the last step has what there was', async () => {
    const step = await start();
    let given = 0;
    const source = { next: async () => (given === 5 ? undefined : batchOf(0, [given++ % 4])), position: () => given };
    expect(await train(step, source, { steps: 10, accumulate: 2 })).toBe('data');
    expect(step.done).toBe(3);
    await expect(train(step, source, { steps: 10, accumulate: 0 })).rejects.toThrow(
      'accumulate must be a whole number of at least 1; got 0.',
    );
    step.release();
  });
});
