import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { ModelReferenceError } from '../parse.ts';
import { diskFull, isDiskFull, type OpenWriter } from './file-writer.ts';

export interface Download {
  url: string;
  /** Where the whole file goes; it grows beside it as `<path>.incomplete`. */
  path: string;
  /** What messages call it. */
  name: string;
  bytes: number;
  /** Hexadecimal digest: of the bytes, or of git's blob (header and bytes). */
  digest: { algorithm: 'sha256' | 'git-sha1'; value: string };
}

export interface DownloadOptions {
  fetch: typeof fetch;
  openWriter: OpenWriter;
  signal: AbortSignal;
  /** Bytes of this file that are there; `message` when something has to be told. */
  onBytes(done: number, message?: string): void;
}

/** A connection that breaks is taken up again this often without any byte gained in between. */
const fruitlessTries = 3;

/**
 * Fetches a file so that its path either holds exactly the bytes of its digest or nothing. An earlier `.incomplete`
 * is taken up where it ends (HTTP Range), also after a broken connection. Throws a sentence for a full disk (the part
 * is removed), a wrong digest (removed too), or a server that does not give the file (the part stays for next time).
 */
export async function download(file: Download, options: DownloadOptions): Promise<void> {
  const part = `${file.path}.incomplete`;
  try {
    await fetchAll(file, part, options);
    options.onBytes(file.bytes, `Checking ${file.name}`);
    const digest = await digestOf(part, file, options.signal);
    if (digest !== file.digest.value) {
      await rm(part, { force: true });
      throw new ModelReferenceError(
        `${file.name} arrived with the checksum ${digest} instead of ${file.digest.value} and was removed; try again, and if it happens again ask who runs ${new URL(file.url).host}.`,
      );
    }
    await rename(part, file.path);
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    await rm(part, { force: true });
    throw diskFull(file.name, file.bytes, file.path, error);
  }
}

async function fetchAll(file: Download, part: string, options: DownloadOptions): Promise<void> {
  let fruitless = 0;
  for (let have = await sizeOf(part); have !== file.bytes; ) {
    if (have > file.bytes) {
      await rm(part, { force: true });
      have = 0;
    }
    const before = have;
    const failure = await fetchRest(file, part, have, options).catch((error: unknown) => error);
    have = await sizeOf(part);
    if (failure === undefined && have === file.bytes) return;
    options.signal.throwIfAborted();
    if (failure instanceof ModelReferenceError || isDiskFull(failure)) throw failure;
    fruitless = have > before ? 0 : fruitless + 1;
    if (fruitless >= fruitlessTries) {
      throw new ModelReferenceError(
        `The connection for ${file.name} broke ${fruitless} times at ${have} of ${file.bytes} bytes; run it again to go on from there.`,
        {
          cause: failure,
        },
      );
    }
    options.onBytes(have, `The connection broke; going on with ${file.name} from byte ${have}`);
    await sleep(200 * 2 ** fruitless, undefined, { signal: options.signal });
  }
  if (file.bytes === 0) await (await options.openWriter(part, false)).close();
}

/** One request for what is missing; appended as it comes. */
async function fetchRest(file: Download, part: string, have: number, options: DownloadOptions): Promise<void> {
  const headers: Record<string, string> = have > 0 ? { Range: `bytes=${have}-` } : {};
  const response = await options.fetch(file.url, { headers, signal: options.signal });
  if (response.status === 416) {
    await response.body?.cancel();
    await rm(part, { force: true });
    return;
  }
  if (!response.ok || !response.body) {
    await response.body?.cancel();
    if (response.status >= 500) throw new Error(`status ${response.status}`);
    throw new ModelReferenceError(`${new URL(file.url).host} answered ${response.status} for ${file.name}.`);
  }
  const resumes = response.status === 206 && rangeStart(response) === have;
  if (response.status === 206 && !resumes)
    throw new ModelReferenceError(`${new URL(file.url).host} gave another part of ${file.name} than was asked for.`);
  let done = resumes ? have : 0;
  const writer = await options.openWriter(part, resumes);
  try {
    for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) {
      done += piece.byteLength;
      if (done > file.bytes)
        throw new ModelReferenceError(
          `${new URL(file.url).host} sends more than the ${file.bytes} bytes that ${file.name} has.`,
        );
      await writer.write(piece);
      options.onBytes(done);
    }
  } finally {
    await writer.close();
  }
}

function rangeStart(response: Response): number {
  return Number(/^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1] ?? Number.NaN);
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

async function digestOf(path: string, file: Download, signal: AbortSignal): Promise<string> {
  const hash = createHash(file.digest.algorithm === 'sha256' ? 'sha256' : 'sha1');
  if (file.digest.algorithm === 'git-sha1') hash.update(`blob ${file.bytes}\0`);
  for await (const piece of createReadStream(path, { signal, highWaterMark: 2 ** 20 }))
    hash.update(piece as Uint8Array);
  return hash.digest('hex');
}
