import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Progress } from '../../references/types.ts';
import { FormatError } from '../format-error.ts';
import type { Checkpoint, CheckpointFile } from '../types.ts';
import { chooseWeights, formatOf } from '../weight-names.ts';
import { readGguf } from './open-gguf.ts';
import { joinShards, readFolder, readSafetensors, readShardIndex } from './open-safetensors.ts';
import { readTorch } from './open-torch.ts';
import { WeightFile } from './weight-file.ts';

export interface OpenCheckpointOptions {
  signal?: AbortSignal;
  /** Told how far hashing the weight files has come (phase `verify`, in bytes). */
  onProgress?(progress: Progress): void;
}

/**
 * Opens a model: a GGUF file, a safetensors or PyTorch file with its config.json beside it, or a folder that holds one of them
 * (single or sharded; safetensors where there are both). Reads headers, configuration and tokenizer, and hashes the weight files; weights are read when
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
  format: Checkpoint['format'];
  folder: string;
  files: string[];
  /** What error messages begin with. */
  named: string;
  index?: Map<string, string>;
}

async function readContent(found: FoundWeights, files: WeightFile[]): Promise<Content> {
  const { format } = found;
  if (format === 'gguf') return readGguf(files[0]!);
  const read = format === 'pytorch' ? readTorch : readSafetensors;
  const beside = { folder: found.folder, ...(await readFolder(found.folder)) };
  if (!found.index) return { format, ...beside, tensors: await read(files[0]!) };
  const shards = new Map();
  for (const file of files) shards.set(basename(file.path), await read(file));
  return { format, ...beside, tensors: joinShards(found.index, shards) };
}

async function findWeights(path: string): Promise<FoundWeights> {
  const kind = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new FormatError(
      error.code === 'ENOENT' ? `There is no file or folder ${path}.` : `${path} cannot be read (${error.code}).`,
    );
  });
  if (kind.isFile()) return weightsAt(path);
  const names = await readdir(path);
  const chosen = chooseWeights(names);
  if (chosen) return weightsAt(join(path, chosen));
  const gguf = names.filter((name) => name.endsWith('.gguf')).sort();
  throw new FormatError(
    gguf.length > 1
      ? `${path} holds several GGUF files (${gguf.join(', ')}); name one of them.`
      : `${path} holds no model.safetensors, no pytorch_model.bin, no index of either and no .gguf file.`,
  );
}

async function weightsAt(path: string): Promise<FoundWeights> {
  const format = formatOf(path);
  if (!format) throw new FormatError(`${path} is no .gguf, .safetensors or PyTorch (.bin, .pt, .pth) file.`);
  const folder = dirname(path);
  if (!path.endsWith('.index.json')) return { format, folder, files: [path], named: path };
  const index = await readShardIndex(path);
  const files = [...new Set(index.values())].sort().map((name) => join(folder, name));
  return { format, folder, files, named: path, index };
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
