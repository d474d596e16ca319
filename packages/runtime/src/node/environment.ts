/**
 * ONNX Runtime in this process: one environment with one thread pool for all programs, because two spinning pools that
 * alternate halve each other.
 */

import type { Api } from './api-table.ts';
import { physicalCores } from './cores.ts';
import { check, created, findLibrary, loadApi } from './library.ts';
import type { NativeTensor } from './tensor.ts';

export interface EnvironmentOptions {
  /** Threads of the pool, the caller's among them. Default: the physical cores that this process may use. */
  threads?: number;
  /** Whether idle threads wait actively for a moment (default true: small operations follow each other faster). */
  spinning?: boolean;
  /** Another build of ONNX Runtime of the same version. Default: ORT_LIBRARY, else the one of onnxruntime-node. */
  library?: string;
}

export interface Environment {
  readonly api: Api;
  /** The OrtEnv. */
  readonly pointer: bigint;
  /** The OrtMemoryInfo of ordinary memory. */
  readonly memoryInfo: bigint;
  readonly threads: number;
  readonly spinning: boolean;
  readonly library: string;
  /** Tensors not yet released by their owner. */
  readonly tensors: Set<NativeTensor>;
}

/** Errors are thrown, so ONNX Runtime need not print them as well. */
const logSeverityFatal = 4;
let opened: Omit<Environment, 'tensors'> | undefined;

/**
 * The process's environment, made by the first call. ONNX Runtime has one per process, so a later call that asks for
 * other threads, spinning or library throws.
 */
export function openEnvironment(options: EnvironmentOptions = {}): Environment {
  const { threads } = options;
  if (threads !== undefined && (!Number.isInteger(threads) || threads < 1)) {
    throw new RangeError(`The number of threads must be a whole number of at least 1; got ${threads}.`);
  }
  opened ??= create(options);
  for (const key of ['threads', 'spinning', 'library'] as const) {
    if (options[key] !== undefined && options[key] !== opened[key]) {
      throw new Error(
        `This process already runs ONNX Runtime with ${key} = ${opened[key]}, so ${key} = ${options[key]} cannot be had; ` +
          'set it when the first runtime is created, or use another process.',
      );
    }
  }
  return { ...opened, tensors: new Set() };
}

/**
 * The answer to a short question that runs to its end at once. Where no environment is open, it gets one that is gone
 * afterwards: a question must not decide the size of the pool, which is the first runtime's to choose.
 */
export function askEnvironment<T>(question: (environment: Environment) => T): T {
  if (opened) return question({ ...opened, tensors: new Set() });
  const environment = create({ threads: 1 });
  try {
    return question({ ...environment, tensors: new Set() });
  } finally {
    environment.api.ReleaseMemoryInfo(environment.memoryInfo);
    environment.api.ReleaseEnv(environment.pointer);
  }
}

function create(options: EnvironmentOptions): Omit<Environment, 'tensors'> {
  const library = findLibrary(options.library);
  const api = loadApi(library);
  const threads = options.threads ?? physicalCores();
  const spinning = options.spinning ?? true;
  const doing = "ONNX Runtime's environment";
  const pool = created(api, doing, (out) => api.CreateThreadingOptions(out));
  try {
    check(api, api.SetGlobalIntraOpNumThreads(pool, threads), doing);
    check(api, api.SetGlobalInterOpNumThreads(pool, 1), doing);
    check(api, api.SetGlobalSpinControl(pool, spinning ? 1 : 0), doing);
    const pointer = created(api, doing, (out) =>
      api.CreateEnvWithGlobalThreadPools(logSeverityFatal, 'working-papers', pool, out),
    );
    check(api, api.DisableTelemetryEvents(pointer), doing);
    const [deviceAllocator, defaultMemory] = [0, 0];
    const memoryInfo = created(api, doing, (out) => api.CreateCpuMemoryInfo(deviceAllocator, defaultMemory, out));
    return { api, pointer, memoryInfo, threads, spinning, library };
  } finally {
    api.ReleaseThreadingOptions(pool);
  }
}
