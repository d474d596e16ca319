/** `papers run minilm`: a small student of the reader's own encoder, from unlabelled text. */
import { architectureOf, type Model } from '@working-papers/models';
import { writeText } from '../../artifact-text.ts';
import type { RunContext } from '../../contract.ts';
import { compareOnLabels, readLabelled, type Scored } from './comparison.ts';
import { type Corpus, corpusHash, readCorpus } from './corpus.ts';
import { type DistillResult, distillAttention, sideOf, type Teacher } from './distill.ts';
import { comparedHeads } from './heads.ts';
import { forget, keptTraining } from './kept.ts';
import type { MinilmParameters } from './parameters.ts';
import { headPlot, lossPlot, placesPlot } from './plots.ts';
import { Reporter } from './reporter.ts';
import { saveStudent, saveStudentOnnx } from './save.ts';
import { checkTeacher, countParameters, type Side, studentConfig } from './student.ts';
import type { LogEntry } from './student-training.ts';
import { millisecondsABatch, spreadOf } from './timing.ts';

export { assistantShape, distillAttention } from './distill.ts';
export { relationLoss } from './relations.ts';

/** Sequences that are held out. */
const heldOut = 128;
const timedRounds = 5;

export async function run(parameters: MinilmParameters, context: RunContext): Promise<void> {
  const teacher = await openTeacher(parameters, context);
  const config = studentConfig(teacher.config, parameters, parameters.relationHeads);
  const corpus = await readCorpus(context.rows(parameters.corpus), teacher.tokenizer, {
    length: parameters.seq,
    wanted: parameters.steps * parameters.batch,
    heldOut,
    seed: context.seed,
  });
  // Read before anything is trained: what is wrong with them costs nothing then.
  const labelled =
    parameters.finetune === undefined ? undefined : await readLabelled(context.rows(parameters.finetune));
  say(context, introduction(parameters, teacher, config, corpus, context.seed));
  const key = await keyOf(parameters, teacher, corpus, context.seed);
  const reporter = new Reporter(context, parameters.steps);
  const made = await distillAttention(teacher, parameters, corpus, {
    ...parameters,
    seed: context.seed,
    signal: context.signal,
    kept: (of) => keptTraining(context.store, `${key} ${of}`),
    onEvent: (event) => reporter.take(event),
  });
  if (made.diverged)
    throw new Error(
      `The loss was no number any more after step ${made.log.at(-1)?.step ?? 0}. Choose a lower rate (it was ${parameters.rate}), or a longer warmup.`,
    );
  emitLosses(context, made);
  const student = sideOf(made.student);
  await emitHeads(context, teacher, student, parameters);
  const times = await timesOf(context, teacher, student, parameters);
  const scored = labelled && (await compareOnLabels(context, teacher, made.student, labelled, parameters));
  const bytes = await saveStudent(context, scored?.student ?? made.student, teacher);
  if (parameters.onnx) await saveStudentOnnx(context, scored?.student ?? made.student);
  await writeText(context, 'distill-log.csv', 'text/csv', csvOf(made));
  const sizes = emitSizes(context, teacher, made, times, bytes, scored);
  await writeText(
    context,
    'report.json',
    'application/json',
    `${JSON.stringify(reportOf(parameters, teacher, corpus, made, sizes, scored), undefined, 1)}\n`,
  );
  for (const of of ['assistant', 'student']) await forget(context.store, `${key} ${of}`);
  say(
    context,
    scored
      ? 'The saved student is the fine-tuned classifier.'
      : `What stands behind the last layer's attention was never trained, so the student's ${architectureOf(teacher.config).kind === 'encoder' ? 'embeddings mean' : 'predictions mean'} nothing yet. Fine-tune it (${architectureOf(teacher.config).kind === 'encoder' ? '--finetune, or ' : ''}any trainer) before you use it.`,
  );
}

async function openTeacher(parameters: MinilmParameters, context: RunContext): Promise<Model> {
  const teacher = await context.models.open(parameters.teacher, { weights: 'fp32', signal: context.signal });
  checkTeacher(teacher.config, teacher.reference);
  const { contextLength } = architectureOf(teacher.config).facts(teacher.config);
  if (parameters.seq > contextLength)
    throw new Error(
      `seq is ${parameters.seq} tokens and ${teacher.reference} takes ${contextLength}. Choose at most ${contextLength}.`,
    );
  if (teacher.tokenizer.missing || !teacher.tokenizerFiles)
    throw new Error(
      `${teacher.reference} carries no tokenizer, and a student needs its teacher's. Put tokenizer.json beside it.`,
    );
  if (parameters.finetune !== undefined && architectureOf(teacher.config).kind !== 'encoder')
    throw new Error('Fine-tuning on labels is for encoders; leave --finetune out for a decoder.');
  return teacher;
}

const say = (context: RunContext, markdown: string) => context.emit({ type: 'text', markdown });
const millions = (count: number) => `${(count / 1e6).toFixed(1)} M`;
const whole = (count: number) => count.toLocaleString('en');

function introduction(
  parameters: MinilmParameters,
  teacher: Teacher,
  config: Side['config'],
  corpus: Corpus,
  seed: number,
): string {
  const [large, small] = [countParameters(teacherBase(teacher)), countParameters(config)];
  const epochs = (parameters.steps * parameters.batch) / corpus.sequences.length;
  const lines = [
    `The student has ${millions(small.transformer)} parameters in its layers, ${((100 * small.transformer) / large.transformer).toFixed(0)} % of the teacher's ${millions(large.transformer)}; with embeddings ${millions(small.all)} of ${millions(large.all)}.`,
    `The corpus has ${whole(corpus.sequences.length)} sequences of up to ${parameters.seq} tokens from ${whole(corpus.passages)} passages, ${corpus.heldOut.length} more are held out${corpus.cut ? '; reading ended where there was enough' : ''}.`,
  ];
  if (small.all >= large.all) lines.push('The student is not smaller than its teacher: nothing is compressed.');
  if (epochs > 1.5)
    lines.push(
      `${whole(parameters.steps)} steps of ${parameters.batch} repeat the corpus ${epochs.toFixed(1)} times: more text would teach more.`,
    );
  if (architectureOf(teacher.config).kind === 'decoder')
    lines.push('The paper has encoders only; a decoder as teacher is an extension, with causal relations.');
  lines.push(`Broken off, the run goes on where it was when it is repeated with its seed (${seed}).`);
  return lines.join(' ');
}

/** The teacher's configuration without a head. */
const teacherBase = ({ config }: Teacher): Side['config'] =>
  studentConfig(config, { layers: config.num_hidden_layers, hidden: config.hidden_size });

/** Names a training by everything that it follows from. */
async function keyOf(parameters: MinilmParameters, teacher: Teacher, corpus: Corpus, seed: number): Promise<string> {
  const {
    corpus: _,
    finetune: _labels,
    epochs: _epochs,
    finetuneRate: _rate,
    sentence: _sentence,
    onnx: _onnx,
    ...rest
  } = parameters;
  return `run ${JSON.stringify({ ...rest, teacher: teacher.sha256, corpus: await corpusHash(corpus), seed })}`;
}

function emitLosses(context: RunContext, made: DistillResult): void {
  const between = made.assistant;
  if (between)
    context.emit({
      type: 'plot',
      name: 'assistant-loss',
      caption: `What the assistant of ${between.shape.layers} layers x ${between.shape.hidden} still lacks of the teacher, on held-out text`,
      spec: lossPlot(between.log),
    });
  context.emit({
    type: 'plot',
    name: 'loss',
    caption: `What the student still lacks of its ${between ? 'assistant' : 'teacher'}, on held-out text`,
    spec: lossPlot(made.log),
  });
}

async function emitHeads(
  context: RunContext,
  teacher: Teacher,
  student: Side,
  parameters: MinilmParameters,
): Promise<void> {
  const heads = (await comparedHeads(teacher, student, parameters.sentence, parameters.teacherLayer)).sort(
    (one, other) => one.divergence - other.divergence,
  );
  const shown = [
    { name: 'head-closest', which: 'closest to', head: heads[0]! },
    { name: 'head-farthest', which: 'farthest from', head: heads.at(-1)! },
  ];
  for (const { name, which, head } of heads.length > 1 ? shown : shown.slice(0, 1))
    context.emit({
      type: 'plot',
      name,
      caption: `Where each token of the sentence looks in head ${head.head}, in which the student is ${which} its teacher (KL ${head.divergence.toFixed(2)} nats)`,
      setting: `${teacher.reference}, layer ${parameters.teacherLayer ?? teacher.config.num_hidden_layers}`,
      spec: headPlot(head),
    });
}

async function timesOf(context: RunContext, teacher: Teacher, student: Side, { batch, seq }: MinilmParameters) {
  const rows = Math.min(batch, 32);
  const rounds = await millisecondsABatch(
    teacher.runtime,
    [{ config: teacher.config, weights: teacher.graphWeights }, student],
    { rows, length: seq, rounds: timedRounds, signal: context.signal, elapsed: context.elapsed },
  );
  const [large, small] = rounds.map(spreadOf);
  return { rows, teacher: large!, student: small! };
}

interface Sizes {
  parameters: number;
  transformerParameters: number;
  megabytes: number;
  millisecondsABatch: number;
}

function emitSizes(
  context: RunContext,
  teacher: Teacher,
  made: DistillResult,
  times: Awaited<ReturnType<typeof timesOf>>,
  bytes: number,
  scored: Scored | undefined,
): Record<'teacher' | 'student', Sizes> {
  const of = (config: Side['config'], milliseconds: number, size?: number): Sizes => {
    const { all, transformer } = countParameters(config);
    return {
      parameters: all,
      transformerParameters: transformer,
      megabytes: (size ?? 4 * all) / 1e6,
      millisecondsABatch: milliseconds,
    };
  };
  const sizes = {
    teacher: of(teacherBase(teacher), times.teacher.value),
    student: of(made.student.config, times.student.value, bytes),
  };
  context.emit({
    type: 'table',
    name: 'sizes',
    caption: `Teacher and student; a batch is ${times.rows} sequences`,
    columns: [
      { name: 'model', type: 'text' },
      { name: 'in layers', unit: 'parameters', type: 'number' },
      { name: 'in all', unit: 'parameters', type: 'number' },
      { name: 'fp32', unit: 'MB', type: 'number' },
      { name: 'time', unit: 'ms/batch', type: 'number' },
      { name: 'faster', unit: 'x', type: 'number' },
    ],
    rows: (['teacher', 'student'] as const).map((name) => [
      name,
      sizes[name].transformerParameters,
      sizes[name].parameters,
      Number(sizes[name].megabytes.toFixed(1)),
      Number(sizes[name].millisecondsABatch.toFixed(1)),
      Number((sizes.teacher.millisecondsABatch / sizes[name].millisecondsABatch).toFixed(2)),
    ]),
  });
  if (scored)
    context.emit({
      type: 'plot',
      name: 'places',
      caption: 'Accuracy after fine-tuning against the time of a batch; the area of a mark is the size of the file',
      setting: `${scored.tested} texts, 95 % Wilson interval`,
      spec: placesPlot(
        scored.rows.map(({ name, ...quality }) => {
          const size = name === 'teacher' ? sizes.teacher : sizes.student;
          return {
            name,
            ours: name === 'student',
            milliseconds: size.millisecondsABatch,
            megabytes: size.megabytes,
            quality,
          };
        }),
        'accuracy (%)',
      ),
    });
  return sizes;
}

function csvOf({ log, assistant }: DistillResult): string {
  const names = [...new Set([...log, ...(assistant?.log ?? [])].flatMap(({ parts }) => Object.keys(parts)))];
  const line = (of: string, entry: LogEntry) =>
    `${of},${entry.step},${entry.heldOut ? 'held out' : 'training'},${names.map((name) => entry.parts[name] ?? '').join(',')},${entry.rate ?? ''},${entry.tokensPerSecond === undefined ? '' : Math.round(entry.tokensPerSecond)}\n`;
  const lines = [
    ...(assistant?.log ?? []).map((entry) => line('assistant', entry)),
    ...log.map((entry) => line('student', entry)),
  ];
  return `model,step,text,${names.join(',')},lr,tokens/s\n${lines.join('')}`;
}

function reportOf(
  parameters: MinilmParameters,
  teacher: Teacher,
  corpus: Corpus,
  made: DistillResult,
  sizes: ReturnType<typeof emitSizes>,
  scored: Scored | undefined,
): Record<string, unknown> {
  const losses = ({ log, heldOut: last }: Pick<DistillResult, 'log' | 'heldOut'>) => ({
    before: log.find(({ heldOut: held }) => held)?.parts,
    after: last.parts,
  });
  return {
    teacher: {
      reference: teacher.reference,
      sha256: teacher.sha256,
      layers: teacher.config.num_hidden_layers,
      hidden: teacher.config.hidden_size,
      ...sizes.teacher,
    },
    student: { layers: parameters.layers, hidden: parameters.hidden, ...sizes.student },
    heldOut: losses(made),
    ...(made.assistant ? { assistant: { ...made.assistant.shape, heldOut: losses(made.assistant) } } : {}),
    steps: parameters.steps,
    corpus: { sequences: corpus.sequences.length, tokens: corpus.tokens },
    ...(scored
      ? {
          accuracy: Object.fromEntries(scored.rows.map(({ name, value }) => [name, value / 100])),
          tested: scored.tested,
        }
      : {}),
  };
}
