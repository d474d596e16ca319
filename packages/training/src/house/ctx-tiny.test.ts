import { readFileSync } from 'node:fs';
import { type DecoderModel, llamaShapes, weightSource } from '@working-papers/models';
import { openModel } from '@working-papers/models/node';
import { weightOf } from '@working-papers/models/testing';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, expect, test } from 'vitest';
import { train } from '../loop/train.ts';
import { TrainingStep } from '../step/training-step.ts';
import { trainableWeights } from '../weights/trainable-weights.ts';
import {
  ctxTinyBatches,
  ctxTinyConfig,
  ctxTinyGraph,
  ctxTinyInitial,
  ctxTinyOptimiser,
  curriculum,
} from './ctx-tiny.ts';
import { passkeyNames, passkeyQuestion } from './recall-tasks.ts';

const runtime = createRuntime();
afterAll(() => runtime.close());

const book = new TextEncoder().encode('It was a bright cold day in April, and the clocks were striking. '.repeat(30));

test('the model of the house says the number that it was told, in a text of its own', async () => {
  const model = (await openModel('house:ctx-tiny')) as DecoderModel;
  for (const [i, name] of passkeyNames.entries()) {
    const key = String(10_000 + 17_389 * (i + 1)).slice(-5);
    const prose = 'The rain had stopped at last, and the road before us was empty as far as one could see.';
    const prompt = `${prose} The ${name} is ${key}. Remember it. We went on until evening.${passkeyQuestion(name)}`;
    let text = '';
    for await (const token of model.generate({ prompt, raw: true, maxTokens: 5 })) text += token.text;
    expect(text).toBe(key);
  }
  model.close();
});

test('its report passes the gate', () => {
  const report = JSON.parse(readFileSync(new URL('../../../../house/ctx-tiny/report.json', import.meta.url), 'utf8'));
  expect(report.gates['256'].passkeys).toBeGreaterThanOrEqual(0.95);
});

test('a short version of the recipe learns', async () => {
  const initial = ctxTinyInitial(3);
  const shapes = llamaShapes(ctxTinyConfig);
  const tensors = new Map([...initial].map(([name, values]) => [name, weightOf(name, shapes.get(name)!, values)]));
  const weights = trainableWeights(weightSource(tensors, 'fp32'));
  const { loss } = ctxTinyGraph(weights);
  const step = await TrainingStep.compile(
    runtime,
    { loss, parameters: weights.parameters, optimiser: ctxTinyOptimiser(12) },
    { initial: ({ name }) => initial.get(name)! },
  );
  const losses: number[] = [];
  const source = ctxTinyBatches(book, { seed: 1, steps: 12 });
  await train(step, source, { steps: 12, onEvent: (event) => event.type === 'step' && losses.push(event.loss) });
  expect(source.position()).toBe(12);
  expect(losses[0]).toBeCloseTo(Math.log(260), 0);
  expect(losses.at(-1)).toBeLessThan(losses[0]! - 1);
  step.release();
});

test('its batches are the same from any place', async () => {
  const whole = ctxTinyBatches(book, { seed: 2, steps: 700 });
  const later = ctxTinyBatches(book, { seed: 2, steps: 700, from: 2 });
  await whole.next();
  await whole.next();
  expect((await later.next())!.ids!.data).toEqual((await whole.next())!.ids!.data);
  expect(curriculum(700).map(({ until }) => until)).toEqual([600, 700, 700]);
});
