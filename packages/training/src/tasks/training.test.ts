/** Settings of a training: rows of a step, what is dropped, what is computed again. */
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, expect, test } from 'vitest';
import { smallBert, topicRows } from '../testing/small-models.ts';
import { classificationTask } from './classification.ts';
import type { TrainingSettings } from './settings.ts';
import { Training } from './training.ts';

const runtime = createRuntime();
afterAll(() => runtime.close());

/** Losses of the steps, and the evaluation before and after them. */
async function course(batch: number, settings: TrainingSettings) {
  const rows = topicRows(32);
  const task = await classificationTask(smallBert(), rows, { batch, evaluation: topicRows(16, 2) });
  const training = await Training.compile(runtime, task, { epochs: 2, warmUp: 0, rate: 1e-3, ...settings });
  const before = (await training.evaluate()).loss!;
  const losses: number[] = [];
  await training.run({ onEvent: (event) => event.type === 'step' && losses.push(event.loss) });
  const after = (await training.evaluate()).loss!;
  training.release();
  return { before, losses, after };
}

test('a step of several batches is one of all their rows', async () => {
  const [one, several] = [await course(32, {}), await course(8, { accumulate: 4 })];
  expect(several.losses).toHaveLength(2);
  for (const [index, loss] of one.losses.entries()) expect(several.losses[index]).toBeCloseTo(loss, 4);
  expect(several.after).toBeCloseTo(one.after, 4);
});

test('blocks that are computed again change nothing', async () => {
  const [kept, again] = [await course(16, {}), await course(16, { recompute: true })];
  for (const [index, loss] of kept.losses.entries()) expect(again.losses[index]).toBeCloseTo(loss, 5);
});

test('dropout is of training alone, and follows from the seed', async () => {
  const plain = await course(16, {});
  const seeds = [1, 1, 2].map((seed) => course(16, { dropout: 0.2, seed }));
  const [first, same, other] = await Promise.all(seeds);
  expect(first!.before).toBe(plain.before);
  expect(Math.abs(first!.losses[0]! - plain.losses[0]!)).toBeGreaterThan(1e-4);
  expect(same).toEqual(first);
  expect(other!.losses[0]).not.toBe(first!.losses[0]);
  await expect(course(16, { dropout: 1 })).rejects.toThrow('dropout must be at least 0 and below 1; got 1.');
});
