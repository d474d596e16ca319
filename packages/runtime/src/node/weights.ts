/**
 * How programs hold their weights: raw in a mapped file, which costs memory only while it is read, and in the form that kernels
 * pack, which programs that share have once.
 */
import type { FileHandle } from 'node:fs/promises';
import type { OnnxInitializer, OnnxProgram } from '@working-papers/graph';
import { elements } from './element.ts';
import type { Environment } from './environment.ts';
import { check, created } from './library.ts';
import { canMapFiles, MappedFile } from './mapped-file.ts';
import { collectGarbage } from './memory.ts';
import { alignment, pointerArray, returnFreedMemory, stringArray } from './native.ts';
import { openTemporaryFile, removeFolder, writeFolder, writeWeight } from './weights-file.ts';

/** Writing this many bytes leaves garbage that is worth collecting before as many are packed. */
const muchGarbage = 16 << 20;

/** A mapped file of weights; it stays until the last program that reads one of them is released. */
interface HeldFile {
  readonly mapped: MappedFile;
  readonly weights: readonly HeldWeight[];
  programs: number;
}

interface HeldWeight {
  readonly identity: object;
  /** The OrtValue over its bytes. */
  readonly value: bigint;
  readonly file: HeldFile;
}

/** What one program holds. */
export interface ProgramWeights {
  /** Where the session finds, and leaves, packed forms. */
  readonly container: bigint | undefined;
  /** Tells a session that will be created with `settings` where its weights are. */
  give(settings: bigint): void;
  /** Takes the raw bytes out of this process's memory, where they can come back from a file. At any time. */
  evict(): void;
  release(): void;
}

/** Takes the weights of a program: from those that it shares with others, or as its own. */
export async function takeWeights(
  environment: Environment,
  model: OnnxProgram,
  label: string,
  { shared, signal }: { shared?: SharedWeights | undefined; signal?: AbortSignal | undefined },
): Promise<ProgramWeights> {
  if (model.initializers.length === 0) return { container: undefined, give() {}, evict() {}, release() {} };
  if (!canMapFiles) return folderOfWeights(environment, model, label, signal);
  if (shared) return shared.take(model.initializers, label, signal);
  const own = new SharedWeights(environment, { pack: false });
  try {
    return await own.take(model.initializers, label, signal);
  } finally {
    own.release();
  }
}

/** Weights as external data in a folder, which ONNX Runtime maps and packs from: nothing of them is shared. */
async function folderOfWeights(
  { api }: Environment,
  model: OnnxProgram,
  label: string,
  signal: AbortSignal | undefined,
): Promise<ProgramWeights> {
  let folder: string | undefined = await writeFolder(model, label, signal);
  const remove = () => {
    folder = removeFolder(folder);
  };
  return {
    container: undefined,
    give: (settings) =>
      check(
        api,
        api.AddSessionConfigEntry(settings, 'session.model_external_initializers_file_folder_path', folder!),
        label,
      ),
    evict() {},
    release: remove,
  };
}

/** The weights of programs that share: each is written, mapped and packed once, however many hold it. */
export class SharedWeights {
  /** The OrtPrepackedWeightsContainer, where packed forms are shared. */
  readonly container: bigint | undefined;
  readonly #environment: Environment;
  readonly #held = new Map<object, HeldWeight>();
  /** Programs write in turn, so that none writes what another is writing. */
  #turn: Promise<unknown> = Promise.resolve();
  /** The owner, and every program. */
  #holders = 1;

  /** With `pack`, packed forms are shared too; ONNX Runtime keeps them until the last of the programs is released. */
  constructor(environment: Environment, { pack }: { pack: boolean }) {
    const { api } = environment;
    this.#environment = environment;
    this.container = pack
      ? created(api, 'A container of packed weights', (out) => api.CreatePrepackedWeightsContainer(out))
      : undefined;
  }

  /** Takes the weights of a program, and writes those that nobody holds yet. */
  async take(initializers: readonly OnnxInitializer[], label: string, signal?: AbortSignal): Promise<ProgramWeights> {
    this.#holders++;
    try {
      const taking = this.#turn.then(() => this.#take(initializers, label, signal));
      this.#turn = taking.catch(() => {});
      const weights = await taking;
      const files = new Set(weights.map(({ file }) => file));
      return {
        container: this.container,
        give: (settings) => this.#give(settings, initializers, weights, label),
        evict: () => {
          for (const { mapped } of files) mapped.evict();
        },
        release: () => {
          for (const file of files) this.#drop(file);
          this.release();
        },
      };
    } catch (error) {
      this.release();
      throw error;
    }
  }

  release(): void {
    if (--this.#holders > 0 || this.container === undefined) return;
    this.#environment.api.ReleasePrepackedWeightsContainer(this.container);
    returnFreedMemory();
  }

  async #take(initializers: readonly OnnxInitializer[], label: string, signal?: AbortSignal): Promise<HeldWeight[]> {
    signal?.throwIfAborted();
    const missing = initializers.filter(({ identity }) => !this.#held.has(identity));
    if (missing.length > 0) {
      for (const weight of (await this.#write(missing, label, signal)).weights) this.#held.set(weight.identity, weight);
    }
    const weights = initializers.map(({ identity }) => this.#held.get(identity)!);
    for (const file of new Set(weights.map(({ file }) => file))) file.programs++;
    return weights;
  }

  async #write(initializers: readonly OnnxInitializer[], label: string, signal?: AbortSignal): Promise<HeldFile> {
    const file = await openTemporaryFile(label);
    try {
      const offsets: number[] = [];
      let end = 0;
      for (const initializer of initializers) {
        const offset = Math.ceil(end / alignment) * alignment;
        await writeWeight(file, initializer, offset, label, signal);
        offsets.push(offset);
        end = offset + initializer.length;
      }
      return this.#map(file, Math.max(end, 1), initializers, offsets, label);
    } finally {
      await file.close();
    }
  }

  #map(
    file: FileHandle,
    bytes: number,
    initializers: readonly OnnxInitializer[],
    offsets: readonly number[],
    label: string,
  ): HeldFile {
    if (bytes >= muchGarbage) collectGarbage();
    const mapped = new MappedFile(file.fd, bytes);
    const weights: HeldWeight[] = [];
    const held: HeldFile = { mapped, weights, programs: 0 };
    const { api, memoryInfo } = this.#environment;
    try {
      for (const [i, { identity, dtype, shape, length }] of initializers.entries()) {
        const value = created(api, label, (out) =>
          api.CreateTensorWithDataAsOrtValue(
            memoryInfo,
            mapped.pointer + BigInt(offsets[i]!),
            length,
            BigInt64Array.from(shape, BigInt),
            shape.length,
            elements[dtype].code,
            out,
          ),
        );
        weights.push({ identity, value, file: held });
      }
      return held;
    } catch (error) {
      this.#free(held);
      throw error;
    }
  }

  #give(
    settings: bigint,
    initializers: readonly OnnxInitializer[],
    weights: readonly HeldWeight[],
    label: string,
  ): void {
    const { api } = this.#environment;
    const names = stringArray(initializers.map(({ name }) => name));
    const values = pointerArray(weights.map(({ value }) => value));
    try {
      // Without the first call ONNX Runtime looks for a file, without the second it copies.
      check(api, api.AddExternalInitializers(settings, names.pointer, values.pointer, weights.length), label);
      for (const [i, { name }] of initializers.entries()) {
        check(api, api.AddInitializer(settings, name, weights[i]!.value), label);
      }
    } finally {
      names.release();
      values.release();
    }
  }

  #drop(file: HeldFile): void {
    if (--file.programs > 0) return;
    for (const { identity } of file.weights) this.#held.delete(identity);
    this.#free(file);
  }

  #free({ weights, mapped }: HeldFile): void {
    for (const { value } of weights) this.#environment.api.ReleaseValue(value);
    mapped.release();
  }
}
