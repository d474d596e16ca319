import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Progress } from '../../references/types.ts';
import { FormatError } from '../format-error.ts';
import type { Checkpoint, CheckpointFile } from '../types.ts';
import { readGguf } from './open-gguf.ts';
import { joinShards, readFolder, readSafetensors, readShardIndex } from './open-safetensors.ts';
import { WeightFile } from './weight-file.ts';

export interface OpenCheckpointOptions {
  signal?: AbortSignal;
  /** Told how far hashing the weight files has come (phase `verify`, in bytes). */
  onProgress?(progress: Progress): void;
}

/**
 * Opens a model: a GGUF file, a safetensors file with its config.json beside it, or a folder that holds one of them
 * (single or sharded). Reads headers, configuration and tokenizer, and hashes the weight files; weights are read when
 * asked for. Throws {@link FormatError} with a sentence when a file is not what it says.
 */
export async function openCheckpoint(path: string, options: OpenCheckpointOptions = {}): Promise<Checkpoint> {
  return openWith(path, async (content, files) => ({ ...content, files: await hashFiles(files, options) }));
}

/** As {@link openCheckpoint}, without hashing: for who only wants to know what a model is. */
export async function openHeaders(path: string): Promise<Omit<Checkpoint, 'files'> & { bytes: number }> {
  return openWith(path, async (content, files) => ({
    ...content,
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
  }));
}

type Content = Omit<Checkpoint, 'files'>;

async function openWith<T>(path: string, complete: (content: Content, files: WeightFile[]) => Promise<T>): Promise<T> {
  const found = await findWeights(resolve(path));
  try {
    const files: WeightFile[] = [];
    for (const file of found.files) files.push(await WeightFile.find(file));
    return await complete(await readContent(found, files), files);
  } catch (error) {
    if (error instanceof FormatError && !error.message.includes(found.named)) {
      throw new FormatError(`${found.named}: ${error.message}`, { cause: error });
    }
    throw error;
  }
}

interface FoundWeights {
  format: 'gguf' | 'safetensors';
  folder: string;
  files: string[];
  /** What error messages begin with. */
  named: string;
  index?: Map<string, string>;
}

async function readContent(found: FoundWeights, files: WeightFile[]): Promise<Content> {
  if (found.format === 'gguf') return readGguf(files[0]!);
  const beside = await readFolder(found.folder);
  if (!found.index) return { format: 'safetensors', ...beside, tensors: await readSafetensors(files[0]!) };
  const shards = new Map();
  for (const file of files) shards.set(basename(file.path), await readSafetensors(file));
  return { format: 'safetensors', ...beside, tensors: joinShards(found.index, shards) };
}

async function findWeights(path: string): Promise<FoundWeights> {
  const kind = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new FormatError(
      error.code === 'ENOENT' ? `There is no file or folder ${path}.` : `${path} cannot be read (${error.code}).`,
    );
  });
  if (kind.isFile()) {
    if (path.endsWith('.gguf')) return { format: 'gguf', folder: dirname(path), files: [path], named: path };
    if (path.endsWith('.safetensors.index.json')) return sharded(path);
    if (path.endsWith('.safetensors'))
      return { format: 'safetensors', folder: dirname(path), files: [path], named: path };
    throw new FormatError(`${path} is neither a .gguf nor a .safetensors file.`);
  }
  const names = await readdir(path);
  const single = join(path, 'model.safetensors');
  if (names.includes('model.safetensors'))
    return { format: 'safetensors', folder: path, files: [single], named: single };
  if (names.includes('model.safetensors.index.json')) return sharded(join(path, 'model.safetensors.index.json'));
  const gguf = names.filter((name) => name.endsWith('.gguf')).sort();
  if (gguf.length === 1) return findWeights(join(path, gguf[0]!));
  if (gguf.length > 1)
    throw new FormatError(`${path} holds several GGUF files (${gguf.join(', ')}); name one of them.`);
  const pickled = names.find((name) => /^pytorch_model.*\.bin$/.test(name));
  throw new FormatError(
    pickled
      ? `${path} holds ${pickled}, a Python pickle, which is not read; convert it to safetensors.`
      : `${path} holds no model.safetensors, no model.safetensors.index.json and no .gguf file.`,
  );
}

async function sharded(path: string): Promise<FoundWeights> {
  const index = await readShardIndex(path);
  const folder = dirname(path);
  const files = [...new Set(index.values())].sort().map((name) => join(folder, name));
  return { format: 'safetensors', folder, files, named: path, index };
}

async function hashFiles(files: WeightFile[], options: OpenCheckpointOptions): Promise<CheckpointFile[]> {
  const total = files.reduce((sum, file) => sum + file.bytes, 0);
  const hashes: CheckpointFile[] = [];
  let before = 0;
  for (const file of files) {
    const sha256 = await file.sha256(options.signal, (done) =>
      options.onProgress?.({ phase: 'verify', done: before + done, total, message: `Checking ${basename(file.path)}` }),
    );
    hashes.push({ path: file.path, sha256, bytes: file.bytes });
    before += file.bytes;
  }
  return hashes;
}
