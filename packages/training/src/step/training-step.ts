import type { Tensor } from '@working-papers/graph';
import type { Call, DeviceTensor, Program, ProgramOptions, Runtime } from '@working-papers/runtime';
import type { Parameter } from '../parameters.ts';
import { BatchCalls, type StepInputs } from './batch-calls.ts';
import { nextName, type StepScope } from './scope.ts';
import { accumulatedStep, type TrainingGraph, watchedStep, wholeStep } from './step-graph.ts';
import { randomInput, type StepRandom } from './step-random.ts';

export interface TrainingStepOptions extends Pick<ProgramOptions, 'threads' | 'signal' | 'label' | 'profile'> {
  /** The values that a parameter begins with. */
  initial(parameter: Parameter): Float32Array | Promise<Float32Array>;
  /** Whether a step may be made of several batches, for which sums as large as the trained weights are held. */
  accumulate?: boolean;
}

/** What a step says of itself. */
export interface StepResult {
  /** Steps done, this one included. */
  step: number;
  loss: number;
  /** L2 norm of all gradients together, before anything is made of them. */
  gradientNorm: number;
  metrics: Readonly<Record<string, number>>;
}

/** The programs of a step and the memory they share. */
interface Parts {
  programs: readonly Program[];
  /** The program of one whole step that is watched. */
  watching: Program | undefined;
  scope: StepScope;
  random: StepRandom | undefined;
  tensors: ReadonlyMap<string, DeviceTensor>;
  sums: ReadonlyMap<string, DeviceTensor>;
}

/**
 * Forward, backward and update over weights and optimiser state that stay where they are. The update waits for the norm of all
 * gradients, and with it for every node that reads a weight: until then nothing is overwritten.
 */
export class TrainingStep {
  /** Steps done so far; set it together with {@link tensors} to go on from elsewhere. */
  done = 0;
  readonly parameters: readonly Parameter[];
  /** Weights as `weight.NAME` and what the optimiser keeps as `optimiser.NAME`: all that a step goes on from, with {@link done}. */
  readonly tensors: ReadonlyMap<string, DeviceTensor>;
  readonly #parts: Parts;
  readonly #scalars: ReadonlyMap<string, DeviceTensor>;
  readonly #reported: ReadonlyMap<string, DeviceTensor>;
  readonly #keys: DeviceTensor | undefined;
  readonly #batches: BatchCalls;
  readonly #watched: BatchCalls | undefined;
  /** Makes the update of the sums, where a step may have several batches. */
  readonly #update: Call | undefined;

  private constructor(runtime: Runtime, parameters: readonly Parameter[], parts: Parts) {
    const { programs, watching, scope, random, tensors, sums } = parts;
    const [first, last] = [programs[0]!, programs.at(-1)!];
    this.#parts = parts;
    this.parameters = parameters;
    this.tensors = tensors;
    const fed = new Set(programs.flatMap(({ inputs }) => inputs.map(({ name }) => name)));
    const scalars = [...scope.scalars.keys()].filter((name) => fed.has(name));
    this.#scalars = new Map(scalars.map((name) => [name, runtime.tensor('float32', [])]));
    const kept = new Map([...tensors, ...sums, ...this.#scalars]);
    if (random && fed.has(randomInput)) {
      this.#keys = runtime.tensor('int64', [random.keysAt(0).length]);
      kept.set(randomInput, this.#keys);
    }

    const written = new Map([...tensors, ...sums].map(([name, tensor]) => [nextName(name), tensor]));
    const reported = (watching ?? last).outputs.filter(({ name }) => !written.has(name));
    this.#reported = new Map(reported.map(({ name }) => [name, runtime.tensor('float32', [])]));
    const into = ({ outputs }: Program) =>
      Object.fromEntries(outputs.map(({ name }) => [name, written.get(name) ?? this.#reported.get(name)!]));
    this.#batches = new BatchCalls(runtime, first, kept, into(first));
    if (watching) this.#watched = new BatchCalls(runtime, watching, kept, into(watching));
    if (last !== first) {
      this.#update = last.bind(Object.fromEntries(last.inputs.map(({ name }) => [name, kept.get(name)!])), into(last));
    }
  }

  /** Compiles a step and lays out its state; rejects with a sentence where a gradient or an initial value does not fit. */
  static async compile(runtime: Runtime, graph: TrainingGraph, options: TrainingStepOptions): Promise<TrainingStep> {
    const { initial, accumulate = false, ...programOptions } = options;
    const { parameters, random, watched } = graph;
    if (parameters.length === 0) throw new Error('There is nothing to train: no weight of this graph changes.');
    if (accumulate && watched)
      throw new Error('A step of several batches cannot be watched: leave out `accumulate`, or `watched`.');
    const programs: Program[] = [];
    const compile = async (outputs: Record<string, Tensor>, label = 'training step') => {
      const program = await runtime.compile(outputs, { memoryPatterns: false, label, ...programOptions });
      programs.push(program);
      return program;
    };
    let watching: Program | undefined;
    const tensors = new Map<string, DeviceTensor>();
    const sums = new Map<string, DeviceTensor>();
    try {
      let scope: StepScope;
      if (accumulate) {
        const step = accumulatedStep(graph);
        ({ scope } = step.update);
        await compile(step.batch);
        await compile(step.update.outputs, 'update of a training step');
        for (const [name, shape] of step.sums) sums.set(name, runtime.tensor('float32', shape));
      } else {
        const step = wholeStep(graph);
        ({ scope } = step);
        await compile(step.outputs);
        if (watched) {
          watching = await compile(watchedStep(graph, watched).outputs, 'watched training step');
          programs.pop();
        }
      }
      if (!random && programs.some(({ inputs }) => inputs.some(({ name }) => name === randomInput))) {
        throw new Error(
          "The graph of the loss draws at random, as dropout does; give its StepRandom as the step's `random`.",
        );
      }
      for (const parameter of parameters) {
        const values = await initial(parameter);
        const count = parameter.shape.reduce((product, size) => product * size, 1);
        if (values.length !== count) {
          throw new Error(
            `The weight '${parameter.name}' has ${count} numbers; ${values.length} were given to begin with.`,
          );
        }
        tensors.set(`weight.${parameter.name}`, runtime.tensor('float32', parameter.shape, values));
      }
      for (const [name, { shape }] of scope.states) tensors.set(name, runtime.tensor('float32', shape));
      return new TrainingStep(runtime, parameters, { programs, watching, scope, random, tensors, sums });
    } catch (error) {
      for (const tensor of [...tensors.values(), ...sums.values()]) tensor.release();
      for (const program of programs) program.release();
      watching?.release();
      throw error;
    }
  }

  /**
   * One step on one batch, or on several that count by the graph's `weight`; loss and metrics are then their weighted means. An aborted
   * signal ends it between two nodes; weights may then be half new: load them again or drop them.
   */
  async run(batch: StepInputs | readonly StepInputs[], signal?: AbortSignal): Promise<StepResult> {
    const batches = isList(batch) ? batch : [batch];
    if (batches.length !== 1 && !this.#update) {
      throw new Error(
        `A step of ${batches.length} batches was asked for; compile it with \`accumulate: true\`, or give it one.`,
      );
    }
    if (batches.length === 0) throw new Error('A step needs at least one batch; got none.');
    for (const sum of this.#parts.sums.values()) clear(sum);
    this.#tell();
    for (const [place, one] of batches.entries()) {
      this.#keys?.write(this.#parts.random!.keysAt(this.done, place));
      await this.#batches.run(one, signal);
    }
    await this.#update?.run(signal);
    return this.#result(this.#parts.programs.at(-1)!);
  }

  /**
   * The same step on one batch, to the same bits, which also says what the graph calls `watched` among its metrics. Throws where the graph
   * has nothing to be watched.
   */
  async watch(batch: StepInputs, signal?: AbortSignal): Promise<StepResult> {
    if (!this.#watched) throw new Error('Nothing of this step is watched; compile it with `watched`.');
    this.#tell();
    this.#keys?.write(this.#parts.random!.keysAt(this.done, 0));
    await this.#watched.run(batch, signal);
    return this.#result(this.#parts.watching!);
  }

  /** New values for every weight, zeros for what the optimiser keeps: another training from its first step, by the same programs. */
  async restart(initial: TrainingStepOptions['initial']): Promise<void> {
    for (const parameter of this.parameters)
      this.tensors.get(`weight.${parameter.name}`)!.write(await initial(parameter));
    for (const [name, tensor] of this.tensors) if (!name.startsWith('weight.')) clear(tensor);
    this.done = 0;
  }

  #tell(): void {
    for (const [name, value] of this.#parts.scope.scalarsAt(this.done))
      this.#scalars.get(name)?.write(Float32Array.of(value));
  }

  /** What a program has said of the step that it ended. */
  #result({ outputs }: Program): StepResult {
    this.done += 1;
    const read = (name: string) => (this.#reported.get(name)!.read() as Float32Array)[0]!;
    const metrics: Record<string, number> = {};
    for (const { name } of outputs) {
      if (name.startsWith('metric.')) metrics[name.slice('metric.'.length)] = read(name);
    }
    return { step: this.done, loss: read('loss'), gradientNorm: read('gradientNorm'), metrics };
  }

  /** A copy of a weight's values. */
  weight(name: string): Float32Array {
    const tensor = this.tensors.get(`weight.${name}`);
    if (!tensor) throw new Error(`The weight '${name}' is not trained here.`);
    return tensor.read() as Float32Array;
  }

  release(): void {
    this.#batches.release();
    this.#watched?.release();
    this.#update?.release();
    const { programs, watching, tensors, sums } = this.#parts;
    for (const program of programs) program.release();
    watching?.release();
    for (const tensor of [...tensors.values(), ...sums.values(), ...this.#reported.values(), ...this.#scalars.values()])
      tensor.release();
    this.#keys?.release();
  }
}

const isList = <T>(value: T | readonly T[]): value is readonly T[] => Array.isArray(value);

const zeros = new Float32Array(2 ** 16);

function clear(tensor: DeviceTensor): void {
  const count = tensor.shape.reduce((product, size) => product * size, 1);
  for (let at = 0; at < count; at += zeros.length) {
    tensor.write(count - at < zeros.length ? zeros.subarray(0, count - at) : zeros, at);
  }
}
