import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openModel } from '@working-papers/models/node';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, describe, expect, test } from 'vitest';
import { fineTune } from '../node/tasks/fine-tune.ts';
import { openForTraining } from '../node/tasks/open-for-training.ts';
import { smallBert, smallLlama, topicRows } from '../testing/small-models.ts';
import { classificationTask } from './classification.ts';
import { type TaskEvent, Training } from './training.ts';

const runtime = createRuntime();
const folder = await mkdtemp(join(tmpdir(), 'classification-'));
afterAll(async () => {
  runtime.close();
  await rm(folder, { recursive: true });
});

const data = topicRows(192);
const unseen = topicRows(96, 2);
const settings = { epochs: 5, rate: 2e-3, runtime };

test('separable texts are told apart, those too that were not learnt from, and the saved model says so', async () => {
  const task = await classificationTask(smallBert(), data, { evaluation: unseen, batch: 16 });
  expect(task.labels).toEqual(['blue', 'green', 'red']);
  const fresh = await Training.compile(runtime, task, settings);
  expect(fresh.settings).toMatchObject({ steps: 60, stepsPerEpoch: 12, evaluateEvery: 12, warmUp: 4 });
  const before = await fresh.evaluate();
  fresh.release();
  expect(before.loss).toBeGreaterThan(0.8);
  expect(before.accuracy).toBeLessThan(0.7);

  const out = join(folder, 'topics');
  const events: TaskEvent[] = [];
  const tuned = await fineTune(task, { ...settings, out, onEvent: (event) => events.push(event) });
  expect(tuned).toMatchObject({ out, end: 'done', steps: 60 });
  expect(tuned.evaluation!.loss).toBeLessThan(0.3);
  expect(tuned.evaluation!.accuracy).toBeGreaterThan(0.93);
  const steps = events.filter((event) => event.type === 'step');
  expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
  expect(steps[4]!.rate).toBe(2e-3);
  expect(events.filter(({ type }) => type === 'evaluation')).toHaveLength(5);

  const model = await openModel(out, { runtime });
  if (model.kind !== 'encoder') throw new Error('It is no encoder any more.');
  const answers = await model.classify(
    unseen.map(({ text }) => text),
    { topK: 1 },
  );
  const right = answers.filter(([best], row) => best!.label === unseen[row]!.label).length;
  expect(right / unseen.length).toBeCloseTo(tuned.evaluation!.accuracy!, 6);
  const losses = await model.classify(unseen.map(({ text }) => text));
  const mean = losses.reduce(
    (sum, scores, row) => sum - Math.log(scores.find(({ label }) => label === unseen[row]!.label)!.score),
    0,
  );
  expect(mean / unseen.length).toBeCloseTo(tuned.evaluation!.loss!, 4);
  model.close();
});

test('a model that classifies already keeps its head for labels that it knows, and gets a new one for others', async () => {
  const own = await openForTraining(join(folder, 'topics'));
  const again = await classificationTask(
    own,
    data.slice(0, 32).filter(({ label }) => label !== 'red'),
    { batch: 8 },
  );
  expect(again.labels).toEqual(['blue', 'green', 'red']);
  expect(again.model.fresh).toBeUndefined();
  const first = (await (await Training.compile(runtime, again, { steps: 1 })).step.run((await next(again))!)).loss;
  expect(first).toBeLessThan(0.3);
  const numbers = data.map(({ text, label }) => ({ text, label: again.labels!.indexOf(label) }));
  expect((await classificationTask(own, numbers)).model.fresh).toBeUndefined();
  const other = await classificationTask(
    own,
    data.map(({ text, label }) => ({ text, label: label === 'red' ? 'warm' : 'cold' })),
  );
  expect(other.labels).toEqual(['cold', 'warm']);
  const byNumber = await classificationTask(
    smallBert(),
    data.map(({ text, label }) => ({ text, label: label === 'red' ? 1 : 0 })),
  );
  expect(byNumber.labels).toEqual(['LABEL_0', 'LABEL_1']);
  expect([...other.model.fresh!].sort()).toEqual(['classifier.bias', 'classifier.weight']);
});

const next = async (task: Awaited<ReturnType<typeof classificationTask>>) =>
  (await task.batches(0).from().next()).value;

describe('sentences', () => {
  const refused = (rows: object[], sentence: RegExp | string, options = {}) =>
    expect(classificationTask(smallBert(), rows as Record<string, unknown>[], options)).rejects.toThrow(sentence);

  test('for models and rows that are no classifier’s', async () => {
    await expect(classificationTask(smallLlama(), data)).rejects.toThrow(
      "small-llama is of the type 'llama'; what classifies texts here is an encoder (BERT and its kin). Take one of those.",
    );
    await refused(
      data.slice(0, 3),
      'There are 3 rows to learn from, and a batch has 16. Give more rows, or batches of at most 3.',
      {
        batch: 16,
      },
    );
    await refused([{ text: 'w1', topic: 'red' }], 'row 1: the field "label" is missing; there are "text", "topic".');
    await refused([{ text: 'w1', label: 'red' }], 'A classifier tells at least 2 labels apart; there is only "red".');
    await refused(data, 'Sequences of 65 tokens are longer than the 64 positions of small-bert. Take at most 64.', {
      length: 65,
    });
    const task = await classificationTask(smallBert(), data, { labels: ['red', 'green'], batch: 16 });
    await expect(next(task)).rejects.toThrow(/^row \d+: the label "blue" is none of red, green\. Name every label/);
  });

  test('for folders and settings', async () => {
    const task = await classificationTask(smallBert(), data, { batch: 16 });
    await expect(fineTune(task, { ...settings, out: join(folder, 'topics') })).rejects.toThrow(
      /topics holds a training already\. Go on with it \(resume\), or give another place\.$/,
    );
    await expect(fineTune(task, { ...settings, out: folder })).rejects.toThrow(/is there already and not empty/);
    await expect(fineTune(task, { ...settings, out: join(folder, 'none'), resume: true })).rejects.toThrow(
      /There is no training in .*none to go on with/,
    );
    await expect(fineTune(task, { ...settings, out: join(folder, 'a'), patience: 2 })).rejects.toThrow(
      /There are no rows to evaluate on, which patience is about/,
    );
    await expect(fineTune(task, { ...settings, out: join(folder, 'b'), rate: 1e30, clip: 1e30 })).rejects.toThrow(
      /is no number at step \d+: the training has diverged\. Train with a lower rate \(it was 1e\+30\)/,
    );
  });
});
