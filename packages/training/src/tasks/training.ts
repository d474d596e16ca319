/** A task under way: its step, its batches, what is measured, where it is. */
import type { Tensor } from '@working-papers/graph';
import type { ModelToSave, Tap } from '@working-papers/models';
import type { DeviceTensor, Program, ProgramOptions, Runtime } from '@working-papers/runtime';
import type { LoraAdapter } from '../adapters/types.ts';
import { inputSource } from '../data/batch-source.ts';
import { repeated } from '../data/stages.ts';
import type { Stream } from '../data/stream.ts';
import { dropoutTap } from '../dropout/dropout-tap.ts';
import { type LoopPosition, type TrainingEnd, type TrainingEvent, train } from '../loop/train.ts';
import { checkFraction } from '../optimisers/option-checks.ts';
import type { Schedule } from '../optimisers/schedules.ts';
import type { StepInputs } from '../step/batch-calls.ts';
import { type Activations, blockSegments, collectActivations } from '../step/segments.ts';
import type { TrainingGraph } from '../step/step-graph.ts';
import { StepRandom } from '../step/step-random.ts';
import { TrainingStep } from '../step/training-step.ts';
import { configuredRates, optimiserOf, rateOf, type TrainingSettings, usualRate, usualRatesOf } from './settings.ts';
import type { Task } from './task.ts';
import { type TrainedWeights, trainedWeights } from './trained-weights.ts';

/** What is told as a task is trained: the loop's events, steps with the rate they were taken at and the time that is left. */
export type TaskEvent =
  | (Extract<TrainingEvent, { type: 'step' }> & { rate: number; secondsLeft: number })
  | Exclude<TrainingEvent, { type: 'step' }>;

/** Settings with nothing left out. */
export type SettledTraining = Required<
  Pick<
    TrainingSettings,
    | 'trains'
    | 'rate'
    | 'warmUp'
    | 'decline'
    | 'weightDecay'
    | 'clip'
    | 'checkpointEvery'
    | 'seed'
    | 'accumulate'
    | 'dropout'
    | 'recompute'
  >
> &
  Pick<TrainingSettings, 'patience' | 'threads'> & {
    steps: number;
    /** Absent where the rows are gone through as often as the steps need. */
    epochs?: number;
    /** Absent where nothing is evaluated. */
    evaluateEvery?: number;
    /** Where it was counted. */
    stepsPerEpoch?: number;
  };

export interface RunTrainingOptions {
  /** Where an earlier training was, after {@link Training.step} was put there. */
  from?: LoopPosition | undefined;
  save?(kind: 'last' | 'best', position: LoopPosition): Promise<void>;
  onEvent?(event: TaskEvent): void;
  signal?: AbortSignal | undefined;
}

/** Compiles a task's step and evaluation over weights that they share. Release it; the runtime stays the caller's. */
export class Training {
  readonly task: Task;
  readonly settings: SettledTraining;
  /** Its state is what a checkpoint keeps. */
  readonly step: TrainingStep;
  readonly #runtime: Runtime;
  readonly #weights: TrainedWeights;
  readonly #measuring: Program | undefined;
  readonly #rate: Schedule;

  private constructor(
    task: Task,
    settings: SettledTraining,
    parts: {
      step: TrainingStep;
      runtime: Runtime;
      weights: TrainedWeights;
      measuring: Program | undefined;
      rate: Schedule;
    },
  ) {
    this.task = task;
    this.settings = settings;
    this.step = parts.step;
    this.#runtime = parts.runtime;
    this.#weights = parts.weights;
    this.#measuring = parts.measuring;
    this.#rate = parts.rate;
  }

  /** Rejects with a sentence where settings make no sense or nothing would change. */
  static async compile(
    runtime: Runtime,
    task: Task,
    given: TrainingSettings = {},
    { signal }: { signal?: AbortSignal | undefined } = {},
  ): Promise<Training> {
    const settings = await settled(task, given);
    const weights = trainedWeights(task.model, settings.trains, settings.seed);
    const random = new StepRandom(settings.seed);
    const { tap, activations } = tapOf(task, settings, random);
    const { loss, count, metrics = {} } = task.graph(weights.source(random), tap);
    const rate = rateOf(settings.steps, settings);
    const within = runtime.sharing();
    const shared = {
      ...(settings.threads === undefined ? {} : { threads: settings.threads }),
      ...(signal ? { signal } : {}),
    };
    try {
      const graph: TrainingGraph = {
        loss,
        metrics,
        weight: count,
        parameters: weights.parametersOf(loss),
        optimiser: optimiserOf(rate, settings),
        random,
        ...(settings.recompute ? { recompute: blockSegments(activations) } : {}),
      };
      const step = await TrainingStep.compile(within, graph, {
        initial: ({ name }) => weights.initial(name),
        accumulate: settings.accumulate > 1,
        ...shared,
      });
      const measuring = task.evaluation ? await measuringProgram(within, task, weights, shared) : undefined;
      return new Training(task, settings, { step, runtime: within, weights, measuring, rate });
    } catch (error) {
      within.close();
      throw error;
    }
  }

  /** Steps until there is a reason to end; see `train`. */
  async run({ from, save, onEvent, signal }: RunTrainingOptions = {}): Promise<TrainingEnd> {
    const { task, step, settings } = this;
    const { steps, epochs, evaluateEvery, patience, checkpointEvery, accumulate } = settings;
    const batches = repeated(epochs ?? Number.POSITIVE_INFINITY, (epoch) => task.batches(epoch));
    const began = { at: performance.now(), step: step.done };
    return train(step, inputSource(batches, from?.batches), {
      steps,
      accumulate,
      ...(from?.best ? { from: { best: from.best } } : {}),
      ...(evaluateEvery === undefined
        ? {}
        : {
            evaluation: {
              every: evaluateEvery,
              // Not to be left half-way: what is best decides what comes.
              measure: () => this.evaluate(),
              by: { value: 'loss' },
              ...(patience === undefined ? {} : { patience }),
            },
          }),
      ...(save ? { checkpoint: { every: checkpointEvery, save } } : {}),
      tokensOf: (batch) => task.tokensOf(batch),
      ...(signal ? { signal } : {}),
      onEvent: (event) => {
        if (event.type !== 'step') return onEvent?.(event);
        const pace = (performance.now() - began.at) / 1000 / (event.step - began.step);
        onEvent?.({ ...event, rate: this.#rate(event.step - 1), secondsLeft: pace * (steps - event.step) });
      },
    });
  }

  /** Loss and metrics over all rows that are kept for it, with the weights as they are; a sentence where there are none. */
  async evaluate(): Promise<Readonly<Record<string, number>>> {
    const { task, step } = this;
    if (!this.#measuring || !task.evaluation) throw new Error('The task has no rows to evaluate on.');
    const program = this.#measuring;
    const wanted = new Set(program.inputs.map(({ name }) => name));
    const kept: Record<string, DeviceTensor> = {};
    for (const [name, tensor] of step.tensors) if (wanted.has(name)) kept[name] = tensor;
    const sums = new Map<string, number>();
    let total = 0;
    for await (const batch of task.evaluation.from()) {
      const given = Object.fromEntries(Object.entries(batch).filter(([name]) => wanted.has(name)));
      const answer = await program.run({ ...given, ...kept });
      const scalar = (name: string) => Number(answer[name]!.data[0]);
      const count = scalar('count');
      total += count;
      for (const name of Object.keys(answer)) {
        if (name === 'count') continue;
        const plain = name.replace(/^metric\./, '');
        sums.set(plain, (sums.get(plain) ?? 0) + count * scalar(name));
      }
    }
    return task.values(Object.fromEntries([...sums].map(([name, sum]) => [name, sum / Math.max(1, total)])));
  }

  /** The model with its weights as they are now. */
  model(): ModelToSave {
    return this.#weights.model(this.step);
  }

  /** The adapter as it is now, where one is trained. */
  adapter(): LoraAdapter | undefined {
    return this.#weights.adapter?.(this.step);
  }

  release(): void {
    this.step.release();
    this.#measuring?.release();
    this.#runtime.close();
  }
}

/** Loss, count and metrics of a batch, with nothing dropped. */
function measuringProgram(
  runtime: Runtime,
  task: Task,
  weights: TrainedWeights,
  options: ProgramOptions,
): Promise<Program> {
  const { loss, count, metrics = {} } = task.graph(weights.source());
  return runtime.compile(
    { loss, count, ...named(metrics) },
    { label: 'evaluation', memoryPatterns: false, ...options },
  );
}

/** What drops a model's activations, and writes them down where they are computed again. */
function tapOf(
  { model }: Task,
  { dropout, recompute }: SettledTraining,
  random: StepRandom,
): { tap?: Tap; activations: Activations } {
  const rates = dropout === 'config' ? configuredRates(model.config) : usualRatesOf(dropout);
  const drop = Object.keys(rates).length > 0 ? dropoutTap(random, rates) : undefined;
  if (recompute) return collectActivations(drop ? { change: drop } : {});
  return { ...(drop ? { tap: drop } : {}), activations: new Map() };
}

const named = (metrics: Readonly<Record<string, Tensor>>): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(metrics).map(([name, metric]) => [`metric.${name}`, metric]));

const usualEpochs = 3;
const usualCheckpoints = 100;
const usualWarmUp = 0.06;

async function settled(task: Task, given: TrainingSettings): Promise<SettledTraining> {
  const { trains = 'all', steps: wanted, evaluateEvery, patience, accumulate = 1, dropout = 0 } = given;
  const epochs = given.epochs ?? (wanted === undefined ? usualEpochs : undefined);
  checkWhole('epochs', epochs);
  checkWhole('steps', wanted);
  checkWhole('evaluateEvery', evaluateEvery);
  checkWhole('patience', patience);
  checkWhole('accumulate', accumulate);
  if (dropout !== 'config') checkFraction('dropout', dropout);
  checkWhole('checkpointEvery', given.checkpointEvery);
  if (!task.evaluation && (evaluateEvery !== undefined || patience !== undefined))
    throw new Error(
      `There are no rows to evaluate on, which ${patience === undefined ? 'evaluateEvery' : 'patience'} is about. Give some (evaluation), or a share that is kept for it (evaluationShare).`,
    );
  if (task.evaluation) await countBatches(task.evaluation, 'to evaluate on');
  // Steps alone need no count: an epoch of a large corpus would be read for nothing.
  const batches =
    epochs !== undefined || (task.evaluation && evaluateEvery === undefined)
      ? await countBatches(task.batches(0), 'to learn from')
      : undefined;
  const stepsPerEpoch = batches === undefined ? undefined : Math.ceil(batches / accumulate);
  const all = epochs === undefined ? Number.POSITIVE_INFINITY : Math.ceil((epochs * batches!) / accumulate);
  const steps = Math.min(wanted ?? Number.POSITIVE_INFINITY, all);
  return {
    trains,
    steps,
    ...(epochs === undefined ? {} : { epochs }),
    rate: given.rate ?? usualRate(task, trains),
    warmUp: given.warmUp ?? Math.min(steps - 1, Math.ceil(usualWarmUp * steps)),
    decline: given.decline ?? 'linear',
    weightDecay: given.weightDecay ?? 0.01,
    clip: given.clip ?? 1,
    checkpointEvery: given.checkpointEvery ?? usualCheckpoints,
    seed: given.seed ?? 0,
    accumulate,
    dropout,
    recompute: given.recompute ?? false,
    ...(task.evaluation ? { evaluateEvery: evaluateEvery ?? Math.min(steps, stepsPerEpoch!) } : {}),
    ...(patience === undefined ? {} : { patience }),
    ...(given.threads === undefined ? {} : { threads: given.threads }),
    ...(stepsPerEpoch === undefined ? {} : { stepsPerEpoch }),
  };
}

/** Goes through batches once, so that what is wrong with a row is said before anything is learnt. */
async function countBatches(batches: Stream<StepInputs>, what: string): Promise<number> {
  let count = 0;
  for await (const _ of batches.from()) count++;
  if (count === 0) throw new Error(`The rows ${what} make no whole batch. Give more of them, or smaller batches.`);
  return count;
}

function checkWhole(name: string, value: number | undefined): void {
  if (value === undefined || (Number.isSafeInteger(value) && value >= 1)) return;
  throw new Error(`${name} must be a whole number of at least 1; got ${value}.`);
}
