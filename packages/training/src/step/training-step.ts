import { gradient, type Segment, type Tensor } from '@working-papers/graph';
import type { Call, DeviceTensor, HostTensor, Program, ProgramOptions, Runtime } from '@working-papers/runtime';
import { type AfterUpdate, applyUpdates } from '../optimisers/apply.ts';
import { globalNorm } from '../optimisers/clipping.ts';
import { checkInPlace } from '../optimisers/in-place.ts';
import type { Transformation } from '../optimisers/transformation.ts';
import type { Parameter, Updates } from '../parameters.ts';
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
  /** What is computed again in the backward pass instead of being kept; see `layerSegments`. */
  recompute?: readonly Segment[];
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

/** A batch's inputs by name, as the graph of the loss has them. */
export type StepInputs = Readonly<Record<string, HostTensor>>;

/** Batches of different shapes whose tensors are kept. */
const mostShapes = 8;

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
  readonly #runtime: Runtime;
  readonly #program: Program;
  readonly #scope: StepScope;
  readonly #scalars: ReadonlyMap<string, DeviceTensor>;
  readonly #reported: ReadonlyMap<string, DeviceTensor>;
  readonly #calls = new Map<string, { call: Call; inputs: Record<string, DeviceTensor> }>();
  readonly #outputs: Record<string, DeviceTensor> = {};

  private constructor(
    runtime: Runtime,
    program: Program,
    { parameters }: TrainingGraph,
    scope: StepScope,
    tensors: ReadonlyMap<string, DeviceTensor>,
  ) {
    this.#runtime = runtime;
    this.#program = program;
    this.parameters = parameters;
    this.tensors = tensors;
    this.#scope = scope;
    const fed = new Set(program.inputs.map(({ name }) => name));
    const scalars = [...scope.scalars.keys()].filter((name) => fed.has(name));
    this.#scalars = new Map(scalars.map((name) => [name, runtime.tensor('float32', [])]));
    const reported = new Map<string, DeviceTensor>();
    const kept = new Map([...tensors].map(([name, tensor]) => [nextName(name), tensor]));
    for (const { name } of program.outputs) {
      const tensor = kept.get(name) ?? runtime.tensor('float32', []);
      if (!kept.has(name)) reported.set(name, tensor);
      this.#outputs[name] = tensor;
    }
    this.#reported = reported;
  }

  /** Compiles a step and lays out its state; rejects with a sentence where a gradient or an initial value does not fit. */
  static async compile(runtime: Runtime, graph: TrainingGraph, options: TrainingStepOptions): Promise<TrainingStep> {
    const { initial, ...programOptions } = options;
    const { loss, parameters, optimiser, metrics = {}, afterUpdate, recompute } = graph;
    if (parameters.length === 0) throw new Error('There is nothing to train: no weight of this graph changes.');
    const gradients = gradient(
      loss,
      parameters.map(({ tensor }) => tensor),
      { recompute },
    );
    const updates: Updates = new Map(parameters.map(({ name }, index) => [name, gradients[index]!]));
    const gradientNorm = globalNorm(updates);
    const reported: Record<string, Tensor> = { loss, gradientNorm };
    for (const [name, metric] of Object.entries(metrics)) reported[`metric.${name}`] = metric;
    const scope = new StepScope({ after: Object.values(reported) });
    const weights = applyUpdates(optimiser(updates, parameters, scope), parameters, afterUpdate);
    const outputs = { ...reported, ...scope.outputs };
    for (const [name, next] of weights) outputs[nextName(`weight.${name}`)] = next;
    const replaced = parameters.flatMap(({ name, tensor }) => {
      const next = weights.get(name);
      return next ? [{ tensor, next }] : [];
    });
    checkInPlace([...replaced, ...scope.states.values()], Object.values(reported));
    const program = await runtime.compile(outputs, {
      memoryPatterns: false,
      label: 'training step',
      ...programOptions,
    });
    const tensors = new Map<string, DeviceTensor>();
    try {
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
      return new TrainingStep(runtime, program, graph, scope, tensors);
    } catch (error) {
      for (const tensor of tensors.values()) tensor.release();
      program.release();
      throw error;
    }
  }

  /** One step on one batch. An aborted signal ends it between two nodes; weights are then half new: load them again or drop them. */
  async run(batch: StepInputs, signal?: AbortSignal): Promise<StepResult> {
    const { call, inputs } = this.#callFor(batch);
    for (const [name, { data }] of Object.entries(batch)) inputs[name]?.write(data);
    for (const [name, value] of this.#scope.scalarsAt(this.done))
      this.#scalars.get(name)?.write(Float32Array.of(value));
    await call.run(signal);
    this.done += 1;
    const read = (name: string) => (this.#reported.get(name)!.read() as Float32Array)[0]!;
    const metrics: Record<string, number> = {};
    for (const name of this.#reported.keys()) {
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
    for (const { call, inputs } of this.#calls.values()) {
      call.release();
      for (const tensor of Object.values(inputs)) tensor.release();
    }
    this.#calls.clear();
    this.#program.release();
    for (const tensor of this.tensors.values()) tensor.release();
    for (const tensor of this.#reported.values()) tensor.release();
    for (const tensor of this.#scalars.values()) tensor.release();
  }

  #callFor(batch: StepInputs): { call: Call; inputs: Record<string, DeviceTensor> } {
    const key = Object.entries(batch)
      .map(([name, { shape }]) => `${name} ${shape.join(' ')}`)
      .sort()
      .join('|');
    const known = this.#calls.get(key);
    if (known) return known;
    if (this.#calls.size >= mostShapes) this.#forgetOldest();
    const inputs: Record<string, DeviceTensor> = {};
    const bound: Record<string, DeviceTensor> = {};
    for (const { name } of this.#program.inputs) {
      const given = batch[name];
      const kept = this.tensors.get(name) ?? this.#scalars.get(name);
      if (!given && !kept) throw new Error(`The batch lacks '${name}', which the loss reads.`);
      if (given) inputs[name] = this.#runtime.tensor(given.dtype, given.shape);
      bound[name] = inputs[name] ?? kept!;
    }
    const made = { call: this.#program.bind(bound, this.#outputs), inputs };
    this.#calls.set(key, made);
    return made;
  }

  #forgetOldest(): void {
    const [key, { call, inputs }] = [...this.#calls][0]!;
    call.release();
    for (const tensor of Object.values(inputs)) tensor.release();
    this.#calls.delete(key);
  }
}
