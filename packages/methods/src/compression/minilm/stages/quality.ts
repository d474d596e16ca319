/** Five ways to a student of half the teacher's layers, and one without any teacher, fine-tuned alike. */
import { cast, fusedMatmul, input } from '@working-papers/graph';
import { architectureOf, trainingEncoderAttention } from '@working-papers/models';
import { meanSquaredError } from '@working-papers/training';
import type { RunContext } from '../../../contract.ts';
import { Bench, type Pace, rangeOf, type Trained } from '../bench.ts';
import { copyOf } from '../comparison.ts';
import { relationGoal, sideOf } from '../distill.ts';
import { comparedHeads } from '../heads.ts';
import { lossOn } from '../held-out.ts';
import { accuracyPlot, headPlot, lossesPlot, placesPlot } from '../plots.ts';
import { type Settings, settings as usual } from '../settings.ts';
import {
  countParameters,
  layerWeights,
  randomWeights,
  type Side,
  type Student,
  studentConfig,
  studentOf,
  takenLayers,
} from '../student.ts';
import type { Goal } from '../student-training.ts';
import { millisecondsABatch, spreadOf } from '../timing.ts';

/** Half the layers of a teacher of six. */
const shape = { layers: 3, hidden: 384 };
const names = {
  minilm: 'MiniLM',
  attention: 'attention alone',
  values: 'values alone',
  hidden: 'last hidden states',
  scratch: 'from scratch',
  truncated: 'every second layer',
  teacher: 'teacher',
};

export async function quality(context: RunContext, settings: Settings = usual): Promise<void> {
  const bench = await Bench.open(context, settings);
  const { teacher, side } = bench;
  const config = studentConfig(teacher.config, shape);
  const random = () => randomWeights(config, 1);
  const distilled: Record<string, Trained> = {};
  const goals: [string, Goal, Pace?][] = [
    [names.minilm, relationGoal(side)],
    [names.attention, relationGoal(side, { useVR: false })],
    [names.values, relationGoal(side, { useAT: false })],
    // At the rate of the others it comes to the mean of all states and stays there.
    [names.hidden, hiddenStates(side, config), { rate: settings.rate / 5, warmup: 0.1 }],
  ];
  for (const [name, goal, pace] of goals) distilled[name] = await bench.distilled(name, config, random, goal, pace);
  const taken = takenLayers(teacher.config.num_hidden_layers, shape.layers);
  const options = { runtime: teacher.runtime, seed: 1, taken };
  const models: [string, Student][] = [
    [names.teacher, await copyOf(teacher, 1)],
    ...Object.entries(distilled).map(([name, { student }]): [string, Student] => [name, student]),
    [names.scratch, studentOf(config, random())],
    [names.truncated, studentOf(config, await layerWeights(side, config, options))],
  ];
  const accuracy: Record<string, number[]> = {};
  for (const [name, model] of models) accuracy[name] = await bench.fineTuned(name, model);

  const of = (name: string) => accuracy[name]!;
  const kept = (name: string) => rangeOf(of(name).map((own, seed) => (100 * own) / of(names.teacher)[seed]!));
  await show(bench, models, accuracy, distilled);
  const { setting } = bench;
  const seeds = [...settings.seeds];
  const model = teacher.reference;
  const layers = `student of ${shape.layers} layers x ${shape.hidden}, ${Math.round((100 * countParameters(config).transformer) / countParameters(studentConfig(teacher.config, { layers: teacher.config.num_hidden_layers, hidden: teacher.config.hidden_size })).transformer)} % of the teacher's Transformer parameters`;
  context.emit({
    type: 'evidence',
    claim: 'ML-1',
    stage: 'quality',
    values: {
      kept: { ...kept(names.minilm), unit: '%', model },
      scratch: { ...kept(names.scratch), unit: '%', model },
      truncated: { ...kept(names.truncated), unit: '%', model },
      hidden: { ...kept(names.hidden), unit: '%', model },
      teacher: { ...rangeOf(of(names.teacher)), unit: '% right', model },
    },
    setting: `${setting}; ${layers}; accuracy as a share of the teacher's with the same seed of fine-tuning, mean and range over the seeds; truncated is layers ${taken.map((layer) => layer + 1).join(', ')} of the teacher, hidden imitates its last hidden states through a linear map at a fifth of the rate`,
    seeds,
  });
  context.emit({
    type: 'evidence',
    claim: 'ML-3',
    stage: 'quality',
    values: {
      gain: {
        ...rangeOf(of(names.minilm).map((own, seed) => own - of(names.attention)[seed]!)),
        unit: 'points',
        model,
      },
      both: { ...rangeOf(of(names.minilm)), unit: '% right', model },
      attention: { ...rangeOf(of(names.attention)), unit: '% right', model },
      values: { ...rangeOf(of(names.values)), unit: '% right', model },
    },
    setting: `${setting}; ${layers}; accuracy with both parts of the loss minus that with the attention's alone, seed by seed; mean and range`,
    seeds,
  });
}

/** The student's last hidden states, through a linear map, as the teacher's: what MiniLM does without. */
function hiddenStates(teacher: Side, config: Side['config']): Goal {
  const [own, wanted] = [config.hidden_size, teacher.config.hidden_size];
  const initial = new Float32Array(own * wanted);
  for (let i = 0; i < Math.min(own, wanted); i++) initial[i * wanted + i] = 1;
  const parameter = {
    name: 'map',
    shape: [own, wanted],
    tensor: input('weight.map', 'float32', [own, wanted]),
  };
  return {
    build(student, batch) {
      const hidden = ({ config, weights }: Side, learns: boolean) =>
        architectureOf(config).forward(
          config,
          weights,
          { ...batch },
          learns ? { parts: { attention: trainingEncoderAttention } } : {},
        ).hidden!;
      const mapped = fusedMatmul(hidden(student, true), parameter.tensor, {});
      const loss = meanSquaredError(hidden(teacher, false), mapped, { weights: cast(batch.mask, 'float32') });
      return { loss, parts: { MSE: loss }, extra: [{ parameter, initial }] };
    },
  };
}

async function show(
  bench: Bench,
  models: readonly [string, Student][],
  accuracy: Readonly<Record<string, number[]>>,
  distilled: Readonly<Record<string, Trained>>,
): Promise<void> {
  const { context, teacher, settings } = bench;
  const goal = relationGoal(bench.side);
  const padId = teacher.tokenizer.padId ?? 0;
  const rows: (string | number)[][] = [];
  for (const [name, model] of models) {
    const { value, low, high } = rangeOf(accuracy[name]!);
    const { parts } = await lossOn(teacher.runtime, goal, model, bench.books.heldOut, {
      batch: settings.batch,
      padId,
      signal: context.signal,
    });
    const losses = [parts.L_AT!, parts.L_VR!].map((one) => Number(one.toFixed(3)));
    rows.push([name, ...[value, low, high].map((one) => Number(one.toFixed(1))), ...losses]);
  }
  const where = `${teacher.reference}, ${settings.steps} steps, ${settings.seeds.length} seeds of fine-tuning`;
  context.emit({
    type: 'table',
    name: 'quality',
    caption: `Passages put into the right of ${bench.books.labels.length} books`,
    columns: [
      { name: 'model', type: 'text' },
      { name: 'accuracy', unit: '%', type: 'number' },
      { name: 'low', unit: '%', type: 'number' },
      { name: 'high', unit: '%', type: 'number' },
      { name: 'held-out L_AT', unit: 'nats', type: 'number' },
      { name: 'held-out L_VR', unit: 'nats', type: 'number' },
    ],
    rows,
  });
  context.emit({
    type: 'plot',
    name: 'accuracy',
    caption:
      'Passages put into the right book after the same fine-tuning, by how the model began; a line is the range of the seeds',
    setting: where,
    spec: accuracyPlot(models.map(([name]) => ({ name, ours: name === names.minilm, ...rangeOf(accuracy[name]!) }))),
  });
  context.emit({
    type: 'plot',
    name: 'losses',
    caption: 'What three students still lack of the teacher on held-out text, by what they imitate',
    setting: where,
    spec: lossesPlot(
      [names.minilm, names.attention, names.values].map((name) => ({ name, log: distilled[name]!.log })),
    ),
  });
  const student = distilled[names.minilm]!.student;
  const heads = (
    await comparedHeads(teacher, sideOf(student), 'The old captain told his story twice, and nobody believed him.')
  ).sort((one, other) => one.divergence - other.divergence);
  const middle = heads[Math.floor(heads.length / 2)]!;
  context.emit({
    type: 'plot',
    name: 'head',
    caption: `Where each token of a sentence looks in head ${middle.head}, the middle one of ${heads.length} by how close the student comes (KL ${middle.divergence.toFixed(2)} nats)`,
    setting: where,
    spec: headPlot(middle),
  });
  const sides = [models[0]![1], student].map(sideOf);
  const times = await millisecondsABatch(teacher.runtime, sides, {
    rows: settings.batch,
    length: settings.seq,
    rounds: 5,
    signal: context.signal,
    elapsed: context.elapsed,
  });
  const milliseconds = times.map((rounds) => spreadOf(rounds).value);
  context.emit({
    type: 'plot',
    name: 'places',
    caption: 'Accuracy against the time of a batch; the area of a mark is the size of the weights',
    setting: where,
    spec: placesPlot(
      [names.teacher, names.minilm, names.scratch, names.truncated].map((name, index) => {
        const own = models.find(([known]) => known === name)![1];
        return {
          name,
          ours: name === names.minilm,
          milliseconds: milliseconds[index === 0 ? 0 : 1]!,
          megabytes: (4 * countParameters(own.config).all) / 1e6,
          quality: rangeOf(accuracy[name]!),
        };
      }),
      'passages in the right book (%)',
    ),
  });
}
