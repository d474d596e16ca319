/** One program for all runs of a size: learning rate, warm-up, decay, λ_z and ε are told to it at each step. */
import { add, input, mul } from '@working-papers/graph';
import type { Call, DeviceTensor, Program, Runtime } from '@working-papers/runtime';
import {
  crossEntropy,
  type StepInputs,
  scratchWeights,
  type Telemetry,
  type TrainableWeights,
  TrainingStep,
  telemetryOf,
  watchTraining,
  zLoss,
} from '@working-papers/training';
import type { Arm } from './arms.ts';
import { initialValue, isEmbedding, logitsOf, type ProxyModel, shapesOf } from './model.ts';
import { type Knobs, knobsOf, optimiserOf } from './recipe.ts';
import { type BatchShape, type Corpus, trainingBatch, validationBatches } from './text.ts';

/** What all runs of a scan have in common. */
export interface ScanSettings extends BatchShape {
  steps: number;
  /** Steps of the warm-up, before an arm lengthens it. */
  warmUp: number;
  /** A step in so many is watched. */
  every: number;
  /** w0 of muParam. */
  baseWidth: number;
}

/** What a run says, all of it plain numbers; those of what diverged are null. */
export interface RunResult {
  /** Validation loss at the end, nats a token. */
  loss: number | null;
  /** The same before the first step. */
  initial: number;
  steps: number;
  seconds: number;
  /** Each watched step. */
  telemetry: RowTelemetry[];
}

/** {@link Telemetry} as rows keep it. */
export interface RowTelemetry {
  step: number;
  loss: number | null;
  norm: number | null;
  maxLogit: (number | null)[];
  entropy: (number | null)[];
  rms: (number | null)[];
  logZ: number | null;
  logZMax: number | null;
  meanLogit: number | null;
  /** RMS of the embedding's gradient as the optimiser has it, after clipping. */
  gradient: number | null;
  /** The smallest such RMS of any matrix, and whose it is. */
  least: { name: string; gradient: number | null };
  /** RMS of what was added to the embedding, as a share of its own. */
  change: number | null;
}

/** Batches that the validation loss is a mean of. */
const validation = 16;

/** Whether two arms can be runs of one program. */
export const structureOf = ({ qkNorm, mup }: Arm): string =>
  `${qkNorm ? 'qk-norm' : 'plain'} ${mup ? 'mup' : 'standard'}`;

export class Trainer {
  readonly #step: TrainingStep;
  readonly #judge: { call: Call; inputs: Record<string, DeviceTensor>; loss: DeviceTensor; program: Program };
  readonly #proxy: ProxyModel;
  readonly #settings: ScanSettings;
  readonly #corpus: Corpus;
  readonly #held: StepInputs[];
  readonly #turn: (knobs: Knobs) => void;

  private constructor(
    step: TrainingStep,
    judge: { call: Call; inputs: Record<string, DeviceTensor>; loss: DeviceTensor; program: Program },
    { proxy, settings, corpus }: { proxy: ProxyModel; settings: ScanSettings; corpus: Corpus },
    turn: (knobs: Knobs) => void,
  ) {
    this.#step = step;
    this.#judge = judge;
    this.#proxy = proxy;
    this.#settings = settings;
    this.#corpus = corpus;
    this.#held = validationBatches(corpus.validation, settings, validation);
    this.#turn = turn;
  }

  /** Compiles the step and the validation of a size, for all arms of one structure. */
  static async compile(
    runtime: Runtime,
    given: {
      proxy: ProxyModel;
      arm: Arm;
      settings: ScanSettings;
      corpus: Corpus;
      threads: number;
      signal?: AbortSignal;
    },
  ): Promise<Trainer> {
    const { proxy, arm, settings, threads, signal } = given;
    const mup = arm.mup ? { baseWidth: settings.baseWidth } : undefined;
    const shape = [settings.batch, settings.sequence];
    const ids = input('ids', 'int64', shape);
    const labels = input('labels', 'int64', shape);
    const weights: TrainableWeights = scratchWeights(shapesOf(proxy, arm));
    const watch = watchTraining();
    const logits = logitsOf(proxy, arm, weights, ids, { tap: watch.tap });
    const entropy = crossEntropy(logits, labels);
    const loss = add(entropy, mul(zLoss(logits), input('zLoss', 'float32', [])));
    let knobs: Knobs | undefined;
    const optimiser = optimiserOf(proxy, () => knobs!, mup);
    const step = await TrainingStep.compile(runtime, watch.graph({ loss, parameters: weights.parameters, optimiser }), {
      initial: ({ name, shape }) => initialValue(proxy, name, shape, { seed: 0, mup }),
      threads,
      ...(signal && { signal }),
    });
    const program = await runtime.compile(
      { loss: entropy },
      { threads, label: 'validation', ...(signal && { signal }) },
    );
    const inputs: Record<string, DeviceTensor> = {
      ids: runtime.tensor('int64', shape),
      labels: runtime.tensor('int64', shape),
    };
    const out = runtime.tensor('float32', []);
    const bound = Object.fromEntries(program.inputs.map(({ name }) => [name, inputs[name] ?? step.tensors.get(name)!]));
    const judge = { call: program.bind(bound, { loss: out }), inputs, loss: out, program };
    return new Trainer(step, judge, given, (turned) => {
      knobs = turned;
    });
  }

  /** Trains from the beginning; rejects with the signal's reason when it is aborted between two steps. */
  async run(
    arm: Arm,
    { rate, seed }: { rate: number; seed: number },
    { signal, onStep }: { signal: AbortSignal; onStep?(done: number): void },
  ): Promise<RunResult> {
    const began = performance.now();
    const { steps, every, baseWidth } = this.#settings;
    const mup = arm.mup ? { baseWidth } : undefined;
    this.#turn(knobsOf(arm, rate, this.#settings));
    await this.#step.restart(({ name, shape }) => initialValue(this.#proxy, name, shape, { seed, mup }));
    const initial = await this.#validate();
    const zFactor = { dtype: 'float32' as const, shape: [], data: Float32Array.of(arm.zLoss) };
    const telemetry: RowTelemetry[] = [];
    for (let step = 0; step < steps; step++) {
      signal.throwIfAborted();
      const batch = { ...trainingBatch(this.#corpus.training, this.#settings, { seed, step }), zLoss: zFactor };
      const watched = step % every === 0 || step === steps - 1;
      const result = await (watched ? this.#step.watch(batch) : this.#step.run(batch));
      if (watched) telemetry.push(kept(telemetryOf(result)));
      onStep?.(step + 1);
      if (!Number.isFinite(result.loss) || !Number.isFinite(result.gradientNorm)) break;
    }
    const loss = this.#step.done === steps ? await this.#validate() : Number.NaN;
    return {
      loss: finite(loss),
      initial,
      steps: this.#step.done,
      seconds: (performance.now() - began) / 1000,
      telemetry,
    };
  }

  /** The weights as they are, by name. */
  weights(): Map<string, { shape: readonly number[]; values: Float32Array }> {
    return new Map(this.#step.parameters.map(({ name, shape }) => [name, { shape, values: this.#step.weight(name) }]));
  }

  release(): void {
    this.#judge.call.release();
    this.#judge.program.release();
    for (const tensor of [...Object.values(this.#judge.inputs), this.#judge.loss]) tensor.release();
    this.#step.release();
  }

  async #validate(): Promise<number> {
    let sum = 0;
    for (const batch of this.#held) {
      for (const [name, { data }] of Object.entries(batch)) this.#judge.inputs[name]!.write(data);
      await this.#judge.call.run();
      sum += (this.#judge.loss.read() as Float32Array)[0]!;
    }
    return sum / this.#held.length;
  }
}

const finite = (value: number): number | null => (Number.isFinite(value) ? Number(value.toPrecision(6)) : null);

function kept(telemetry: Telemetry): RowTelemetry {
  const { step, loss, gradientNorm, layers, logZ, meanLogit, parameters } = telemetry;
  const clip = gradientNorm > 1 ? 1 / gradientNorm : 1;
  const named = Object.entries(parameters);
  const [, embedding] = named.find(([name]) => isEmbedding(name)) ?? [];
  const matrices = named.filter(([name]) => !/norm|ln_|bias/.test(name));
  const [name, least] = matrices.reduce((low, entry) => (entry[1].gradient < low[1].gradient ? entry : low));
  return {
    step,
    loss: finite(loss),
    norm: finite(gradientNorm),
    maxLogit: layers.map(({ maxLogit }) => finite(maxLogit)),
    entropy: layers.map((layer) => finite(layer.entropy)),
    rms: layers.map((layer) => finite(layer.rms)),
    logZ: finite(logZ.mean),
    logZMax: finite(logZ.max),
    meanLogit: finite(meanLogit),
    gradient: finite((embedding?.gradient ?? Number.NaN) * clip),
    least: { name, gradient: finite(least.gradient * clip) },
    change: finite((embedding?.change ?? Number.NaN) / (embedding?.weight ?? 1)),
  };
}
