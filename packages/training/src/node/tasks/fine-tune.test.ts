/** A training that is ended and goes on is the one that never was ended. */
import { appendFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, describe, expect, test } from 'vitest';
import { causalTask } from '../../tasks/causal.ts';
import { classificationTask } from '../../tasks/classification.ts';
import { maskedTask } from '../../tasks/masked.ts';
import type { Task } from '../../tasks/task.ts';
import type { TaskEvent } from '../../tasks/training.ts';
import { circleRows, smallBert, smallLlama, topicRows } from '../../testing/small-models.ts';
import { type FineTuneOptions, fineTune } from './fine-tune.ts';
import { readLog } from './training-log.ts';

const runtime = createRuntime();
const folder = await mkdtemp(join(tmpdir(), 'fine-tune-'));
afterAll(async () => {
  runtime.close();
  await rm(folder, { recursive: true });
});

const weightsIn = (out: string) => readFile(join(out, 'model.safetensors'));

/** Trains until a step is done, and is told to end there. */
async function until(step: number, task: Task, options: FineTuneOptions): Promise<void> {
  const stop = new AbortController();
  const onEvent = (event: TaskEvent) => event.type === 'step' && event.step === step && stop.abort(new Error('enough'));
  await expect(fineTune(task, { ...options, signal: stop.signal, onEvent })).rejects.toThrow('enough');
}

const cases: [string, () => Promise<Task>, Omit<FineTuneOptions, 'out'>][] = [
  [
    'classification in steps of two batches with dropout and recomputed blocks, measured every 3 steps',
    () => classificationTask(smallBert(), topicRows(64), { evaluation: topicRows(16, 2), batch: 4, seed: 5 }),
    {
      ...{ epochs: 1, rate: 2e-3, evaluateEvery: 3, patience: 3, checkpointEvery: 4 },
      ...{ accumulate: 2, dropout: 'config', recompute: true },
    },
  ],
  [
    'masked tokens, which each epoch masks anew',
    () => maskedTask(smallBert(), circleRows(24), { batch: 8, seed: 5 }),
    { epochs: 3, rate: 2e-3, checkpointEvery: 100 },
  ],
  [
    'a LoRA on running text, as often as the steps need',
    () => causalTask(smallLlama(), circleRows(6, { words: 40 }), { length: 16, batch: 4, seed: 5 }),
    { steps: 9, rate: 2e-2, trains: { lora: { r: 2, dropout: 0.1 } }, checkpointEvery: 5 },
  ],
];

describe.each(cases)('%s', (name, make, settings) => {
  test('has the same weights, bit for bit, wherever it was ended', async () => {
    const whole = join(folder, `${name}-whole`);
    const end = await fineTune(await make(), { ...settings, runtime, out: whole });
    for (const stops of [[4], [2, 6, 7]]) {
      const out = join(folder, `${name}-${stops.join('-')}`);
      const task = await make();
      for (const [index, step] of stops.entries())
        await until(step, task, { ...settings, runtime, out, resume: index > 0 });
      const again = await fineTune(await make(), { ...settings, runtime, out, resume: true });
      expect(again).toEqual({ ...end, out });
      expect((await weightsIn(out)).equals(await weightsIn(whole))).toBe(true);
      const steps = (of: string) =>
        readLog(join(of, 'training.jsonl')).map((event) => [event.type, event.step, 'loss' in event ? event.loss : '']);
      expect(steps(out)).toEqual(steps(whole));
    }
  });
});

test('the best weights are saved, not the last, where it gets no better', async () => {
  const others = topicRows(32, 2).map(({ text, label }) => ({ text, label: label === 'red' ? 'blue' : 'red' }));
  const task = await classificationTask(smallBert(), topicRows(64), { batch: 16, evaluation: others });
  const events: TaskEvent[] = [];
  const settings = { epochs: 20, rate: 2e-3, evaluateEvery: 4, patience: 3, runtime };
  const tuned = await fineTune(task, {
    ...settings,
    out: join(folder, 'best'),
    onEvent: (event) => events.push(event),
  });
  const measured = events.filter((event) => event.type === 'evaluation');
  const best = measured.findLast((event) => event.best)!;
  expect(tuned.end).toBe('patience');
  expect(measured.at(-1)!.step - best.step).toBe(12);
  expect(tuned.evaluation).toEqual(best.values);
  expect(best.values.loss).toBe(Math.min(...measured.map(({ values }) => values.loss!)));
});

describe('a folder', () => {
  const make = () => classificationTask(smallBert(), topicRows(48), { batch: 16 });
  const settings = { epochs: 2, rate: 1e-3, checkpointEvery: 2, runtime };

  test('goes on from its last checkpoint whatever a killed process left half', async () => {
    const whole = join(folder, 'whole');
    await fineTune(await make(), { ...settings, out: whole });
    const out = join(folder, 'killed');
    await until(3, await make(), { ...settings, out });
    appendFileSync(join(out, 'training.jsonl'), '{"type":"step","step":4,"lo');
    await writeFile(join(out, 'checkpoints', 'last.safetensors.99.part'), 'half');
    const started: number[] = [];
    await fineTune(await make(), { ...settings, out, resume: true, onStart: (_, from) => started.push(from) });
    expect(started).toEqual([3]);
    expect((await weightsIn(out)).equals(await weightsIn(whole))).toBe(true);
    expect((await readdir(join(out, 'checkpoints'))).sort()).toEqual(['last.safetensors']);
    expect(readLog(join(out, 'training.jsonl')).map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 6]);
    // Once more when all is done: the same model again.
    await fineTune(await make(), { ...settings, out, resume: true });
    expect((await weightsIn(out)).equals(await weightsIn(whole))).toBe(true);
  });

  test('begins anew where it was killed before its first checkpoint', async () => {
    const out = join(folder, 'early');
    await until(1, await make(), { ...settings, out });
    await rm(join(out, 'checkpoints', 'last.safetensors'));
    await fineTune(await make(), { ...settings, out, resume: true });
    expect((await weightsIn(out)).equals(await weightsIn(join(folder, 'whole')))).toBe(true);
  });

  test('is held to the settings that it began with', async () => {
    const out = join(folder, 'other');
    await until(1, await make(), { ...settings, out });
    await expect(fineTune(await make(), { ...settings, rate: 2e-3, out, resume: true })).rejects.toThrow(
      /began with other settings: rate was 0\.001, and is 0\.002\. Go on with what it began with\.$/,
    );
    const fewer = await classificationTask(smallBert(), topicRows(32), { batch: 16 });
    await expect(fineTune(fewer, { ...settings, out, resume: true })).rejects.toThrow(/rows was 48, and is 32/);
  });
});
