import { type DataType, type OnnxProgram, type Tensor, type TensorData, toOnnx } from '@working-papers/graph';
import type { ProgramOptions, Runtime } from '../index.ts';
import { elementCount, formatShape } from './element.ts';
import { type Environment, type EnvironmentOptions, openEnvironment } from './environment.ts';
import { NativeProgram } from './program.ts';
import { createSession } from './session.ts';
import { NativeTensor } from './tensor.ts';
import { SharedWeights } from './weights.ts';

/** The runtime over ONNX Runtime's C API. */
export class NodeRuntime implements Runtime {
  readonly #environment: Environment;
  readonly #programs = new Set<NativeProgram>();
  readonly #sharing = new Set<NodeRuntime>();
  readonly #weights: SharedWeights | undefined;
  readonly #onClose: (() => void) | undefined;
  #closed = false;

  /** With `weights`, they are those of all its programs, and go with it. */
  constructor(environment: Environment, weights?: SharedWeights, onClose?: () => void) {
    this.#environment = environment;
    this.#weights = weights;
    this.#onClose = onClose;
  }

  /** Threads of the pool that programs share. */
  get threads(): number {
    return this.#environment.threads;
  }

  async compile(outputs: Record<string, Tensor>, options: ProgramOptions = {}): Promise<NativeProgram> {
    return this.load(toOnnx(outputs), options);
  }

  /** Compiles a graph that is already in ONNX's form. */
  async load(model: OnnxProgram, options: ProgramOptions = {}): Promise<NativeProgram> {
    this.#checkOpen();
    options.signal?.throwIfAborted();
    const label = options.label ? `Program "${options.label}"` : 'The program';
    const session = await createSession(this.#environment, model, options, label, this.#weights);
    const program = new NativeProgram(this.#environment, session, label, model, (released) =>
      this.#programs.delete(released),
    );
    if (this.#closed) {
      program.release();
      this.#checkOpen();
    }
    this.#programs.add(program);
    return program;
  }

  sharing(): NodeRuntime {
    this.#checkOpen();
    const environment = { ...this.#environment, tensors: new Set<NativeTensor>() };
    const sharing = new NodeRuntime(environment, new SharedWeights(environment, { pack: true }), () =>
      this.#sharing.delete(sharing),
    );
    this.#sharing.add(sharing);
    return sharing;
  }

  tensor(dtype: DataType, shape: readonly number[], data?: TensorData): NativeTensor {
    this.#checkOpen();
    if (data && data.length !== elementCount(shape)) {
      throw new RangeError(
        `A tensor of shape ${formatShape(shape)} has ${elementCount(shape)} elements; the data given has ${data.length}.`,
      );
    }
    const tensor = new NativeTensor(this.#environment, dtype, shape);
    try {
      if (data) tensor.write(data);
    } catch (error) {
      tensor.release();
      throw error;
    }
    return tensor;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const sharing of [...this.#sharing]) sharing.close();
    for (const program of [...this.#programs]) program.release();
    for (const tensor of [...this.#environment.tensors]) tensor.release();
    this.#weights?.release();
    this.#onClose?.();
  }

  #checkOpen(): void {
    if (this.#closed) throw new Error('The runtime was closed.');
  }
}

/**
 * ONNX Runtime for this process. Several runtimes of one process share its thread pool, which the first one sizes;
 * each closes its own programs and tensors.
 */
export function createRuntime(options: EnvironmentOptions = {}): NodeRuntime {
  return new NodeRuntime(openEnvironment(options));
}
