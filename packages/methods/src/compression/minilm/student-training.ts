/** The loop of every distillation: teacher and student in one program, the teacher frozen, a step on each batch. */
import { operationsBefore, type Tensor } from '@working-papers/graph';
import { weightSource } from '@working-papers/models';
import type { Runtime } from '@working-papers/runtime';
import {
  adamW,
  type BatchSource,
  type Beside,
  batchSource,
  bucketed,
  chain,
  checkpointBytes,
  clipByGlobalNorm,
  type Parameter,
  padded,
  repeated,
  restoreCheckpointBytes,
  type Sequence,
  type schedules,
  shuffled,
  TrainingStep,
  train,
  trainableWeights,
} from '@working-papers/training';
import { batchInputs, lookedAt, realTokens } from './held-out.ts';
import type { BatchTensors, Objective } from './relations.ts';
import { type Side, type Student, studentOf, type Values } from './student.ts';

export interface StudentTrainingOptions {
  steps: number;
  /** Rows of a batch. */
  batch: number;
  /** Most tokens of a row. */
  seq: number;
  /** The highest learning rate. Default 5e-4. */
  rate?: number | undefined;
  /** Share of the steps over which the rate rises from 0; then it falls to 0 in a straight line. Default 0.02. */
  warmup?: number | undefined;
  /** Default 0.01, of matrices and tables alone. */
  weightDecay?: number | undefined;
  /** Norm that all gradients together are clipped to. Default 1. */
  clip?: number | undefined;
  seed: number;
  /** What rows are filled up with. Default 0. */
  padId?: number | undefined;
  signal?: AbortSignal | undefined;
  /** Where the training is kept, so that it goes on from there; see {@link Kept}. */
  kept?: Kept | undefined;
  onEvent?: ((event: StudentTrainingEvent) => void) | undefined;
}

/** A place for one checkpoint. */
export interface Kept {
  get(): Promise<Uint8Array | undefined>;
  put(bytes: Uint8Array): Promise<void>;
  /** Seconds between two checkpoints. Default 30. */
  seconds?: number;
}

/** The parts of the loss on a batch, before the step that is made of it, or, where `heldOut`, on the held-out text after so many steps. */
export interface LogEntry {
  step: number;
  heldOut: boolean;
  parts: Readonly<Record<string, number>>;
  loss: number;
  rate?: number;
  tokensPerSecond?: number;
}

export type StudentTrainingEvent =
  | { type: 'log'; entry: LogEntry }
  | { type: 'resumed'; step: number }
  | { type: 'step'; step: number };

/** What a distillation made. */
export interface TrainedStudent {
  student: Student;
  log: LogEntry[];
  /** The last held-out values. */
  heldOut: LogEntry;
  /** Seconds of this call's steps, and real tokens that they read. */
  seconds: number;
  tokens: number;
  /** Whether it ended early, at a loss that is no number. */
  diverged: boolean;
}

/** What the student learns: built over teacher, student and batch. */
export interface Goal {
  build(student: Side, batch: BatchTensors): Objective & { extra?: readonly ExtraParameter[] };
}

/** A weight that learns along and is no part of the student. */
export interface ExtraParameter {
  parameter: Parameter;
  initial: Float32Array;
}

/** Evaluations of a training, the first before it and the last after it. */
const evaluations = 12;
/** Lines that a log has at most, about. */
const logLines = 500;

/**
 * Trains a student on a goal. Weights that the loss does not depend on (the last layer behind its attention, the pooler) have no part in
 * the program and stay as they began, decay included.
 * @param initial the values that the student begins with
 */
export async function trainStudent(
  runtime: Runtime,
  goal: Goal,
  student: Student['config'],
  initial: Values,
  data: { sequences: readonly Sequence[]; heldOut: readonly Sequence[] },
  options: StudentTrainingOptions,
): Promise<TrainedStudent> {
  const { steps, signal, kept, onEvent } = options;
  const weights = trainableWeights(weightSource(studentOf(student, initial).tensors, 'fp32'));
  const batch = batchInputs();
  const { loss, parts, extra = [] } = goal.build({ config: student, weights }, batch);
  const learning = [...learnt(loss, weights.parameters), ...extra.map(({ parameter }) => parameter)];
  const beginnings = new Map(extra.map(({ parameter, initial }) => [parameter.name, initial]));
  const rate = rateOf(options);
  const optimiser = chain(
    clipByGlobalNorm({ maxNorm: options.clip ?? 1 }),
    adamW({ rate, weightDecay: options.weightDecay ?? 0.01, decayed: ({ shape }) => shape.length > 1 }),
  );
  const step = await TrainingStep.compile(
    runtime,
    { loss, metrics: parts, parameters: learning, optimiser },
    {
      initial: ({ name }) => beginnings.get(name) ?? initial.get(name)!,
      label: 'distillation',
      ...(signal ? { signal } : {}),
    },
  );
  const looking = await runtime.compile({ loss, ...parts }, { label: 'held-out text' });
  try {
    const names = new Set(looking.inputs.map(({ name }) => name));
    const state = Object.fromEntries([...step.tensors].filter(([name]) => names.has(name)));
    const log: LogEntry[] = [];
    const note = (entry: LogEntry) => {
      log.push(entry);
      onEvent?.({ type: 'log', entry });
    };
    const look = async (): Promise<LogEntry> => {
      const values = await lookedAt(looking, state, data.heldOut, options);
      return { step: step.done, heldOut: true, parts: values.parts, loss: values.loss };
    };
    const before = await kept?.get();
    let beside: Beside = {};
    if (before && before.byteLength > 0) {
      beside = await restoreCheckpointBytes(before, step);
      log.push(...(beside.log as LogEntry[]));
      onEvent?.({ type: 'resumed', step: step.done });
    } else note(await look());
    let [seconds, tokens] = [0, 0];
    let lastKept = performance.now();
    const keep = async (position: unknown, force: boolean) => {
      if (!kept || (!force && performance.now() - lastKept < 1000 * (kept.seconds ?? 30))) return;
      await kept.put(await checkpointBytes(step, { batches: position, log }));
      lastKept = performance.now();
    };
    const every = Math.max(1, Math.round(steps / logLines));
    let real = 0;
    const source = batchesFor(data.sequences, options, beside.batches);
    const counted: BatchSource = {
      async next() {
        // Between two steps, when weights and position are of one moment.
        await keep(source.position(), false);
        return source.next();
      },
      position: () => source.position(),
    };
    const end = await train(step, counted, {
      steps,
      signal,
      tokensOf: (given) => {
        real = realTokens(given);
        return real;
      },
      evaluation: {
        every: Math.max(1, Math.ceil(steps / evaluations)),
        measure: async () => {
          const entry = await look();
          note(entry);
          return { loss: entry.loss };
        },
      },
      onEvent: (event) => {
        if (event.type !== 'step') return;
        const speed = event.tokensPerSecond!;
        seconds += real / speed;
        tokens += real;
        const { step: done, loss, metrics } = event;
        if (done % every === 0 || done === 1)
          note({ step: done, heldOut: false, parts: metrics, loss, rate: rate(done - 1), tokensPerSecond: speed });
        onEvent?.({ type: 'step', step: done });
      },
    });
    // What comes after it may be broken off too.
    if (end !== 'diverged') await keep(source.position(), true);
    const values = new Map(initial);
    for (const { name } of learning) if (initial.has(name)) values.set(name, step.weight(name));
    const heldOut = log.findLast((entry) => entry.heldOut)!;
    return { student: studentOf(student, values), log, heldOut, seconds, tokens, diverged: end === 'diverged' };
  } finally {
    looking.release();
    step.release();
  }
}

/** The parameters that a loss depends on. */
export function learnt(loss: Tensor, parameters: readonly Parameter[]): Parameter[] {
  const used = new Set(operationsBefore([loss]));
  return parameters.filter(({ tensor }) => used.has(tensor.op));
}

/** Up in a straight line, and down to 0 in another. */
export function rateOf({
  steps,
  rate = 5e-4,
  warmup = 0.02,
}: Pick<StudentTrainingOptions, 'steps' | 'rate' | 'warmup'>): schedules.Schedule {
  const rising = Math.min(steps - 1, Math.round(warmup * steps));
  // The first step has a rate above 0.
  return (step) =>
    step < rising ? (rate * (step + 1)) / (rising + 1) : rate * Math.max(0, (steps - step) / (steps - rising));
}

/** Epoch after epoch, rows of about one length together, in an order that follows from the seed. */
function batchesFor(sequences: readonly Sequence[], options: StudentTrainingOptions, from: unknown): BatchSource {
  const { batch, seq, seed, padId = 0 } = options;
  const epochs = repeated(Number.POSITIVE_INFINITY, (epoch) =>
    bucketed(shuffled(sequences, { seed, epoch }), { rows: batch, seed, epoch, buffer: 16 * batch }),
  );
  return batchSource(padded(epochs, { padId, multipleOf: Math.max(8, Math.ceil(seq / 8)) }), from);
}
