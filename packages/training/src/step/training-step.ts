import { gradient, type Tensor } from '@working-papers/graph';
import type { DeviceTensor, Program, ProgramOptions, Runtime } from '@working-papers/runtime';
import { type AfterUpdate, applyUpdates } from '../optimisers/apply.ts';
import { globalNorm } from '../optimisers/clipping.ts';
import { checkInPlace } from '../optimisers/in-place.ts';
import type { Transformation } from '../optimisers/transformation.ts';
import type { Parameter, Updates } from '../parameters.ts';
import { BoundProgram, type StepInputs } from './bound-program.ts';
import { nextName, StepScope } from './scope.ts';

/** What one step of training is made of. */
export interface TrainingGraph {
  /** A float32 scalar; its graph's inputs, other than the parameters, are what a batch gives. */
  loss: Tensor;
  /** Further float32 scalars that are handed out after each step. */
  metrics?: Readonly<Record<string, Tensor>>;
  parameters: readonly Parameter[];
  optimiser: Transformation;
  /** Changes each new weight before it is kept. */
  afterUpdate?: AfterUpdate;
  /** What {@link TrainingStep.watch} says beside the metrics; steps that are run otherwise do not compute it. */
  watched?: Watched;
}

/** Float32 scalars about what is inside of a step. */
export interface Watched {
  metrics?: Readonly<Record<string, Tensor>>;
  /** Of the gradients, before the optimiser has them. */
  gradients?(gradients: Updates): Readonly<Record<string, Tensor>>;
  /** Of what is added to the weights. */
  changes?(changes: Updates): Readonly<Record<string, Tensor>>;
}

export interface TrainingStepOptions extends Pick<ProgramOptions, 'threads' | 'signal' | 'label' | 'profile'> {
  /** The values that a parameter begins with. */
  initial(parameter: Parameter): Float32Array | Promise<Float32Array>;
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

/**
 * Forward, backward and update in one program, over weights and optimiser state that stay where they are. The update waits for the
 * norm of all gradients, and with it for every node that reads a weight: until then nothing is overwritten.
 */
export class TrainingStep {
  /** Steps done so far; set it together with {@link tensors} to go on from elsewhere. */
  done = 0;
  readonly parameters: readonly Parameter[];
  /** Weights as `weight.NAME` and what the optimiser keeps as `optimiser.NAME`: all that a step goes on from, with {@link done}. */
  readonly tensors: ReadonlyMap<string, DeviceTensor>;
  readonly #usual: BoundProgram;
  readonly #watching: BoundProgram;

  private constructor(
    parameters: readonly Parameter[],
    tensors: ReadonlyMap<string, DeviceTensor>,
    usual: BoundProgram,
    watching: BoundProgram,
  ) {
    this.parameters = parameters;
    this.tensors = tensors;
    this.#usual = usual;
    this.#watching = watching;
  }

  /** Compiles a step and lays out its state; rejects with a sentence where a gradient or an initial value does not fit. */
  static async compile(runtime: Runtime, graph: TrainingGraph, options: TrainingStepOptions): Promise<TrainingStep> {
    const { initial, ...programOptions } = options;
    const { parameters, watched } = graph;
    if (parameters.length === 0) throw new Error('There is nothing to train: no weight of this graph changes.');
    const compile = async (given: TrainingGraph, label: string): Promise<[Program, StepScope]> => {
      const { outputs, scope } = assemble(given);
      return [await runtime.compile(outputs, { memoryPatterns: false, label, ...programOptions }), scope];
    };
    const { watched: _, ...plain } = graph;
    const programs = [await compile(plain, 'training step')];
    const tensors = new Map<string, DeviceTensor>();
    try {
      if (watched) programs.push(await compile(graph, 'watched training step'));
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
      for (const [name, { shape }] of programs[0]![1].states) tensors.set(name, runtime.tensor('float32', shape));
      const [usual, watching] = programs.map(([program, scope]) => new BoundProgram(runtime, program, scope, tensors));
      return new TrainingStep(parameters, tensors, usual!, watching ?? usual!);
    } catch (error) {
      for (const tensor of tensors.values()) tensor.release();
      for (const [program] of programs) program.release();
      throw error;
    }
  }

  /** One step on one batch. An aborted signal ends it between two nodes; weights are then half new: load them again or drop them. */
  run(batch: StepInputs, signal?: AbortSignal): Promise<StepResult> {
    return this.#step(this.#usual, batch, signal);
  }

  /** The same step, to the same bits, that also computes what the graph calls `watched` and says it among the metrics. */
  watch(batch: StepInputs, signal?: AbortSignal): Promise<StepResult> {
    return this.#step(this.#watching, batch, signal);
  }

  async #step(program: BoundProgram, batch: StepInputs, signal: AbortSignal | undefined): Promise<StepResult> {
    const { loss, gradientNorm, ...reported } = await program.run(batch, this.done, signal);
    this.done += 1;
    const metrics = Object.entries(reported).map(([name, value]) => [name.slice('metric.'.length), value]);
    return { step: this.done, loss: loss!, gradientNorm: gradientNorm!, metrics: Object.fromEntries(metrics) };
  }

  /** Every weight with new values and what the optimiser keeps at zero again, before the first step: another training by the same programs. */
  async restart(initial: TrainingStepOptions['initial']): Promise<void> {
    for (const parameter of this.parameters)
      this.tensors.get(`weight.${parameter.name}`)!.write(await initial(parameter));
    for (const [name, tensor] of this.tensors) {
      if (!name.startsWith('weight.')) tensor.write(new Float32Array(tensor.bytes / 4));
    }
    this.done = 0;
  }

  /** A copy of a weight's values. */
  weight(name: string): Float32Array {
    const tensor = this.tensors.get(`weight.${name}`);
    if (!tensor) throw new Error(`The weight '${name}' is not trained here.`);
    return tensor.read() as Float32Array;
  }

  release(): void {
    for (const program of new Set([this.#usual, this.#watching])) program.release();
    for (const tensor of this.tensors.values()) tensor.release();
  }
}

/** The outputs of a step: what it says as `loss`, `gradientNorm` and `metric.NAME`, and every new value under its `nextName`. */
function assemble({ loss, parameters, optimiser, metrics = {}, afterUpdate, watched }: TrainingGraph): {
  outputs: Record<string, Tensor>;
  scope: StepScope;
} {
  const gradients = gradient(
    loss,
    parameters.map(({ tensor }) => tensor),
  );
  const updates: Updates = new Map(parameters.map(({ name }, index) => [name, gradients[index]!]));
  const reported: Record<string, Tensor> = { loss, gradientNorm: globalNorm(updates) };
  const before = { ...metrics, ...watched?.metrics, ...watched?.gradients?.(updates) };
  for (const [name, metric] of Object.entries(before)) reported[`metric.${name}`] = metric;
  const scope = new StepScope({ after: Object.values(reported) });
  const changes = optimiser(updates, parameters, scope);
  for (const [name, metric] of Object.entries(watched?.changes?.(changes) ?? {})) reported[`metric.${name}`] = metric;
  const weights = applyUpdates(changes, parameters, afterUpdate);
  const outputs = { ...reported, ...scope.outputs };
  for (const [name, next] of weights) outputs[nextName(`weight.${name}`)] = next;
  const replaced = parameters.flatMap(({ name, tensor }) => {
    const next = weights.get(name);
    return next ? [{ tensor, next }] : [];
  });
  checkInPlace([...replaced, ...scope.states.values()], Object.values(reported));
  return { outputs, scope };
}
