import type { Call, DeviceTensor, HostTensor, Program, Runtime } from '@working-papers/runtime';

/** A batch's inputs by name, as the graph of the loss has them. */
export type StepInputs = Readonly<Record<string, HostTensor>>;

/** Batches of different shapes whose tensors are kept. */
const mostShapes = 8;

/** A program over tensors that stay, called with batches of any shapes. */
export class BatchCalls {
  readonly #runtime: Runtime;
  readonly #program: Program;
  readonly #kept: ReadonlyMap<string, DeviceTensor>;
  readonly #outputs: Record<string, DeviceTensor>;
  readonly #calls = new Map<string, { call: Call; inputs: Record<string, DeviceTensor> }>();

  /** `kept` are the inputs that no batch gives. */
  constructor(
    runtime: Runtime,
    program: Program,
    kept: ReadonlyMap<string, DeviceTensor>,
    outputs: Record<string, DeviceTensor>,
  ) {
    this.#runtime = runtime;
    this.#program = program;
    this.#kept = kept;
    this.#outputs = outputs;
  }

  async run(batch: StepInputs, signal?: AbortSignal): Promise<void> {
    const { call, inputs } = this.#callFor(batch);
    for (const [name, { data }] of Object.entries(batch)) inputs[name]?.write(data);
    await call.run(signal);
  }

  /** Frees the calls and the batches' tensors; program and other tensors are their makers'. */
  release(): void {
    for (const key of [...this.#calls.keys()]) this.#forget(key);
  }

  #callFor(batch: StepInputs): { call: Call; inputs: Record<string, DeviceTensor> } {
    const key = Object.entries(batch)
      .map(([name, { shape }]) => `${name} ${shape.join(' ')}`)
      .sort()
      .join('|');
    const known = this.#calls.get(key);
    if (known) return known;
    if (this.#calls.size >= mostShapes) this.#forget([...this.#calls.keys()][0]!);
    const inputs: Record<string, DeviceTensor> = {};
    const bound: Record<string, DeviceTensor> = {};
    for (const { name } of this.#program.inputs) {
      const given = batch[name];
      const kept = this.#kept.get(name);
      if (!given && !kept) throw new Error(`The batch lacks '${name}', which the loss reads.`);
      if (given) inputs[name] = this.#runtime.tensor(given.dtype, given.shape);
      bound[name] = inputs[name] ?? kept!;
    }
    const made = { call: this.#program.bind(bound, this.#outputs), inputs };
    this.#calls.set(key, made);
    return made;
  }

  #forget(key: string): void {
    const { call, inputs } = this.#calls.get(key)!;
    call.release();
    for (const tensor of Object.values(inputs)) tensor.release();
    this.#calls.delete(key);
  }
}
