import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { externalData } from '@working-papers/graph';
import { checkConfig } from '../formats/config.ts';
import { openHeaders } from '../formats/node/open-checkpoint.ts';
import type { WrittenType } from '../formats/quantise.ts';
import type { WeightTensor } from '../formats/types.ts';
import { isDiskFull, megabytes } from '../references/node/file-writer.ts';
import { besideWeights } from '../references/node/model-files.ts';
import { resolveReference } from '../references/node/resolve.ts';
import type { ResolveOptions } from '../references/types.ts';
import { planGguf } from '../saving/gguf.ts';
import { filesBeside, type HuggingFaceOptions, jsonFile, type SavedFile, weightFiles } from '../saving/hugging-face.ts';
import { type OnnxOptions, onnxProgram } from '../saving/onnx.ts';
import { watched } from '../saving/tensors.ts';
import type { ModelToSave } from '../saving/types.ts';
import { writeFolder } from './write-folder.ts';
import { writeWhole } from './write-whole.ts';

export interface SaveOptions {
  /** Writes over what is there. Default false: it is refused. */
  overwrite?: boolean | undefined;
  signal?: AbortSignal | undefined;
  /** Told how much has been written, in bytes of `total`. */
  onProgress?: ((progress: { message: string; done: number; total: number }) => void) | undefined;
}

/** What was saved. */
export interface SavedModel {
  /** The folder or file. */
  path: string;
  files: { path: string; bytes: number }[];
  /** Sentences on what was left out or is different. */
  notes: string[];
}

/**
 * Saves a model as a folder that transformers opens: config.json, generation_config.json, tokenizer, and safetensors, in shards where
 * they are large. Tensors go through memory one at a time; the folder appears when it is whole. What stands beside the weights of
 * `model.folder` is copied as it is, but for fields of `model.config` that were changed and the type of the weights.
 */
export async function saveHuggingFace(
  model: ModelToSave,
  folder: string,
  options: SaveOptions & HuggingFaceOptions = {},
): Promise<SavedModel> {
  const path = resolve(folder);
  await checkPlace(path, 'folder', options);
  const { files, bytes, dtype } = weightFiles(model, options);
  const beside = model.folder === undefined ? filesBeside(model, dtype) : await copies(model, model.folder, dtype);
  const progress = progressOf(options, `Saving ${basename(path)}`, bytes);
  const all = [...files.map(({ name, pieces }) => ({ name, pieces: progress(pieces) })), ...beside];
  await withSentences(path, bytes, () => writeFolder(path, all));
  return saved(
    path,
    all.map(({ name }) => join(path, name)),
    [],
  );
}

/** Saves a model as a GGUF file that llama.cpp opens; see {@link planGguf} for what is written how. */
export async function saveGguf(
  model: ModelToSave,
  file: string,
  options: SaveOptions & { type?: WrittenType | undefined; name?: string | undefined } = {},
): Promise<SavedModel> {
  const path = resolve(file);
  await checkPlace(path, 'file', options);
  const { pieces, bytes, notes } = planGguf(model, options.type ?? 'F16', options.name);
  const progress = progressOf(options, `Saving ${basename(path)}`, bytes);
  await withSentences(path, bytes, () => writeWhole(path, progress(pieces)));
  return saved(path, [path], notes);
}

/**
 * Saves a whole pass of a model as ONNX: the graph in `file`, its weights beside it in `<file>.data`. See {@link onnxProgram} for its
 * inputs and outputs.
 */
export async function saveOnnx(
  model: Pick<ModelToSave, 'config'> & { tensors: ReadonlyMap<string, WeightTensor> },
  file: string,
  options: SaveOptions & Omit<OnnxOptions, 'location'> = {},
): Promise<SavedModel> {
  const path = resolve(file);
  const data = `${path}.data`;
  for (const place of [path, data]) await checkPlace(place, 'file', options);
  const program = onnxProgram(model, { weights: options.weights, location: basename(data) });
  const bytes = program.initializers.reduce((sum, { length }) => sum + length, 0);
  const progress = progressOf(options, `Saving ${basename(path)}`, bytes);
  await withSentences(path, bytes, async () => {
    await writeWhole(data, progress(externalData(program)));
    await writeWhole(path, progress([program.model]));
  });
  return saved(path, [path, data], []);
}

export type SaveModelOptions = SaveOptions &
  Pick<ResolveOptions, 'cacheFolder' | 'uploadFolder' | 'offline'> &
  (
    | ({ format: 'hf' } & HuggingFaceOptions)
    | { format: 'gguf'; type?: WrittenType | undefined }
    | ({ format: 'onnx' } & Omit<OnnxOptions, 'location'>)
  );

/** Finds a model and saves it in another format or type; nothing is compiled, no weight is read before it is written. */
export async function saveModel(
  reference: string,
  out: string,
  options: SaveModelOptions,
): Promise<SavedModel & { reference: string }> {
  const { cacheFolder, uploadFolder, offline, signal, onProgress } = options;
  const found = await resolveReference(reference, {
    cacheFolder,
    uploadFolder,
    offline,
    signal,
    onProgress: ({ message, done, total }) => onProgress?.({ message, done, total: total ?? done }),
  });
  const checkpoint = await openHeaders(found.path);
  const model: ModelToSave = { ...checkpoint, tensors: [...checkpoint.tensors.values()] };
  const answer =
    options.format === 'hf'
      ? await saveHuggingFace(model, out, options)
      : options.format === 'gguf'
        ? await saveGguf(model, out, { ...options, name: nameOf(found.reference) })
        : await saveOnnx(checkpoint, out, options);
  const notes = found.note === undefined ? answer.notes : [found.note, ...answer.notes];
  return { ...answer, reference: found.reference, notes };
}

/** `owner/name` or the last part of a path, for what a file says that it holds. */
const nameOf = (reference: string): string => basename(reference.replace(/^\w+:/, '').replace(/[@:].*$/, ''));

/** Throws a sentence where something cannot be saved: no folder to save into, or something there already that is not to be written over. */
export async function checkPlace(path: string, kind: 'file' | 'folder', { overwrite }: SaveOptions): Promise<void> {
  const parent = await stat(dirname(path)).catch(() => undefined);
  if (!parent?.isDirectory()) throw new Error(`There is no folder ${dirname(path)} to save into. Make it first.`);
  const there = await stat(path).catch(() => undefined);
  if (!there) return;
  if (there.isDirectory() !== (kind === 'folder'))
    throw new Error(
      `${path} is a ${there.isDirectory() ? 'folder' : 'file'}; a ${kind} would be written. Give another place.`,
    );
  if (overwrite || (there.isDirectory() && (await readdir(path)).length === 0)) return;
  throw new Error(`${path} is there already. Give another place, or say that it is to be written over.`);
}

/** What stands beside the weights in a Hugging Face folder, its config.json with what was changed. */
async function copies(model: ModelToSave, folder: string, dtype: string): Promise<SavedFile[]> {
  const files: SavedFile[] = [];
  for (const name of besideWeights) {
    const bytes = await readFile(join(folder, name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
      throw error;
    });
    if (!bytes) continue;
    if (name === 'config.json') files.push(jsonFile(name, changedConfig(model, JSON.parse(bytes.toString()), dtype)));
    else files.push({ name, pieces: [new Uint8Array(bytes)] });
  }
  return files;
}

function changedConfig({ config }: ModelToSave, raw: Record<string, unknown>, dtype: string): Record<string, unknown> {
  if (raw.quantization_config) {
    throw new Error(
      'The model is quantised in a way that its config.json describes (quantization_config); its weights cannot be saved in another type. Take the unquantised model.',
    );
  }
  const before = checkConfig(raw, 'config.json') as Record<string, unknown>;
  const changed = Object.entries(config).filter(
    ([field, value]) => JSON.stringify(value) !== JSON.stringify(before[field]),
  );
  // transformers 5 writes `dtype`, version 4 `torch_dtype`; both are read.
  const named = ['dtype', 'torch_dtype'].filter((field) => raw[field] !== undefined);
  const types = Object.fromEntries((named.length > 0 ? named : ['torch_dtype']).map((field) => [field, dtype]));
  return { ...raw, ...Object.fromEntries(changed), ...types };
}

/** Pieces that are counted over all files, and an end at the signal. */
function progressOf({ signal, onProgress }: SaveOptions, message: string, total: number) {
  let done = 0;
  return (pieces: SavedFile['pieces']): AsyncIterable<Uint8Array> =>
    watched(pieces, signal, (bytes) => {
      done = Math.min(total, done + bytes);
      onProgress?.({ message, done, total });
    });
}

async function withSentences(path: string, bytes: number, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (isDiskFull(error)) {
      throw new Error(
        `The disk is full: ${basename(path)} (${megabytes(bytes)}) did not fit into ${dirname(path)}. What had been written of it was removed.`,
        { cause: error },
      );
    }
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
      throw new Error(`${path} cannot be written (${code}). Give a place that you may write to.`, { cause: error });
    throw error;
  }
}

async function saved(path: string, files: readonly string[], notes: string[]): Promise<SavedModel> {
  const sizes = await Promise.all(files.map(async (file) => ({ path: file, bytes: (await stat(file)).size })));
  return { path, files: sizes, notes };
}
