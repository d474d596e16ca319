/** An upload comes in: streamed to the disk, bounded, checked, and only then there. */
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { randomId } from '../ids.ts';
import { checkModelUpload } from './check.ts';
import { storedName } from './names.ts';
import { unfinished, uploadsFolder } from './store.ts';
import { type Upload, UploadError, type UploadKind } from './types.ts';

/** One file on its way. */
export interface IncomingFile {
  /** As the sender named it. */
  name: string;
  bytes: AsyncIterable<Uint8Array>;
}

export interface ReceiveOptions {
  kind: UploadKind;
  /** Bytes of all files together; see `uploadLimit`. */
  limitBytes: number;
  signal?: AbortSignal;
}

/** Bytes of one upload, unless WORKING_PAPERS_UPLOAD_BYTES says otherwise: 8 GiB. */
const defaultLimit = 8 * 2 ** 30;
/** Left free on the disk: the database writes there too. */
const reserve = 512 * 2 ** 20;
/** Folders of uploads that broke off when their process died. */
const abandonedAfter = 24 * 3_600_000;
const mostFiles = 200;

/** Bytes that one upload may have by the environment. Throws a sentence when it says no number. */
export function uploadLimit(environment: Record<string, string | undefined> = process.env): number {
  const said = environment.WORKING_PAPERS_UPLOAD_BYTES;
  if (said === undefined || said === '') return defaultLimit;
  const bytes = Number(said);
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw new Error(`WORKING_PAPERS_UPLOAD_BYTES is "${said}"; it is a whole number of bytes above 0.`);
}

/** Throws when `bytes` (of a request that is about to come) are over the limit or more than the disk has room for. */
export async function checkRoom(dataFolder: string, bytes: number, limitBytes: number): Promise<void> {
  if (bytes > limitBytes) throw tooLarge(limitBytes, bytes);
  const free = await freeBytes(dataFolder);
  if (bytes > free) throw noRoom(free, bytes);
}

/**
 * Writes the files that come to disk under a new id, checks a model in a process of its own, and gives the upload once it is whole.
 * Throws an UploadError (a sentence) or what the sender's stream threw; then nothing is left.
 */
export async function receiveUpload(
  dataFolder: string,
  files: AsyncIterable<IncomingFile>,
  { kind, limitBytes, signal }: ReceiveOptions,
): Promise<Upload> {
  const id = randomId();
  const home = uploadsFolder(dataFolder);
  const part = join(home, `${unfinished}${id}`);
  try {
    await mkdir(join(part, 'files'), { recursive: true, mode: 0o700 });
    await removeAbandoned(home);
    const stored = await storeFiles(join(part, 'files'), files, kind, await budgetOf(home, limitBytes), signal);
    const upload: Upload = {
      id,
      kind,
      name: (stored.find(({ name }) => /\.(gguf|safetensors)$/.test(name)) ?? stored[0]!).given,
      files: stored.map(({ name, bytes }) => ({ name, bytes })),
      bytes: stored.reduce((sum, { bytes }) => sum + bytes, 0),
      createdAt: new Date().toISOString(),
      ...(kind === 'model' ? { model: await checkModelUpload(join(part, 'files'), signal) } : {}),
    };
    await writeFile(join(part, 'upload.json'), JSON.stringify(upload));
    await rename(part, join(home, id));
    return upload;
  } catch (error) {
    await rm(part, { recursive: true, force: true });
    if (isFull(error)) throw noRoom(0, undefined, error);
    throw error;
  }
}

interface Budget {
  bytes: number;
  /** What the reader is told when more comes. */
  exceeded(): UploadError;
}

async function budgetOf(home: string, limitBytes: number): Promise<Budget> {
  const free = await freeBytes(home);
  return free < limitBytes
    ? { bytes: free, exceeded: () => noRoom(free) }
    : { bytes: limitBytes, exceeded: () => tooLarge(limitBytes) };
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return Math.max(0, bavail * bsize - reserve);
}

async function storeFiles(
  folder: string,
  files: AsyncIterable<IncomingFile>,
  kind: UploadKind,
  budget: Budget,
  signal?: AbortSignal,
): Promise<{ name: string; given: string; bytes: number }[]> {
  const stored: { name: string; given: string; bytes: number }[] = [];
  let left = budget.bytes;
  for await (const { name: given, bytes } of files) {
    const name = storedName(given, kind);
    if (stored.some((other) => other.name.toLowerCase() === name.toLowerCase()))
      throw new UploadError(`Two files are called "${name}". Choose each file once.`);
    if (kind === 'input' && stored.length > 0)
      throw new UploadError(`An input is one file; got "${stored[0]!.given}" and "${given.slice(0, 80)}". Choose one.`);
    if (stored.length >= mostFiles) throw new UploadError(`A model has at most ${mostFiles} files. Choose fewer.`);
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    let size = 0;
    const counted = async function* (source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      for await (const piece of source) {
        size += piece.byteLength;
        if (size > left) throw budget.exceeded();
        yield piece;
      }
    };
    await pipeline(bytes, counted, createWriteStream(path, { flags: 'wx', mode: 0o600 }), { signal });
    left -= size;
    stored.push({ name, given: given.slice(0, 200), bytes: size });
  }
  if (stored.length === 0) throw new UploadError('No file came. Choose a file.');
  if (kind === 'input' && stored[0]!.bytes === 0)
    throw new UploadError(`"${stored[0]!.given}" is empty. Choose a file with something in it.`);
  return nameLoneWeights(folder, stored);
}

/** A single weight file of any name beside a config.json is the model. */
async function nameLoneWeights<T extends { name: string }>(folder: string, stored: T[]): Promise<T[]> {
  const weights = stored.filter(({ name }) => name.endsWith('.safetensors'));
  const indexed = stored.some(({ name }) => name.endsWith('.index.json'));
  if (weights.length !== 1 || indexed || weights[0]!.name === 'model.safetensors') return stored;
  await rename(join(folder, weights[0]!.name), join(folder, 'model.safetensors'));
  return stored.map((file) => (file === weights[0] ? { ...file, name: 'model.safetensors' } : file));
}

async function removeAbandoned(home: string): Promise<void> {
  for (const name of await readdir(home)) {
    if (!name.startsWith(unfinished)) continue;
    const found = await stat(join(home, name)).catch(() => undefined);
    if (found && Date.now() - found.mtimeMs > abandonedAfter)
      await rm(join(home, name), { recursive: true, force: true });
  }
}

const isFull = (error: unknown): boolean => {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT';
};

function tooLarge(limit: number, bytes?: number): UploadError {
  const got = bytes === undefined ? 'this one has more' : `this one has ${megabytes(bytes)}`;
  return new UploadError(
    `An upload has at most ${megabytes(limit)}; ${got}. Choose a smaller file, or start the instance with a larger WORKING_PAPERS_UPLOAD_BYTES.`,
    'large',
  );
}

function noRoom(free: number, bytes?: number, cause?: unknown): UploadError {
  const need = bytes === undefined ? '' : ` and the upload has ${megabytes(bytes)}`;
  return new UploadError(
    `The disk of this instance is full: it has room for ${megabytes(free)}${need}. Delete uploads or models that are no longer needed, then try again. Nothing of this one was kept.`,
    'full',
    { cause },
  );
}

const megabytes = (bytes: number): string =>
  bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${bytes} bytes`;
