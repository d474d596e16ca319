/**
 * Where a graph runs: compile it, hold its state, run it, stop it.
 *
 * This entry is pure (types only), so that methods and architectures can be written against it without Node.
 * `@working-papers/runtime/node` has the implementation over ONNX Runtime's C API.
 */
import type { DataType, Tensor, TensorData, ValueInfo } from '@working-papers/graph';

/** Compiles graphs and makes the tensors that live between their runs. */
export interface Runtime {
  /**
   * Compiles the graph behind `outputs` into one program. Weights (`initializer`) become the program's own.
   * Rejects with a sentence when ONNX Runtime refuses the graph, and with the signal's reason when it is aborted.
   */
  compile(outputs: Record<string, Tensor>, options?: ProgramOptions): Promise<Program>;
  /** Memory of the device, aligned to 64 bytes, that never moves; zeros unless `data` is given. */
  tensor(dtype: DataType, shape: readonly number[], data?: TensorData): DeviceTensor;
  /**
   * A runtime within this one for graphs that have weights in common: a weight (one `initializer`) is read, written and packed
   * once, however many of its programs hold it. Raw weights go with the last program that reads them; packed ones stay until
   * this inner runtime is closed. Where the system cannot map files (Windows), each program holds its own.
   */
  sharing(): Runtime;
  /** Releases every program and tensor still open. The runtime cannot be used afterwards. */
  close(): void;
}

export interface ProgramOptions {
  /**
   * Threads of this program alone. Without it the program shares the process's one pool, which is what a process
   * with several programs wants; 1 runs in the calling thread.
   */
  threads?: number;
  device?: 'cpu';
  /** 'none' keeps every node as written; 'all' (the default) lets ONNX Runtime fuse and re-order. */
  optimisation?: 'none' | 'all';
  /** Plans memory by the first run's shapes (faster); turn off for training graphs, which it makes twice as big. Default true. */
  memoryPatterns?: boolean;
  /** Writes the time of every node of every run to `<profile>_<date>.json` (Chrome trace events) when the program is released. Not on Windows. */
  profile?: string;
  signal?: AbortSignal;
  /** Names the program in error sentences. */
  label?: string;
}

/** A tensor in the device's memory. Reads and writes copy; programs use the memory in place. */
export interface DeviceTensor {
  readonly dtype: DataType;
  readonly shape: readonly number[];
  /** Size of the values in bytes. */
  readonly bytes: number;
  /** Copies `data` to the place `offset` (in elements, default 0). */
  write(data: TensorData, offset?: number): void;
  /** A copy of `count` elements from `offset` (in elements; default all). */
  read(offset?: number, count?: number): TensorData;
  /** The memory itself, without a copy; for small tensors (at most 1 MiB) that JavaScript reads or writes at each step. */
  view(): TensorData;
  /** Copies `count` elements from `start` of another tensor of the same type to `offset`, without JavaScript's memory between. The parts must not overlap. */
  copy(source: DeviceTensor, start: number, offset: number, count: number): void;
  /**
   * The same memory under another shape, from element `offset` (default 0) on; it may end before this tensor does. Must be
   * released like any tensor.
   */
  reshape(shape: readonly number[], offset?: number): DeviceTensor;
  release(): void;
}

/** A tensor in JavaScript's memory. */
export interface HostTensor {
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

/** A compiled graph. */
export interface Program {
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  /**
   * A call with its memory laid out beforehand on both sides, to be run many times without allocating. The same tensor
   * as input and output is state updated in place; no later node of the graph may read the old value then.
   * `outputs` may name fewer than all outputs. Throws a sentence when a name, type or shape does not fit.
   */
  bind(inputs: Record<string, DeviceTensor>, outputs: Record<string, DeviceTensor>): Call;
  /** One run that allocates its outputs and copies them to JavaScript. */
  run(
    inputs: Record<string, DeviceTensor | HostTensor>,
    options?: { outputs?: readonly string[]; signal?: AbortSignal },
  ): Promise<Record<string, HostTensor>>;
  release(): void;
}

/** A program together with the tensors it reads and writes. */
export interface Call {
  /**
   * Runs beside the event loop. An aborted signal ends the run between two nodes and rejects with its reason; state that
   * the run was updating in place is then half new: write it again or drop it.
   */
  run(signal?: AbortSignal): Promise<void>;
  /** Runs in this thread; saves about 30 microseconds a run. */
  runSync(): void;
  release(): void;
}
