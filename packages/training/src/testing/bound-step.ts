/** Runs a step of training over memory that it updates, for tests. */
import type { Tensor } from '@working-papers/graph';
import type { Call, DeviceTensor, Program, ProgramOptions, Runtime } from '@working-papers/runtime';
import { checkInPlace, type Replaced } from '../optimisers/in-place.ts';
import { nextName, type StepScope } from '../step/scope.ts';

export interface StepGraph {
  /** Holds the states and scalars of the optimiser. */
  scope: StepScope;
  /** Weights: inputs with their new values. */
  weights: readonly Replaced[];
  /** Other outputs, by name: a loss, a norm. */
  outputs?: Record<string, Tensor>;
}

export interface BoundStepOptions {
  /** New values are written over the old ones; else into buffers of their own that take turns. Default true. */
  inPlace?: boolean;
  optimisation?: ProgramOptions['optimisation'];
}

export class BoundStep {
  readonly #program: Program;
  readonly #tensors: ReadonlyMap<string, DeviceTensor>;
  /** What the step replaces: where the old value is, and where the new one goes. */
  readonly #replaced: ReadonlyMap<string, [DeviceTensor, DeviceTensor]>;
  readonly #calls: readonly Call[];
  readonly #scope: StepScope;
  #steps = 0;

  private constructor(
    program: Program,
    tensors: ReadonlyMap<string, DeviceTensor>,
    replaced: ReadonlyMap<string, [DeviceTensor, DeviceTensor]>,
    calls: readonly Call[],
    scope: StepScope,
  ) {
    this.#program = program;
    this.#tensors = tensors;
    this.#replaced = replaced;
    this.#calls = calls;
    this.#scope = scope;
  }

  static async compile(
    runtime: Runtime,
    { scope, weights, outputs = {} }: StepGraph,
    { inPlace = true, optimisation = 'all' }: BoundStepOptions = {},
  ): Promise<BoundStep> {
    const replaced = [...scope.states.values(), ...weights];
    if (inPlace) checkInPlace(replaced, Object.values(outputs));
    const next = replaced.map(({ tensor, next }) => [nextName(tensor.name!), next] as const);
    const program = await runtime.compile(
      { ...outputs, ...Object.fromEntries(next) },
      { optimisation, memoryPatterns: false, label: 'step' },
    );
    const fresh = ({ dtype, shape }: Tensor | Program['inputs'][number]) =>
      runtime.tensor(dtype, shape as readonly number[]);
    const inputs = new Map(program.inputs.map((info) => [info.name, fresh(info)]));
    // A weight or state that the graph never reads has no input; there is nothing to replace.
    const pairs = new Map(
      replaced.flatMap(({ tensor }) => {
        const old = inputs.get(tensor.name!);
        return old
          ? [[tensor.name!, [old, inPlace ? old : fresh(tensor)] as [DeviceTensor, DeviceTensor]] as const]
          : [];
      }),
    );
    const others = Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, fresh(tensor)]));
    const bind = (from: 0 | 1, to: 0 | 1) =>
      program.bind(Object.fromEntries([...inputs].map(([name, tensor]) => [name, pairs.get(name)?.[from] ?? tensor])), {
        ...others,
        ...Object.fromEntries([...pairs].map(([name, pair]) => [nextName(name), pair[to]])),
      });
    const calls = inPlace ? [bind(0, 0)] : [bind(0, 1), bind(1, 0)];
    return new BoundStep(program, new Map([...inputs, ...Object.entries(others)]), pairs, calls, scope);
  }

  /** Gives an input (a weight, a state, a gradient, data) its value. */
  write(name: string, data: Float32Array): void {
    this.#current(name).write(data);
  }

  /** An input or output as it is now, in JavaScript's memory. */
  read(name: string): Float32Array {
    return this.#current(name).read() as Float32Array;
  }

  /** Does one step. */
  async run(): Promise<void> {
    for (const [name, value] of this.#scope.scalarsAt(this.#steps))
      this.#tensors.get(name)?.write(Float32Array.of(value));
    await this.#calls[this.#steps % this.#calls.length]!.run();
    this.#steps += 1;
  }

  /** Frees the program and its memory. */
  release(): void {
    for (const call of this.#calls) call.release();
    this.#program.release();
    for (const tensor of [...this.#tensors.values(), ...[...this.#replaced.values()].flat()]) tensor.release();
  }

  #current(name: string): DeviceTensor {
    const tensor = this.#replaced.get(name)?.[this.#steps % this.#calls.length] ?? this.#tensors.get(name);
    if (!tensor) throw new Error(`The step has no input or output "${name}".`);
    return tensor;
  }
}
