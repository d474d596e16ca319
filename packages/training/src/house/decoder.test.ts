import { checkConfig, llamaShapes } from '@working-papers/models';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, expect, test } from 'vitest';
import type { TrainingStep } from '../step/training-step.ts';
import { type DecoderRecipe, decoderInitial, gateTexts, lookAtDecoder, stretchesOf, trainDecoder } from './decoder.ts';
import { answersRight, bytesOf } from './recall-tasks.ts';
import { context, pieces, serve10m, specials } from './serve-10m.ts';

const runtime = createRuntime({ threads: 1 });
afterAll(() => runtime.close());
const material = bytesOf(
  new TextEncoder().encode('It was a bright cold day in April, and the clocks were striking. '.repeat(30)),
);

/** The recipe of serve-10m over a model of two narrow layers and fewer rows. */
const short: DecoderRecipe = {
  config: checkConfig(
    {
      ...serve10m.config,
      hidden_size: 32,
      intermediate_size: 64,
      num_hidden_layers: 2,
      vocab_size: 256 + specials.length,
    },
    'short',
  ),
  rate: 0.01,
  curriculum: (steps) => serve10m.curriculum(steps).map((phase) => ({ ...phase, rows: phase.rows / 4 })),
};

test('serve-10m has 9.9 million parameters and sees as many tokens in each step', () => {
  const counts = [...llamaShapes(serve10m.config).values()].map((shape) => shape.reduce((a, b) => a * b, 1));
  expect(counts.reduce((a, b) => a + b)).toBe(9_902_336);
  const phases = serve10m.curriculum(1800);
  expect(phases.map(({ rows, length }) => rows * length)).toEqual([2048, 2048, 2048, 2048]);
  expect([phases.at(-1)!.length, phases.at(-1)!.until]).toEqual([context, 1800]);
  expect(serve10m.config.eos_token_id).toBe(pieces - specials.length);
});

test('a short version of its recipe learns, through all phases', async () => {
  const losses: number[] = [];
  const saved: number[] = [];
  const { end, weights } = await trainDecoder(runtime, short, {
    material,
    seed: 1,
    steps: 40,
    checkpoint: { every: 100, save: async ({ done }) => void saved.push(done) },
    onEvent: (event) => event.type === 'step' && losses.push(event.loss),
  });
  expect(end).toBe('done');
  expect(losses).toHaveLength(40);
  expect(saved).toEqual([16, 22, 27, 40]);
  expect(losses[0]).toBeCloseTo(Math.log(258), 0);
  const look = await lookAtDecoder(runtime, short.config, () => (name) => weights.get(name)!);
  expect(await look.nats(stretchesOf(material, 64))).toBeLessThan(losses[0]! - 1.5);
  look.release();
});

test('a training that ended goes on to the same bits, from the end of a phase and from within one', async () => {
  const kept = new Map<number, Map<string, Float32Array>>();
  const options = { material, seed: 5, steps: 12 };
  const keep = async (step: TrainingStep) => {
    kept.set(step.done, new Map([...step.tensors].map(([name, tensor]) => [name, tensor.read() as Float32Array])));
  };
  const whole = await trainDecoder(runtime, short, { ...options, checkpoint: { every: 3, save: keep } });
  // Phases end at 5, 7, 8 and 12.
  expect([...kept.keys()]).toEqual([3, 5, 6, 7, 8, 9, 12]);
  for (const done of [3, 5, 9]) {
    const again = await trainDecoder(runtime, short, {
      ...options,
      load: async (step) => {
        for (const [name, tensor] of step.tensors) tensor.write(kept.get(done)!.get(name)!);
        step.done = done;
      },
    });
    expect(again.weights).toEqual(whole.weights);
  }
});

test('what is said of texts does not depend on how many are looked at together', async () => {
  const values = decoderInitial(short, 2);
  const texts = stretchesOf(material, 64).slice(0, 3);
  const said: number[] = [];
  for (const rows of [1, 2, 4]) {
    const look = await lookAtDecoder(runtime, short.config, () => (name) => values.get(name)!, rows);
    said.push(await look.nats(texts));
    expect(await look.recall(gateTexts(material, { seed: 1, length: 120, count: 5 }))).toBe(0);
    look.release();
  }
  expect(said[0]).toBeCloseTo(Math.log(258), 1);
  expect(said[1]).toBeCloseTo(said[0]!, 5);
  expect(said[2]).toBeCloseTo(said[0]!, 5);
});

test('an answer is right when every digit is said after those before it', () => {
  const [text] = gateTexts(material, { seed: 1, length: 120, count: 1 });
  const next = BigInt64Array.from([...text!.ids.subarray(1), 0], BigInt);
  expect(answersRight(text!, next)).toBe(true);
  next[text!.weights.lastIndexOf(10) - 1]! += 1n;
  expect(answersRight(text!, next)).toBe(false);
  next.set(BigInt64Array.from([...text!.ids.subarray(1), 0], BigInt));
  next[0]! += 1n;
  expect(answersRight(text!, next)).toBe(true);
});
