/** Models fine-tuned alike on labelled texts and compared on others. */
import { wilson } from '@working-papers/measures';
import { heldTensor, type ModelToSave, type TokenizerFiles, type WeightTensor } from '@working-papers/models';
import type { Runtime } from '@working-papers/runtime';
import { classificationTask, splitByFraction, Training } from '@working-papers/training';
import type { Row, RunContext } from '../../contract.ts';
import type { Teacher } from './distill.ts';
import type { MinilmParameters } from './parameters.ts';
import { reportFineTuning } from './reporter.ts';
import { layerWeights, randomWeights, type Student, studentConfig, studentOf } from './student.ts';

/** A text with what is to be said of it. */
export interface LabelledText {
  text: string;
  label: string;
}

export interface FineTuneOptions {
  train: readonly LabelledText[];
  test: readonly LabelledText[];
  labels: readonly string[];
  epochs: number;
  /** Rows of a batch. */
  batch: number;
  /** Most tokens of a text. */
  length: number;
  rate: number;
  seed: number;
  signal?: AbortSignal | undefined;
  onStep?: ((step: number, steps: number, loss: number) => void) | undefined;
}

/** Fine-tunes all weights of a model under a new head, as transformers has it; answers the share of the test texts that it is right of. */
export async function fineTuned(
  runtime: Runtime,
  { config, tensors }: Student,
  tokenizer: TokenizerFiles | undefined,
  { train, test, labels, epochs, batch, length, rate, seed, signal, onStep }: FineTuneOptions,
): Promise<{ accuracy: number; classifier: Student }> {
  const model = { config, tensors, tokenizer, reference: 'the model' };
  const rows = (texts: readonly LabelledText[]) => texts.map(({ text, label }) => ({ text, label }));
  const task = await classificationTask(model, rows(train), {
    labels,
    evaluation: rows(test),
    batch: Math.min(batch, train.length),
    length,
    seed,
  });
  const settings = { epochs, rate, seed, evaluateEvery: Number.MAX_SAFE_INTEGER };
  const training = await Training.compile(runtime, task, settings, { signal });
  try {
    let accuracy = 0;
    await training.run({
      signal,
      onEvent: (event) => {
        if (event.type === 'step') onStep?.(event.step, training.settings.steps, event.loss);
        if (event.type === 'evaluation') accuracy = event.values.accuracy!;
      },
    });
    return { accuracy, classifier: await held(training.model()) };
  } finally {
    training.release();
  }
}

/** A model whose weights are in memory. */
async function held({ config, tensors }: ModelToSave): Promise<Student> {
  const all = new Map<string, WeightTensor>();
  for (const { name, shape, bytes } of tensors) {
    const { buffer, byteOffset, byteLength } = await bytes();
    all.set(name, heldTensor(name, shape, new Float32Array(buffer as ArrayBuffer, byteOffset, byteLength / 4)));
  }
  return { config, tensors: all };
}

export interface Scored {
  /** Accuracy in per cent with its 95 % Wilson interval. */
  rows: { name: string; value: number; low: number; high: number }[];
  tested: number;
  /** The fine-tuned student. */
  student: Student;
}

/** The teacher's base model in memory, whose weights may change. */
export async function copyOf(teacher: Teacher, seed: number): Promise<Student> {
  const { num_hidden_layers: layers, hidden_size: hidden } = teacher.config;
  const config = studentConfig(teacher.config, { layers, hidden });
  const taken = Array.from({ length: layers }, (_, layer) => layer);
  const side = { config: teacher.config, weights: teacher.graphWeights };
  return studentOf(config, await layerWeights(side, config, { runtime: teacher.runtime, seed, taken }));
}

/** Throws a sentence for a row that lacks a text or a label, and for fewer than two classes or ten texts. */
export async function readLabelled(given: AsyncIterable<Row>): Promise<{ texts: LabelledText[]; labels: string[] }> {
  const texts: LabelledText[] = [];
  for await (const row of given) {
    const place = `Row ${texts.length + 1} of the labelled texts`;
    const { text, label } = row;
    if (typeof text !== 'string' || text.trim() === '')
      throw new Error(
        `${place} has no "text" (it has ${Object.keys(row).join(', ') || 'nothing'}). Give columns "text" and "label".`,
      );
    if (label === undefined || label === null || String(label).trim() === '')
      throw new Error(`${place} has no "label". Give columns "text" and "label".`);
    texts.push({ text, label: String(label).trim() });
  }
  const labels = [...new Set(texts.map(({ label }) => label))].sort();
  if (labels.length < 2)
    throw new Error(
      `The labelled texts have ${labels.length === 1 ? `one label, "${labels[0]}"` : 'no labels'}; a classifier tells at least 2 apart.`,
    );
  if (texts.length < 10)
    throw new Error(`There are ${texts.length} labelled texts; give at least 10, a fifth of them is only tested on.`);
  return { texts, labels };
}

/** Teacher, student and the student's shape from scratch: fine-tunes on four fifths of the labelled texts, tests on the rest, shows it. */
export async function compareOnLabels(
  context: RunContext,
  teacher: Teacher,
  student: Student,
  { texts, labels }: Awaited<ReturnType<typeof readLabelled>>,
  { epochs, batch, seq: length, finetuneRate: rate }: MinilmParameters,
): Promise<Scored> {
  const { seed, signal } = context;
  const { train, test } = splitByFraction(texts, { train: 0.8, test: 0.2 }, seed) as Record<
    'train' | 'test',
    LabelledText[]
  >;
  const models: [string, Student][] = [
    ['teacher', await copyOf(teacher, seed)],
    ['student', student],
    ['same shape from scratch', studentOf(student.config, randomWeights(student.config, seed))],
  ];
  const rows: Scored['rows'] = [];
  let tuned = student;
  for (const [name, model] of models) {
    const { accuracy, classifier } = await fineTuned(teacher.runtime, model, teacher.tokenizerFiles, {
      train,
      test,
      labels,
      epochs,
      batch,
      length,
      rate,
      seed,
      signal,
      onStep: reportFineTuning(context, name, `Fine-tuning the ${name}`),
    });
    if (name === 'student') tuned = classifier;
    const { low, high } = wilson(Math.round(accuracy * test.length), test.length);
    rows.push({ name, value: 100 * accuracy, low: 100 * low, high: 100 * high });
  }
  context.emit({
    type: 'table',
    name: 'accuracy',
    caption: `After ${epochs} epochs on ${train.length} labelled texts, on ${test.length} others`,
    columns: [
      { name: 'model', type: 'text' },
      { name: 'accuracy', unit: '%', type: 'number' },
      { name: 'low', unit: '%', type: 'number' },
      { name: 'high', unit: '%', type: 'number' },
    ],
    rows: rows.map(({ name, value, low, high }) => [name, ...[value, low, high].map((one) => Number(one.toFixed(1)))]),
  });
  return { rows, tested: test.length, student: tuned };
}
