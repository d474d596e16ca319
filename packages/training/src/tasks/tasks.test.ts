/** Each task learns what a small model can learn, and what is saved says what the evaluation said. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { operationsBefore } from '@working-papers/graph';
import { type EncoderModel, type ModelKind, weightSource } from '@working-papers/models';
import { openModel } from '@working-papers/models/node';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, expect, test } from 'vitest';
import { collected } from '../data/stream.ts';
import { fineTune } from '../node/tasks/fine-tune.ts';
import { openForTraining } from '../node/tasks/open-for-training.ts';
import { circleRows, nameRows, pairRows, smallBert, smallLlama, topicRows } from '../testing/small-models.ts';
import { causalTask } from './causal.ts';
import { classificationTask } from './classification.ts';
import { contrastiveTask } from './contrastive.ts';
import { distillationTask } from './distillation.ts';
import { maskedTask } from './masked.ts';
import type { TrainingSettings } from './settings.ts';
import type { Task } from './task.ts';
import { tokenTask } from './token.ts';
import { type TaskEvent, Training } from './training.ts';

const runtime = createRuntime();
const folder = await mkdtemp(join(tmpdir(), 'tasks-'));
afterAll(async () => {
  runtime.close();
  await rm(folder, { recursive: true });
});

async function learn(name: string, task: Task, settings: TrainingSettings) {
  const untrained = await Training.compile(runtime, task, settings);
  const before = await untrained.evaluate();
  untrained.release();
  const events: TaskEvent[] = [];
  const out = join(folder, name);
  const tuned = await fineTune(task, { ...settings, out, runtime, onEvent: (event) => events.push(event) });
  return { before, after: tuned.evaluation!, out, events };
}

async function open<K extends ModelKind>(reference: string, kind: K) {
  const model = await openModel(reference, { runtime });
  if (model.kind !== kind) throw new Error(`${reference} is no ${kind}.`);
  return model as Extract<typeof model, { kind: K }>;
}

test('token: names are found in texts that were not learnt from', async () => {
  const unseen = nameRows(64, 2);
  const task = await tokenTask(smallBert(), nameRows(192), { evaluation: unseen });
  expect(task.labels).toEqual(['B-LOC', 'B-PER', 'I-LOC', 'I-PER', 'O']);
  const { before, after, out } = await learn('names', task, { epochs: 8, rate: 3e-3, dropout: 0.05 });
  expect(before.accuracy).toBeLessThan(0.6);
  expect(after.loss).toBeLessThan(before.loss! / 4);
  expect(after.accuracy).toBeGreaterThan(0.9);

  const model = await open(out, 'encoder');
  const found = await model.classifyTokens(
    unseen.map(({ tokens }) => tokens.join(' ')),
    { aggregation: 'none', ignoreLabels: [] },
  );
  const said = found.flatMap((tokens) => tokens.map(({ label }) => label));
  const wanted = unseen.flatMap(({ tags }) => tags);
  const right = said.filter((label, place) => label === wanted[place]).length;
  expect(said).toHaveLength(wanted.length);
  expect(right / wanted.length).toBeCloseTo(after.accuracy!, 6);
  model.close();
});

test('token: spans of characters are tags too', async () => {
  const rows = [
    { text: 'w1 w2 w40', spans: [{ start: 0, end: 5, label: 'PER' }] },
    { text: 'w41 w20', spans: [{ start: 4, end: 7, label: 'LOC' }] },
  ];
  const task = await tokenTask(smallBert(), rows, { text: 'text' });
  expect(task.labels).toEqual(['B-LOC', 'B-PER', 'I-LOC', 'I-PER', 'O']);
  const [batch] = await collected(task.batches(0));
  const labels = Array.from(batch!.labels!.data as BigInt64Array, Number);
  const ids = Array.from(batch!.ids!.data as BigInt64Array, Number);
  const at = (word: number) => labels[ids.indexOf(word + 5)];
  expect([1, 2, 40, 41, 20].map(at)).toEqual([1, 3, 4, 4, 0]);
});

test('masked: words are found again by their neighbours', async () => {
  const task = await maskedTask(smallBert(), circleRows(256, { circle: 12 }), {
    evaluation: circleRows(64, { circle: 12, seed: 2 }),
    batch: 32,
  });
  const { before, after, out } = await learn('masked', task, { epochs: 20, rate: 4e-3 });
  expect(before.loss).toBeGreaterThan(4);
  expect(after.loss).toBeLessThan(1);
  expect(after.perplexity).toBeCloseTo(Math.exp(after.loss!), 6);
  const model = await open(out, 'encoder');
  const [filled] = await model.fillMask(['w3 w4 w5 [MASK] w7 w8 w9 w10']);
  expect(filled![0]!.fillings[0]!.text).toBe('w6');
  model.close();
});

test('masked: each epoch masks other tokens, and an evaluation the same ones', async () => {
  const task = await maskedTask(smallBert(), circleRows(32), { evaluation: circleRows(32, { seed: 2 }) });
  const masked = async (batches: ReturnType<Task['batches']>) =>
    (await collected(batches)).flatMap(({ ids }) => Array.from(ids!.data as BigInt64Array, Number)).join();
  expect(await masked(task.batches(0))).toBe(await masked(task.batches(0)));
  expect(await masked(task.batches(0))).not.toBe(await masked(task.batches(1)));
  expect(await masked(task.evaluation!)).toBe(await masked(task.evaluation!));
});

test('causal: the circle goes on, in the perplexity that the saved model has too', async () => {
  const task = await causalTask(smallLlama(), circleRows(128, { words: 40 }), {
    evaluation: circleRows(8, { words: 40, seed: 2 }),
    length: 32,
  });
  const { before, after, out, events } = await learn('causal', task, { epochs: 4, rate: 4e-3 });
  expect(before.loss).toBeGreaterThan(4);
  expect(after.loss).toBeLessThan(0.6);
  const speeds = events.flatMap((event) => (event.type === 'step' ? [event.tokensPerSecond!] : []));
  expect(Math.min(...speeds)).toBeGreaterThan(0);
  const model = await open(out, 'decoder');
  let text = '';
  for await (const token of model.generate({ prompt: 'w30 w31 w32 w33 w34', raw: true, maxTokens: 4 }))
    text += token.text;
  expect(text.trim().split(/\s+/)).toEqual(['w35', 'w36', 'w37', 'w38']);
  // The evaluation's sequences one by one, as the model scores them.
  const batches = await collected(task.evaluation!);
  let [sum, tokens] = [0, 0];
  for (const { ids, mask } of batches) {
    const [rows, length] = ids!.shape as [number, number];
    for (let row = 0; row < rows; row++) {
      const own = Array.from((ids!.data as BigInt64Array).slice(row * length, (row + 1) * length), Number);
      const count = (mask!.data as BigInt64Array)
        .slice(row * length, (row + 1) * length)
        .filter((one) => one === 1n).length;
      if (count < 2) continue;
      const nll = await model.nll(own.slice(0, count));
      sum += nll.reduce((total, value) => total + value, 0);
      tokens += nll.length;
    }
  }
  expect(sum / tokens).toBeCloseTo(after.loss!, 4);
  model.close();
});

test('causal: logits that would be large at once are made for one sequence at a time', async () => {
  const options = { evaluation: circleRows(8, { words: 40, seed: 2 }), length: 32 };
  const measured = async (batch: number) => {
    const task = await causalTask(smallLlama(), circleRows(128, { words: 40 }), { ...options, batch });
    const { loss } = task.graph(weightSource(task.model.tensors, 'fp32'));
    const training = await Training.compile(runtime, task);
    const values = await training.evaluate();
    training.release();
    return { measured: values.loss!, chunked: operationsBefore([loss]).some(({ rule }) => rule.name === 'mapSlices') };
  };
  const [few, many] = [await measured(8), await measured(2 ** 14)];
  expect([few.chunked, many.chunked]).toEqual([false, true]);
  expect(many.measured).toBeCloseTo(few.measured, 5);
});

test('causal: of a completion and of a conversation what is to be said is learnt', async () => {
  const model = smallLlama();
  const rows = circleRows(64).map(({ text }) => ({ prompt: text.slice(0, 12), completion: text.slice(12) }));
  const task = await causalTask(model, rows, { prompt: 'prompt', evaluationShare: 0.25, batch: 8 });
  const [batch] = await collected(task.batches(0));
  const [ids, at, labels] = (['ids', 'at', 'labels'] as const).map((name) =>
    Array.from(batch![name]!.data as BigInt64Array, Number),
  ) as [number[], number[], number[]];
  for (const [index, label] of labels.entries()) if (label !== -100) expect(ids[at[index]! + 1]).toBe(label);
  const { after } = await learn('completions', task, { epochs: 12, rate: 4e-3 });
  expect(after.loss).toBeLessThan(1);
  await expect(causalTask(smallBert(), rows, {})).rejects.toThrow(
    "small-bert is of the type 'bert', which does not continue texts. Take a decoder (Llama, GPT-2, ...), or find masked tokens (masked) with an encoder.",
  );
  await expect(
    causalTask(model, [{ chat: 'hello' }], { messages: 'chat', batch: 1 }).then(({ batches }) => collected(batches(0))),
  ).rejects.toThrow('row 1: the field "chat" must be a list of { role, content }; got "hello".');
});

test('contrastive: texts find what belongs to them, with and without negatives of their own', async () => {
  for (const negative of [undefined, 'negative']) {
    const task = await contrastiveTask(smallBert(), pairRows(256), {
      evaluation: pairRows(64, 2),
      batch: 32,
      negative,
    });
    const { before, after, out } = await learn(`pairs-${negative}`, task, { epochs: 6, rate: 2e-3 });
    expect(after.loss).toBeLessThan(before.loss! / 2);
    expect(after.accuracy).toBeGreaterThan(0.85);
    if (negative) continue;
    const model = await open(out, 'encoder');
    expect(await nearestOf(model)).toBeCloseTo(after.accuracy!, 6);
    model.close();
  }
});

/** Share of the anchors whose own text has the largest cosine among 32. */
async function nearestOf(model: EncoderModel): Promise<number> {
  const rows = pairRows(64, 2);
  const [anchors, others] = [
    await model.embed(rows.map(({ anchor }) => anchor)),
    await model.embed(rows.map(({ positive }) => positive)),
  ];
  const cosine = (one: Float32Array, other: Float32Array) => one.reduce((sum, value, i) => sum + value * other[i]!, 0);
  const right = anchors.filter((anchor, row) => {
    const first = row - (row % 32);
    const scores = others.slice(first, first + 32).map((other) => cosine(anchor, other));
    return scores.indexOf(Math.max(...scores)) === row - first;
  });
  return right.length / rows.length;
}

test('distillation: a student agrees with its teacher on texts without labels', async () => {
  const lesson = await classificationTask(smallBert(), topicRows(192), { batch: 16 });
  await fineTune(lesson, { epochs: 5, rate: 2e-3, runtime, out: join(folder, 'teacher') });
  const teacher = await openForTraining(join(folder, 'teacher'));
  const texts = topicRows(192, 3).map(({ text }) => ({ text }));
  const unseen = topicRows(96, 4).map(({ text }) => ({ text }));
  // Labels in another order than the teacher's.
  const labels = ['red', 'green', 'blue'];
  const own = await classificationTask(smallBert(7), texts, { label: null, labels, evaluation: unseen });
  const task = distillationTask(own, teacher, { temperature: 2 });
  const { before, after, out } = await learn('student', task, { epochs: 6, rate: 2e-3 });
  expect(before.agreement).toBeLessThan(0.7);
  expect(after.agreement).toBeGreaterThan(0.9);
  expect(after.loss).toBeLessThan(before.loss! / 3);
  const [one, other] = [await open(out, 'encoder'), await open(join(folder, 'teacher'), 'encoder')];
  const said = async (model: EncoderModel) =>
    (
      await model.classify(
        unseen.map(({ text }) => text),
        { topK: 1 },
      )
    ).map(([best]) => best!.label);
  const [a, b] = [await said(one), await said(other)];
  expect(a.filter((label, row) => label === b[row]).length / a.length).toBeCloseTo(after.agreement!, 6);
  one.close();
  other.close();

  expect(() => distillationTask(own, smallBert())).toThrow(
    "The teacher small-bert tells nothing apart, and the student is to tell red, green, blue. Name the teacher's labels (labels).",
  );
});
