/**
 * An OrtSession: a graph's bytes and its weights become a program that ONNX Runtime can run.
 */
import type { OnnxProgram } from '@working-papers/graph';
import type { ProgramOptions } from '../index.ts';
import type { Environment } from './environment.ts';
import { check, created } from './library.ts';
import { copyIn, NativeMemory, returnFreedMemory } from './native.ts';
import { stoppable } from './stoppable.ts';
import { type ProgramWeights, type SharedWeights, takeWeights } from './weights.ts';

/** Programs with this many bytes of weights leave behind what is worth giving back. */
const muchMemory = 8 << 20;

/** Milliseconds. */
const evictionInterval = 10;

/** What ONNX Runtime says of a kernel whose packed weights cannot be shared. */
const packsAlone = /implementation that can cache computed pre-packed weights/;

const optimisationLevels = { none: 0, all: 99 } as const;

/** An OrtSession with its weights. */
export interface Session {
  readonly pointer: bigint;
  release(): void;
}

/** Creates the session. `label` begins each error's sentence. */
export async function createSession(
  environment: Environment,
  model: OnnxProgram,
  options: ProgramOptions,
  label: string,
  shared?: SharedWeights,
): Promise<Session> {
  const { api } = environment;
  const { signal } = options;
  const settings = sessionOptions(environment, options, label);
  const graph = new NativeMemory(model.model.byteLength);
  copyIn(graph.pointer, 0, model.model);
  const heavy = model.initializers.reduce((sum, { length }) => sum + length, 0) >= muchMemory;
  let weights: ProgramWeights | undefined;
  try {
    weights = await takeWeights(environment, model, label, { shared, signal });
    weights.give(settings);
    const { container, evict, release } = weights;
    const create = (into?: bigint) => createBeside(environment, graph, settings, into, { label, evict, signal });
    const pointer = await create(container).catch((error) => {
      // Some kernels pack for themselves alone (half-precision norms do); their program then packs all its weights itself.
      if (container !== undefined && packsAlone.test(error.message)) return create();
      throw error;
    });
    evict();
    if (heavy) returnFreedMemory();
    weights = undefined;
    return {
      pointer,
      release() {
        api.ReleaseSession(pointer);
        release();
        if (heavy) returnFreedMemory();
      },
    };
  } finally {
    weights?.release();
    graph.release();
    api.ReleaseSessionOptions(settings);
  }
}

/** Creates the session beside the event loop, and can be stopped. */
async function createBeside(
  { api, pointer }: Environment,
  graph: NativeMemory,
  settings: bigint,
  container: bigint | undefined,
  { label, evict, signal }: { label: string; evict(): void; signal: AbortSignal | undefined },
): Promise<bigint> {
  const out: [bigint | null] = [null];
  const create = () =>
    new Promise<bigint | null>((resolve, reject) => {
      const done = (error: Error | null, status: bigint | null) => (error ? reject(error) : resolve(status));
      const { CreateSessionFromArray: alone, CreateSessionFromArrayWithPrepackedWeightsContainer: sharing } = api;
      if (container === undefined) alone.async(pointer, graph.pointer, graph.bytes, settings, out, done);
      else sharing.async(pointer, graph.pointer, graph.bytes, settings, container, out, done);
    });
  const cancel = () => check(api, api.SessionOptionsSetLoadCancellationFlag(settings, true), label);
  // What has been packed need not stay in memory until all is.
  const evicting = setInterval(evict, evictionInterval);
  const status = await stoppable(create, cancel, signal).finally(() => clearInterval(evicting));
  if (signal?.aborted) {
    if (status) api.ReleaseStatus(status);
    else api.ReleaseSession(out[0]);
    signal.throwIfAborted();
  }
  check(api, status, `${label}: ONNX Runtime refused the graph`);
  return out[0]!;
}

/** The session of a graph without external weights and with one thread, created before it returns. */
export function createSmallSession(environment: Environment, program: OnnxProgram, label: string): Session {
  const { api } = environment;
  const settings = sessionOptions(environment, { threads: 1 }, label);
  const graph = new NativeMemory(program.model.byteLength);
  copyIn(graph.pointer, 0, program.model);
  try {
    const pointer = created(api, label, (out) =>
      api.CreateSessionFromArray(environment.pointer, graph.pointer, graph.bytes, settings, out),
    );
    return { pointer, release: () => api.ReleaseSession(pointer) };
  } finally {
    graph.release();
    api.ReleaseSessionOptions(settings);
  }
}

function sessionOptions(environment: Environment, options: ProgramOptions, label: string): bigint {
  const { api } = environment;
  const { device = 'cpu', optimisation = 'all', threads, memoryPatterns = true, profile } = options;
  if (device !== 'cpu') throw new Error(`${label}: there is no device "${device}"; this build runs on "cpu".`);
  if (optimisationLevels[optimisation] === undefined) {
    throw new Error(`${label}: optimisation is "none" or "all"; got "${optimisation}".`);
  }
  if (threads !== undefined && (!Number.isInteger(threads) || threads < 1)) {
    throw new RangeError(`${label}: the number of threads must be a whole number of at least 1; got ${threads}.`);
  }
  const settings = created(api, label, (out) => api.CreateSessionOptions(out));
  check(api, api.SetSessionGraphOptimizationLevel(settings, optimisationLevels[optimisation]), label);
  if (threads === undefined) check(api, api.DisablePerSessionThreads(settings), label);
  else check(api, api.SetIntraOpNumThreads(settings, threads), label);
  if (!memoryPatterns) check(api, api.DisableMemPattern(settings), label);
  if (profile !== undefined) {
    if (process.platform === 'win32') throw new Error(`${label}: profiles cannot be written on Windows.`);
    check(api, api.EnableProfiling(settings, profile), label);
  }
  // The kernel that this would put in place of a sum and a layer norm takes several times their time.
  check(
    api,
    api.AddSessionConfigEntry(settings, 'optimization.disable_specified_optimizers', 'SkipLayerNormFusion'),
    label,
  );
  // Weights in plain memory: the arena would round a block of them up to the next power of two and keep it for ever.
  check(api, api.AddSessionConfigEntry(settings, 'session.use_device_allocator_for_initializers', '1'), label);
  return settings;
}
