import type { Call, DeviceTensor, HostTensor, Program, Runtime } from '@working-papers/runtime';
import { nextName, type StepScope } from './scope.ts';

/** A batch's inputs by name, as the graph of the loss has them. */
export type StepInputs = Readonly<Record<string, HostTensor>>;

/** Batches of different shapes whose tensors are kept. */
const mostShapes = 8;

/** A program over weights and state that it updates in place, with the scalars that it is told and those that it says. */
export class BoundProgram {
  readonly #runtime: Runtime;
  readonly #program: Program;
  readonly #scope: StepScope;
  readonly #tensors: ReadonlyMap<string, DeviceTensor>;
  readonly #scalars: ReadonlyMap<string, DeviceTensor>;
  readonly #reported: ReadonlyMap<string, DeviceTensor>;
  readonly #calls = new Map<string, { call: Call; inputs: Record<string, DeviceTensor> }>();
  readonly #outputs: Record<string, DeviceTensor> = {};

  /** @param tensors what the program replaces, by the names of its inputs; they belong to whoever gives them */
  constructor(runtime: Runtime, program: Program, scope: StepScope, tensors: ReadonlyMap<string, DeviceTensor>) {
    this.#runtime = runtime;
    this.#program = program;
    this.#scope = scope;
    this.#tensors = tensors;
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

  /** Runs it with the scalars of the step that follows `done` others; answers what it reports, by name. */
  async run(batch: StepInputs, done: number, signal?: AbortSignal): Promise<Record<string, number>> {
    const { call, inputs } = this.#callFor(batch);
    for (const [name, { data }] of Object.entries(batch)) inputs[name]?.write(data);
    for (const [name, value] of this.#scope.scalarsAt(done)) this.#scalars.get(name)?.write(Float32Array.of(value));
    await call.run(signal);
    return Object.fromEntries([...this.#reported].map(([name, tensor]) => [name, (tensor.read() as Float32Array)[0]!]));
  }

  release(): void {
    for (const { call, inputs } of this.#calls.values()) {
      call.release();
      for (const tensor of Object.values(inputs)) tensor.release();
    }
    this.#calls.clear();
    this.#program.release();
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
      const kept = this.#tensors.get(name) ?? this.#scalars.get(name);
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
