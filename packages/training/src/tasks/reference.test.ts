/** Ten steps of a task against PyTorch's (fixtures/make-tasks.py). */
import { readFileSync } from 'node:fs';
import { checkConfig } from '@working-papers/models';
import { type DescribedTensor, fixtureTensors } from '@working-papers/models/testing';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, expect, test } from 'vitest';
import { listed } from '../data/stages.ts';
import { collected } from '../data/stream.ts';
import type { StepInputs } from '../step/batch-calls.ts';
import { smallBert } from '../testing/small-models.ts';
import { classificationTask } from './classification.ts';
import { distillationTask } from './distillation.ts';
import type { Task } from './task.ts';
import type { TrainableModel } from './trainable-model.ts';
import { type TaskEvent, Training } from './training.ts';

interface Said {
  loss: number;
  gradientNorm: number;
  accuracy: number;
}
interface Fixture {
  student: { config: unknown; tensors: DescribedTensor[] };
  teacher: { config: unknown; tensors: DescribedTensor[] };
  batches: { words: number[][]; labels: number[] }[];
  rate: number;
  temperature: number;
  share: number;
  classification: Said[];
  distillation: Said[];
}

const stored = JSON.parse(readFileSync(new URL('../../fixtures/tasks.json', import.meta.url), 'utf8')) as Fixture;
const runtime = createRuntime();
afterAll(() => runtime.close());

const modelOf = (name: 'student' | 'teacher'): TrainableModel => ({
  ...smallBert(),
  reference: name,
  config: checkConfig(stored[name].config, name),
  tensors: fixtureTensors(stored[name].tensors),
});
const labels = ['LABEL_0', 'LABEL_1', 'LABEL_2'];

/** The task of all rows, with their batches as the script has them. */
async function ofBatches(make: (rows: { text: string; label: number }[]) => Promise<Task>): Promise<Task> {
  const rows = stored.batches.map(({ words, labels }) =>
    words.map((row, index) => ({ text: row.map((word) => `w${word}`).join(' '), label: labels[index]! })),
  );
  const batches: StepInputs[] = [];
  for (const own of rows) batches.push(...(await collected((await make(own)).batches(0))));
  return { ...(await make(rows.flat())), batches: () => listed(batches) };
}

const classification = () =>
  ofBatches((rows) => classificationTask(modelOf('student'), rows, { batch: Math.min(4, rows.length), labels }));

async function steps(task: Task): Promise<Said[]> {
  const settings = { epochs: 1, rate: stored.rate, warmUp: 2, weightDecay: 0.1, clip: 1 };
  const training = await Training.compile(runtime, task, settings);
  const events: TaskEvent[] = [];
  await training.run({ onEvent: (event) => events.push(event) });
  training.release();
  return events.flatMap((event) =>
    event.type === 'step' ? [{ ...event, accuracy: event.metrics.accuracy! } as Said] : [],
  );
}

function expectSame(own: Said[], wanted: Said[]) {
  expect(own).toHaveLength(10);
  for (const [i, { loss, gradientNorm, accuracy }] of wanted.entries()) {
    expect(Math.abs(own[i]!.loss / loss - 1), `loss of step ${i + 1}`).toBeLessThan(1e-4);
    expect(Math.abs(own[i]!.gradientNorm / gradientNorm - 1), `norm of step ${i + 1}`).toBeLessThan(2e-3);
    expect(own[i]!.accuracy, `accuracy of step ${i + 1}`).toBeCloseTo(accuracy, 6);
  }
}

test('classification: losses, norms and accuracies are those of PyTorch', async () => {
  expectSame(await steps(await classification()), stored.classification);
});

test('distillation: losses, norms and accuracies are those of PyTorch', async () => {
  const { temperature, share } = stored;
  const task = distillationTask(await classification(), modelOf('teacher'), { temperature, share });
  expectSame(await steps(task), stored.distillation);
});
