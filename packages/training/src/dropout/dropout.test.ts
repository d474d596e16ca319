import { readFileSync } from 'node:fs';
import { dropout, input, mul, reduceMean, reduceSum, slice } from '@working-papers/graph';
import {
  architectureOf,
  checkConfig,
  denseAttention,
  denseEncoderAttention,
  type ForwardTensors,
  type Tap,
  weightSource,
} from '@working-papers/models';
import { type DescribedTensor, fixtureTensors } from '@working-papers/models/testing';
import type { HostTensor } from '@working-papers/runtime';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, describe, expect, test } from 'vitest';
import { crossEntropy } from '../losses/cross-entropy.ts';
import { adamW } from '../optimisers/adam.ts';
import { sgd } from '../optimisers/sgd.ts';
import { blockSegments, collectActivations } from '../step/segments.ts';
import { StepRandom } from '../step/step-random.ts';
import { TrainingStep } from '../step/training-step.ts';
import { trainableWeights } from '../weights/trainable-weights.ts';
import { dropoutRates } from './dropout-rates.ts';
import { dropoutTap, rateAt } from './dropout-tap.ts';

const runtime = createRuntime();
afterAll(() => runtime.close());

interface Stored {
  shape: number[];
  data: string;
}
const read = (name: string) => JSON.parse(readFileSync(new URL(`../../fixtures/${name}`, import.meta.url), 'utf8'));
const floats = ({ data }: Stored) => new Float32Array(Uint8Array.from(Buffer.from(data, 'base64')).buffer);

describe('the places where models drop are those of transformers', () => {
  const cases: [
    string,
    { config: object; tensors: DescribedTensor[]; inputs: Record<string, unknown>; logits: Stored },
  ][] = Object.entries(read('dropout-places.json'));

  test.each(cases)('%s', async (name, fixture) => {
    const config = checkConfig(fixture.config, name);
    const architecture = architectureOf(config);
    const given: Record<string, ReturnType<typeof input>> = {};
    const fed: Record<string, HostTensor> = {};
    for (const [key, value] of Object.entries(fixture.inputs)) {
      const [dtype, shape, data] =
        key === 'pixels'
          ? (['float32', (value as Stored).shape, floats(value as Stored)] as const)
          : (['int64', [2, 7], BigInt64Array.from((value as number[][]).flat(), BigInt)] as const);
      given[key] = input(key, dtype, shape);
      fed[key] = { dtype, shape, data };
    }
    const rates = dropoutRates(config);
    // As the script has it: 1 - p / 2 in place of chance.
    const tap: Tap = (activation, tensor) => {
      const rate = rateAt(rates, activation);
      return rate === 0 ? undefined : mul(tensor, 1 - rate / 2);
    };
    const parts = /^(decoder|seq2seq)$/.test(architecture.kind) ? {} : { attention: denseEncoderAttention };
    const weights = weightSource(fixtureTensors(fixture.tensors), 'fp32');
    const { logits } = architecture.forward(config, weights, given as ForwardTensors, { tap, parts });
    const last = name === 'vit' ? logits! : slice(logits!, 1, -1);
    const program = await runtime.compile({ last });
    const { last: found } = await program.run(fed);
    program.release();
    const wanted = floats(fixture.logits);
    expect(found!.data.length).toBe(wanted.length);
    for (const [i, value] of wanted.entries()) expect(Number(found!.data[i])).toBeCloseTo(value, 4);
  });

  test('a type whose places are not known is named, and so is a rate that is none', () => {
    const config = (more: object) => checkConfig({ ...read('dropout-places.json').llama.config, ...more }, 'this');
    expect(() => dropoutRates({ ...config({}), model_type: 'albert' })).toThrow(
      "Where models of type 'albert' drop is not known",
    );
    expect(() => dropoutRates(config({ attention_dropout: 1 }))).toThrow(
      'attention_dropout of the configuration is 1; it must be a number from 0 to below 1.',
    );
    expect(dropoutRates(config({ attention_dropout: 0 }))).toEqual({});
  });
});

describe('dropout in a step', () => {
  const stored = read('gradients-gpt2.json');
  const config = checkConfig({ ...stored.config, embd_pdrop: 0.1, attn_pdrop: 0.2, resid_pdrop: 0.1 }, 'gpt2');
  const tensors = fixtureTensors(stored.tensors as DescribedTensor[]);
  const ids = input('ids', 'int64', [2, 9]);

  function newStep({ seed = 3, recompute = false, train = true } = {}): Promise<TrainingStep> {
    const weights = trainableWeights(weightSource(tensors, 'fp32'));
    const random = new StepRandom(seed);
    const { tap, activations } = collectActivations(train ? { change: dropoutTap(random, dropoutRates(config)) } : {});
    const forward = { tap, parts: { attention: denseAttention } };
    const { logits } = architectureOf(config).forward(config, weights, { ids }, forward);
    const loss = crossEntropy(slice(logits!, 1, 0, -1), slice(ids, 1, 1));
    return TrainingStep.compile(
      runtime,
      {
        loss,
        parameters: weights.parameters,
        optimiser: adamW({ rate: 1e-3 }),
        random,
        ...(recompute ? { recompute: blockSegments(activations) } : {}),
      },
      {
        initial: ({ name }) => {
          const bytes = tensors.get(name)!.bytesSync();
          return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
        },
      },
    );
  }
  const batch = (step: number) => {
    const data = BigInt64Array.from({ length: 18 }, (_, i) => BigInt(1 + ((i * 11 + step * 5) % 28)));
    return { ids: { dtype: 'int64' as const, shape: [2, 9], data } };
  };
  const go = async (step: TrainingStep, until: number) => {
    const losses: number[] = [];
    while (step.done < until) losses.push((await step.run(batch(step.done))).loss);
    return losses;
  };
  const bits = (step: TrainingStep) =>
    [...step.tensors].map(([name, tensor]) => [
      name,
      Buffer.from((tensor.read() as Float32Array).buffer).toString('hex'),
    ]);

  test('a training that goes on in another session draws the same and ends with the same bits', async () => {
    const whole = await newStep();
    await go(whole, 5);
    const first = await newStep();
    await go(first, 2);
    const kept = [...first.tensors].map(([name, tensor]) => [name, tensor.read()] as const);
    first.release();
    const second = await newStep();
    for (const [name, data] of kept) second.tensors.get(name)!.write(data);
    second.done = 2;
    await go(second, 5);
    expect(bits(second)).toEqual(bits(whole));
    whole.release();
    second.release();
  });

  test('steps and seeds draw anew; without the tap nothing is drawn', async () => {
    const same = { ids: batch(0).ids };
    const lossesOf = async (options: Parameters<typeof newStep>[0], steps: number[]) => {
      const step = await newStep(options);
      const before = [...step.tensors].map(([name, tensor]) => [name, tensor.read()] as const);
      const losses = [];
      for (const done of steps) {
        for (const [name, data] of before) step.tensors.get(name)!.write(data);
        step.done = done;
        losses.push((await step.run(same)).loss);
      }
      step.release();
      return losses;
    };
    const [one, again, two] = await lossesOf({}, [0, 0, 1]);
    expect(again).toBe(one);
    expect(two).not.toBe(one);
    expect((await lossesOf({ seed: 4 }, [0]))[0]).not.toBe(one);
    const [calm, calmer] = await lossesOf({ train: false }, [0, 1]);
    expect(calmer).toBe(calm);
  });

  test('the backward pass has the masks of the forward one, where blocks are computed again too', async () => {
    const [kept, again] = [await newStep(), await newStep({ recompute: true })];
    const [before, after] = [await go(kept, 6), await go(again, 6)];
    for (const [i, loss] of before.entries()) expect(Math.abs(after[i]! / loss - 1), `step ${i}`).toBeLessThan(1e-5);
    kept.release();
    again.release();
  });

  test('names have masks of their own, and the mean over many steps is what it would be without', async () => {
    const random = new StepRandom(11);
    const x = input('x', 'float32', [40, 50]);
    const w = input('weight.w', 'float32', []);
    const masked = ['a', 'b'].map((name) => dropout(x, 0.5, random.key(name)));
    const step = await TrainingStep.compile(
      runtime,
      {
        loss: mul(reduceMean(masked[0]!), w),
        metrics: { both: reduceMean(mul(masked[0]!, masked[1]!)), sum: reduceSum(masked[1]!) },
        parameters: [{ name: 'w', shape: [], tensor: w }],
        optimiser: sgd({ rate: 0 }),
        random,
      },
      { initial: () => Float32Array.of(1) },
    );
    const [steps, n] = [100, 2000];
    const ones = { x: { dtype: 'float32' as const, shape: [40, 50], data: new Float32Array(n).fill(1) } };
    let [loss, both] = [0, 0];
    const sums = new Set<number>();
    for (let i = 0; i < steps; i++) {
      const result = await step.run(ones);
      loss += result.loss / steps;
      both += result.metrics.both! / steps;
      sums.add(result.metrics.sum!);
    }
    step.release();
    // Elements are 0 or 2: mean 1 with deviation 1; products of two are 0 or 4: mean 1 with deviation sqrt 3, if the two know nothing of each other.
    expect(Math.abs(loss - 1)).toBeLessThan(4 / Math.sqrt(n * steps));
    expect(Math.abs(both - 1)).toBeLessThan((4 * Math.sqrt(3)) / Math.sqrt(n * steps));
    expect(sums.size).toBeGreaterThan(steps / 2);
  });
});

test('a step that is not told where its keys come from says so', async () => {
  const w = input('weight.w', 'float32', [4]);
  const loss = reduceSum(dropout(w, 0.5, new StepRandom(1).key('w')));
  const graph = { loss, parameters: [{ name: 'w', shape: [4], tensor: w }], optimiser: sgd({ rate: 1 }) };
  await expect(TrainingStep.compile(runtime, graph, { initial: () => new Float32Array(4) })).rejects.toThrow(
    "give its StepRandom as the step's `random`",
  );
});

describe('StepRandom', () => {
  test('has a key of at most 62 bits for each name, step and batch', () => {
    const random = new StepRandom(1);
    for (const name of ['a', 'b', 'c']) random.key(name);
    const all = [0, 1, 2].flatMap((step) => [0, 1].flatMap((batch) => [...random.keysAt(step, batch)]));
    expect(new Set(all).size).toBe(18);
    for (const key of all) expect(key >= 0n && key < 2n ** 62n).toBe(true);
    expect(random.keysAt(2, 1)).toEqual(random.keysAt(2, 1));
  });

  test('gives a name one key, and takes whole seeds', () => {
    const random = new StepRandom(1);
    random.key('a');
    expect(() => random.key('a')).toThrow('Two draws of a step have the name "a"; each needs its own.');
    expect(() => new StepRandom(0.5)).toThrow('must be a whole number');
  });
});
