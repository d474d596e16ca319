import type { Call } from '../index.ts';
import type { Environment } from './environment.ts';
import { check, created } from './library.ts';
import { type NativeMemory, type Pointer, pointerArray, readPointers, stringArray } from './native.ts';
import { stoppable } from './stoppable.ts';
import type { NativeTensor } from './tensor.ts';

/** Arguments of OrtApi.Run after session and options, laid out in native memory once. */
interface Arguments {
  inputNames: NativeMemory;
  inputs: NativeMemory;
  inputCount: number;
  outputNames: NativeMemory;
  outputs: NativeMemory;
  outputCount: number;
}

/**
 * A session with names and values of its inputs and outputs. An output without a tensor is allocated by ONNX Runtime at
 * each run; `takeOutputs` hands those over.
 */
export class BoundCall implements Call {
  readonly #environment: Environment;
  readonly #session: bigint;
  readonly #label: string;
  readonly #tensors: readonly NativeTensor[];
  readonly #arguments: Arguments;
  readonly #options: bigint;
  readonly #onRelease: (call: BoundCall) => void;
  #running = false;
  #released = false;
  #freed = false;

  constructor(
    environment: Environment,
    session: bigint,
    label: string,
    inputs: Record<string, NativeTensor>,
    outputs: Record<string, NativeTensor | null>,
    onRelease: (call: BoundCall) => void,
  ) {
    this.#environment = environment;
    this.#session = session;
    this.#label = label;
    this.#onRelease = onRelease;
    const [sources, targets] = [Object.values(inputs), Object.values(outputs)];
    this.#tensors = [...new Set([...sources, ...targets])].filter((tensor) => tensor !== null);
    this.#options = created(environment.api, label, (out) => environment.api.CreateRunOptions(out));
    for (const tensor of this.#tensors) tensor.retain();
    this.#arguments = {
      inputNames: stringArray(Object.keys(inputs)),
      inputs: pointerArray(sources.map(({ value }) => value)),
      inputCount: sources.length,
      outputNames: stringArray(Object.keys(outputs)),
      outputs: pointerArray(targets.map((tensor) => tensor?.value ?? null)),
      outputCount: targets.length,
    };
  }

  async run(signal?: AbortSignal): Promise<void> {
    this.#checkIdle();
    signal?.throwIfAborted();
    const { api } = this.#environment;
    this.#running = true;
    try {
      const status = await stoppable(
        () => this.#runBeside(),
        () => this.#terminate(),
        signal,
      );
      if (signal?.aborted || this.#released) {
        // A run that was in its last node ends well all the same; whoever ended it is told that it was ended.
        if (status !== null) api.ReleaseStatus(status);
        signal?.throwIfAborted();
        throw new Error(`${this.#label}: the call was released while it ran.`);
      }
      check(api, status, this.#label);
    } finally {
      this.#running = false;
      if (this.#released) this.#free();
      else check(api, api.RunOptionsUnsetTerminate(this.#options), this.#label);
    }
  }

  #runBeside(): Promise<Pointer> {
    const { inputNames, inputs, inputCount, outputNames, outputs, outputCount } = this.#arguments;
    return new Promise((resolve, reject) => {
      this.#environment.api.Run.async(
        this.#session,
        this.#options,
        inputNames.pointer,
        inputs.pointer,
        inputCount,
        outputNames.pointer,
        outputCount,
        outputs.pointer,
        (error, result) => (error ? reject(error) : resolve(result)),
      );
    });
  }

  /** Ends a run between two nodes. */
  #terminate(): void {
    check(this.#environment.api, this.#environment.api.RunOptionsSetTerminate(this.#options), this.#label);
  }

  runSync(): void {
    this.#checkIdle();
    const { api } = this.#environment;
    const { inputNames, inputs, inputCount, outputNames, outputs, outputCount } = this.#arguments;
    check(
      api,
      api.Run(
        this.#session,
        this.#options,
        inputNames.pointer,
        inputs.pointer,
        inputCount,
        outputNames.pointer,
        outputCount,
        outputs.pointer,
      ),
      this.#label,
    );
  }

  /** The OrtValues of the outputs after a run, in order. */
  takeOutputs(): bigint[] {
    return readPointers(this.#arguments.outputs, this.#arguments.outputCount);
  }

  /** Ends a run that is under way, then frees what the call holds. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    if (this.#running) this.#terminate();
    else this.#free();
  }

  #free(): void {
    if (this.#freed) return;
    this.#freed = true;
    const { inputNames, inputs, outputNames, outputs } = this.#arguments;
    for (const memory of [inputNames, inputs, outputNames, outputs]) memory.release();
    this.#environment.api.ReleaseRunOptions(this.#options);
    for (const tensor of this.#tensors) tensor.drop();
    this.#onRelease(this);
  }

  #checkIdle(): void {
    if (this.#released) throw new Error(`${this.#label}: the call was released.`);
    if (this.#running) throw new Error(`${this.#label}: the call is still running; await it before running it again.`);
  }
}
