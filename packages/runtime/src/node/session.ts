/**
 * An OrtSession: a graph's bytes and its weights become a program that ONNX Runtime can run.
 */
import { rmSync } from 'node:fs';
import { type FileHandle, mkdtemp, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { OnnxProgram } from '@working-papers/graph';
import type { ProgramOptions } from '../index.ts';
import { formatShape } from './element.ts';
import type { Environment } from './environment.ts';
import { check, created } from './library.ts';
import { copyIn, NativeMemory } from './native.ts';
import { stoppable } from './stoppable.ts';

const optimisationLevels = { none: 0, all: 99 } as const;

/** An OrtSession, and the folder of its weights where the system could not remove it at once. */
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
): Promise<Session> {
  const { api } = environment;
  const { signal } = options;
  const settings = sessionOptions(environment, options, label);
  const graph = new NativeMemory(model.model.byteLength);
  copyIn(graph.pointer, 0, model.model);
  let folder: string | undefined;
  try {
    if (model.initializers.length > 0) {
      folder = await makeFolder(label);
      await writeWeights(folder, model, label, signal);
      check(
        api,
        api.AddSessionConfigEntry(settings, 'session.model_external_initializers_file_folder_path', folder),
        label,
      );
    }
    const out: [bigint | null] = [null];
    const status = await stoppable(
      () => createBeside(environment, graph, settings, out),
      () => {
        check(api, api.SessionOptionsSetLoadCancellationFlag(settings, true), label);
        removeFolder(folder);
      },
      signal,
    );
    if (signal?.aborted) {
      if (status) api.ReleaseStatus(status);
      else api.ReleaseSession(out[0]);
      signal.throwIfAborted();
    }
    check(api, status, `${label}: ONNX Runtime refused the graph`);
    const pointer = out[0]!;
    const leftover = removeFolder(folder);
    return {
      pointer,
      release() {
        api.ReleaseSession(pointer);
        removeFolder(leftover);
      },
    };
  } finally {
    removeFolder(folder);
    graph.release();
    api.ReleaseSessionOptions(settings);
  }
}

function createBeside(
  { api, pointer }: Environment,
  graph: NativeMemory,
  settings: bigint,
  out: [bigint | null],
): Promise<bigint | null> {
  return new Promise((resolve, reject) => {
    api.CreateSessionFromArray.async(pointer, graph.pointer, graph.bytes, settings, out, (error, result) =>
      error ? reject(error) : resolve(result),
    );
  });
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
  // Weights in plain memory: the arena would round a block of them up to the next power of two and keep it for ever.
  check(api, api.AddSessionConfigEntry(settings, 'session.use_device_allocator_for_initializers', '1'), label);
  return settings;
}

async function makeFolder(label: string): Promise<string> {
  try {
    return await mkdtemp(path.join(tmpdir(), 'working-papers-weights-'));
  } catch (cause) {
    throw new Error(
      `${label}: weights pass through the temporary folder, and ${tmpdir()} cannot be written (${(cause as Error).message}); ` +
        'name another one in TMPDIR.',
      { cause },
    );
  }
}

/**
 * Writes the file of weights that the model names. ONNX Runtime maps it and packs from there, so a weight is in memory
 * once; handed over as OrtValues, packed weights would be there twice for as long as the program lives. JavaScript holds
 * one weight at a time.
 */
async function writeWeights(
  folder: string,
  { initializers, location }: OnnxProgram,
  label: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const file = await open(path.join(folder, location), 'w');
  try {
    for (const { name, dtype, shape, offset, length, bytes } of initializers) {
      signal?.throwIfAborted();
      const data = bytes();
      if (data.byteLength !== length) {
        throw new Error(
          `${label}: weight "${name}" (${dtype} ${formatShape(shape)}) needs ${length} bytes; its source gave ${data.byteLength}.`,
        );
      }
      await writeAt(file, data, offset).catch((cause: Error) => {
        throw new Error(
          `${label}: weight "${name}" could not be written to ${folder} (${cause.message}). ` +
            'Weights pass through the temporary folder; free space there or name another one in TMPDIR.',
          { cause },
        );
      });
    }
  } finally {
    await file.close();
  }
}

/** Writes all of `data`, in pieces that every system takes. */
async function writeAt(file: FileHandle, data: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < data.byteLength; ) {
    const { bytesWritten } = await file.write(data, done, Math.min(data.byteLength - done, 1 << 30), offset + done);
    done += bytesWritten;
  }
}

/** Removes the folder; gives it back where the system keeps files that are mapped (Windows). */
function removeFolder(folder: string | undefined): string | undefined {
  try {
    if (folder) rmSync(folder, { recursive: true, force: true });
    return undefined;
  } catch {
    return folder;
  }
}
