/** Teacher, student and the same shape from scratch, fine-tuned alike on labelled texts and compared on others. */
import { wilson } from '@working-papers/measures';
import { splitByFraction } from '@working-papers/training';
import type { RunContext } from '../../contract.ts';
import { accuracyOf, fineTune, type Labelled, labelledOf, withHead } from './classify.ts';
import type { Teacher } from './distill.ts';
import { readLabelled } from './labels.ts';
import type { MinilmParameters } from './parameters.ts';
import { layerWeights, randomWeights, type Student, studentConfig, studentOf } from './student.ts';

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
  const values = await layerWeights({ config: teacher.config, weights: teacher.graphWeights }, config, {
    runtime: teacher.runtime,
    seed,
    taken,
  });
  return studentOf(config, values);
}

/** Fine-tunes on four fifths of the labelled texts, tests on the rest, and shows it. */
export async function compareOnLabels(
  context: RunContext,
  teacher: Teacher,
  student: Student,
  parameters: MinilmParameters,
): Promise<Scored> {
  const { texts, labels } = await readLabelled(context.rows(parameters.finetune!));
  const { seed, signal } = context;
  const labelled = labelledOf(teacher.tokenizer, texts, parameters.seq);
  const { train, test } = splitByFraction(labelled, { train: 0.8, test: 0.2 }, seed) as Record<
    'train' | 'test',
    Labelled[]
  >;
  const padId = teacher.tokenizer.padId ?? 0;
  const models: [string, Student][] = [
    ['teacher', await copyOf(teacher, seed)],
    ['student', student],
    ['same shape from scratch', studentOf(student.config, randomWeights(student.config, seed))],
  ];
  const rows: Scored['rows'] = [];
  let tuned = student;
  for (const [name, model] of models) {
    const classifier = await fineTune(teacher.runtime, withHead(model, labels, seed), train, {
      epochs: parameters.epochs,
      batch: parameters.batch,
      rate: parameters.finetuneRate,
      seed,
      padId,
      signal,
      onStep: (step, steps, loss) => {
        context.emit({
          type: 'progress',
          stage: `fine-tuning ${name}`,
          done: step,
          total: steps,
          unit: 'steps',
          message: `Fine-tuning the ${name}: loss ${loss.toFixed(3)}`,
        });
      },
    });
    if (name === 'student') tuned = classifier;
    const { right } = await accuracyOf(teacher.runtime, classifier, test, { batch: parameters.batch, padId, signal });
    const hits = right.filter(Boolean).length;
    const { low, high } = wilson(hits, right.length);
    rows.push({ name, value: (100 * hits) / right.length, low: 100 * low, high: 100 * high });
  }
  context.emit({
    type: 'table',
    name: 'accuracy',
    caption: `After ${parameters.epochs} epochs on ${train.length} labelled texts, on ${test.length} others`,
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
