import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { input, slice } from '@working-papers/graph';
import { architectureOf, checkConfig, denseAttention, weightSource } from '@working-papers/models';
import { fixtureTensors } from '@working-papers/models/testing';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, describe, expect, test } from 'vitest';
import { crossEntropy } from '../losses/cross-entropy.ts';
import { loadCheckpoint, saveCheckpoint } from '../node/checkpoint-file.ts';
import { adamW } from '../optimisers/adam.ts';
import { clipByGlobalNorm } from '../optimisers/clipping.ts';
import { chain, type Transformation } from '../optimisers/transformation.ts';
import { TrainingStep } from '../step/training-step.ts';
import { trainableWeights } from '../weights/trainable-weights.ts';
import { type BatchSource, type LoopPosition, type TrainingEvent, train } from './train.ts';

const runtime = createRuntime();
const folder = await mkdtemp(join(tmpdir(), 'training-'));
afterAll(async () => {
  runtime.close();
  await rm(folder, { recursive: true });
});

const read = (name: string) => JSON.parse(readFileSync(new URL(`../../fixtures/${name}`, import.meta.url), 'utf8'));
const stored = read('gradients-llama.json');
const config = checkConfig(stored.config, 'llama');
const tensors = fixtureTensors(stored.tensors);
const usual = chain(clipByGlobalNorm({ maxNorm: 1 }), adamW({ rate: 1e-2, b2: 0.95, weightDecay: 0.1 }));

/** A small Llama that learns the next of nine tokens. */
function newStep(optimiser: Transformation = usual): Promise<TrainingStep> {
  const weights = trainableWeights(weightSource(tensors, 'fp32'));
  const ids = input('ids', 'int64', [2, 9]);
  const { logits } = architectureOf(config).forward(config, weights, { ids }, { parts: { attention: denseAttention } });
  const loss = crossEntropy(slice(logits!, 1, 0, -1), slice(ids, 1, 1));
  return TrainingStep.compile(
    runtime,
    { loss, parameters: weights.parameters, optimiser },
    {
      initial: ({ name }) => {
        const bytes = tensors.get(name)!.bytesSync();
        return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
      },
    },
  );
}

/** The batches of fixtures/make-training.py, `count` of them. */
function source(count = 1000, from: unknown = { state: 7, given: 0 }): BatchSource {
  let { state, given } = from as { state: number; given: number };
  return {
    async next() {
      if (given === count) return undefined;
      given += 1;
      const data = BigInt64Array.from({ length: 18 }, () => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return BigInt(1 + ((state >>> 16) % 28));
      });
      return { ids: { dtype: 'int64', shape: [2, 9], data } };
    },
    position: () => ({ state, given }),
  };
}

const bits = (step: TrainingStep) =>
  [...step.tensors].map(([name, tensor]) => [
    name,
    Buffer.from((tensor.read() as Float32Array).buffer).toString('hex'),
  ]);
const collect = () => {
  const events: TrainingEvent[] = [];
  const of = <T extends TrainingEvent['type']>(type: T) =>
    events.filter((event): event is Extract<TrainingEvent, { type: T }> => event.type === type);
  return { of, onEvent: (event: TrainingEvent) => void events.push(event) };
};

test('twenty steps are those of PyTorch, loss and norm of the gradients', async () => {
  const step = await newStep();
  const { of, onEvent } = collect();
  expect(await train(step, source(), { steps: 20, onEvent, tokensOf: () => 18 })).toBe('done');
  const wanted = read('training-llama.json') as { loss: number; gradientNorm: number }[];
  expect(of('step')).toHaveLength(wanted.length);
  for (const [i, { loss, gradientNorm, tokensPerSecond }] of of('step').entries()) {
    expect(Math.abs(loss / wanted[i]!.loss - 1), `loss of step ${i + 1}`).toBeLessThan(1e-4);
    expect(Math.abs(gradientNorm / wanted[i]!.gradientNorm - 1), `norm of step ${i + 1}`).toBeLessThan(1e-3);
    expect(tokensPerSecond).toBeGreaterThan(0);
  }
  step.release();
});

describe('a training that goes on from a file', () => {
  test('has the same bits as one that was never ended, wherever it was', async () => {
    const whole = await newStep();
    await train(whole, source(), { steps: 7 });
    for (const until of [1, 3, 6]) {
      const path = join(folder, `${until}.safetensors`);
      const first = await newStep();
      const save = (kind: string, position: LoopPosition) =>
        kind === 'last' ? saveCheckpoint(path, first, { ...position }) : Promise.resolve();
      await train(first, source(), { steps: until, checkpoint: { every: 1, save } });
      first.release();
      const second = await newStep();
      const { batches } = (await loadCheckpoint(path, second)) as unknown as LoopPosition;
      expect(second.done).toBe(until);
      await train(second, source(1000, batches), { steps: 7 });
      expect(bits(second)).toEqual(bits(whole));
      second.release();
    }
    whole.release();
  });

  test('refuses what is no checkpoint, damaged, or of another training, and is left as it was', async () => {
    const step = await newStep();
    const before = bits(step);
    const path = join(folder, 'whole.safetensors');
    await saveCheckpoint(path, step, {});
    const bytes = await readFile(path);
    const refused = async (name: string, write: (path: string) => Promise<void>, sentence: RegExp) => {
      const spoilt = join(folder, `${name}.safetensors`);
      await writeFile(spoilt, bytes);
      await write(spoilt);
      await expect(loadCheckpoint(spoilt, step), name).rejects.toThrow(sentence);
      expect(bits(step)).toEqual(before);
    };
    await refused('text', (path) => writeFile(path, 'hello, world'), /./);
    await refused('cut', (path) => truncate(path, bytes.length - 100), /./);
    await refused(
      'format',
      (path) => writeFile(path, bytes.toString('latin1').replace('training 1', 'training 9'), 'latin1'),
      /is no checkpoint of a training/,
    );
    const plain = await newStep(adamW({ rate: 1e-2 }));
    await saveCheckpoint(join(folder, 'plain.safetensors'), plain);
    await expect(loadCheckpoint(join(folder, 'plain.safetensors'), step)).rejects.toThrow(/is of another training/);
    await expect(loadCheckpoint(join(folder, 'none.safetensors'), step)).rejects.toThrow(/none\.safetensors/);
    plain.release();
    step.release();
  });
});

describe('a training ends', () => {
  test('when a loss is no number, which is not kept', async () => {
    const step = await newStep(adamW({ rate: 1e30 }));
    const kept: number[] = [];
    const { of, onEvent } = collect();
    const checkpoint = { every: 1, save: async () => void kept.push(step.done) };
    expect(await train(step, source(), { steps: 50, onEvent, checkpoint })).toBe('diverged');
    expect(of('end')).toEqual([{ type: 'end', step: step.done, why: 'diverged' }]);
    expect(kept.at(-1)).toBe(step.done - 1);
    step.release();
  });

  test('when there are no more batches', async () => {
    const step = await newStep();
    expect(await train(step, source(3), { steps: 50 })).toBe('data');
    expect(step.done).toBe(3);
    step.release();
  });

  test('when it has not been better for a while, and keeps the best; a loop that goes on knows what that was', async () => {
    const step = await newStep();
    const values = [5, 3, 4, 4, 4, 1];
    const kept: [string, number, LoopPosition['best']][] = [];
    const options = {
      steps: 50,
      evaluation: { every: 2, measure: async () => ({ loss: values.shift()! }), patience: 3 },
      checkpoint: {
        every: 100,
        save: async (kind: string, { best }: LoopPosition) => void kept.push([kind, step.done, best]),
      },
    };
    expect(await train(step, source(), options)).toBe('patience');
    expect(kept).toEqual([
      ['best', 2, { value: 5, since: 0 }],
      ['best', 4, { value: 3, since: 0 }],
      ['last', 10, { value: 3, since: 3 }],
    ]);
    values.unshift(3.5);
    expect(await train(step, source(), { ...options, from: { best: { value: 3, since: 2 } } })).toBe('patience');
    expect(step.done).toBe(12);
    step.release();
  });

  test('when it is told to, with its state kept', async () => {
    const step = await newStep();
    const stop = new AbortController();
    const kept: number[] = [];
    const onEvent = (event: TrainingEvent) =>
      event.type === 'step' && event.step === 4 && stop.abort(new Error('enough'));
    const checkpoint = { every: 100, save: async () => void kept.push(step.done) };
    const options = { steps: 50, onEvent, signal: stop.signal, checkpoint };
    await expect(train(step, source(), options)).rejects.toThrow('enough');
    expect(kept).toEqual([4]);
    step.release();
  });

  test('not at all where its settings are none', async () => {
    const step = await newStep();
    await expect(train(step, source(), { steps: 0 })).rejects.toThrow(
      'steps must be a whole number of at least 1; got 0.',
    );
    await expect(step.run({})).rejects.toThrow("The batch lacks 'ids', which the loss reads.");
    step.release();
  });
});
