import { copyFile, mkdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { ListFileEntry } from '@huggingface/hub';
import { isSafeRelativePath, ModelReferenceError } from '../parse.ts';
import type { Progress } from '../types.ts';
import { download } from './download.ts';
import { diskFull, isDiskFull, megabytes, type OpenWriter } from './file-writer.ts';
import { commitPattern, repositoryFolder } from './hub-cache.ts';
import { withLock } from './lock.ts';
import { chooseFiles, openablePath } from './model-files.ts';
import type { HubSettings } from './settings.ts';

export interface HubRequest {
  repository: string;
  revision?: string;
  file?: string;
  settings: HubSettings;
  /** The hub cache that the files go into. */
  cache: string;
  openWriter: OpenWriter;
  signal?: AbortSignal;
  onProgress(progress: Progress): void;
}

/** The hub did not answer: no network, no name, a server in trouble. Another road may be tried. */
export class HubUnreachable extends Error {
  override name = 'HubUnreachable';
}

/** How long a listing may take; files themselves may take as long as bytes arrive. */
const listingTimeout = 20_000;

/** Fetches what a model needs from the hub into a hub cache, and gives the snapshot's path and commit. */
export async function fetchFromHub(request: HubRequest): Promise<{ path: string; commit: string }> {
  const { repository, settings } = request;
  request.onProgress({
    phase: 'resolve',
    done: 0,
    message: `Asking ${new URL(settings.endpoint).host} for ${repository}`,
  });
  const { commit, files } = await listing(request);
  const chosen = new Set(
    chooseFiles(
      files.map((file) => file.path),
      repository,
      request.file,
    ),
  );
  const wanted = files.filter((file) => chosen.has(file.path));
  const key = `hub-${repository.replace('/', '--')}`;
  const onWait = () =>
    request.onProgress({
      phase: 'download',
      done: 0,
      message: `Another process is fetching ${repository}; waiting for it`,
    });
  await mkdir(request.cache, { recursive: true });
  await withLock(request.cache, key, { ...(request.signal ? { signal: request.signal } : {}), onWait }, (signal) =>
    fetchFiles(request, commit, wanted, signal),
  );
  const path = await openablePath(join(repositoryFolder(request.cache, repository), 'snapshots', commit), request.file);
  if (!path)
    throw new ModelReferenceError(
      `The repository ${repository} does not hold all the files of a model (weights and config.json).`,
    );
  return { path, commit };
}

async function listing(request: HubRequest): Promise<{ commit: string; files: ListFileEntry[] }> {
  const { repository, settings } = request;
  const revision = request.revision ?? 'main';
  // Loaded with the first question to the hub: whoever opens a folder or a wheel never asks one.
  const { HubApiError, listFiles, modelInfo } = await import('@huggingface/hub');
  const hub = { hubUrl: settings.endpoint, fetch: authorisedFetch(settings, request.signal, listingTimeout) };
  try {
    const { sha } = await modelInfo({ ...hub, name: repository, revision, additionalFields: ['sha'] });
    if (!commitPattern.test(sha)) throw new ModelReferenceError(`The hub gave no commit for ${repository}.`);
    const files: ListFileEntry[] = [];
    for await (const file of listFiles({ ...hub, repo: repository, revision: sha, recursive: true })) {
      if (file.type === 'file' && isSafeRelativePath(file.path)) files.push(file);
      if (files.length > 10_000)
        throw new ModelReferenceError(`The repository ${repository} lists more than 10,000 files.`);
    }
    return { commit: sha, files };
  } catch (error) {
    throw explain(error, request, error instanceof HubApiError ? error.statusCode : undefined);
  }
}

/** A refusal of the hub as a sentence; anything that is no answer as {@link HubUnreachable}. */
function explain(error: unknown, request: HubRequest, status: number | undefined): unknown {
  if (error instanceof ModelReferenceError || request.signal?.aborted) return error;
  const { repository, settings } = request;
  const host = new URL(settings.endpoint).host;
  if (status !== undefined && status < 500 && status !== 429) {
    if (status === 401 || status === 403) {
      return new ModelReferenceError(
        `${host} does not give out ${repository} (${status}): it does not exist, is private, or asks that its terms be accepted. ${settings.token ? 'HF_TOKEN was sent.' : 'HF_TOKEN is not set.'}`,
        { cause: error },
      );
    }
    if (status === 404) {
      return new ModelReferenceError(
        `${host} has no model ${repository}${request.revision ? ` with the revision ${request.revision}` : ''}.`,
        { cause: error },
      );
    }
  }
  const cause =
    error instanceof Error
      ? ((error.cause as NodeJS.ErrnoException | undefined)?.code ?? error.message)
      : String(error);
  return new HubUnreachable(`${host} could not be reached (${cause})`, { cause: error });
}

/** `fetch` with the hub's token for the hub itself; a redirect to another host loses it (the fetch standard). */
function authorisedFetch(settings: HubSettings, signal?: AbortSignal, timeout?: number): typeof fetch {
  return (input, init) => {
    const headers = new Headers(init?.headers);
    if (settings.token) headers.set('Authorization', `Bearer ${settings.token}`);
    const signals = [signal, init?.signal, timeout === undefined ? undefined : AbortSignal.timeout(timeout)].filter(
      (one) => one != null,
    );
    return fetch(input, { ...init, headers, ...(signals.length > 0 ? { signal: AbortSignal.any(signals) } : {}) });
  };
}

async function fetchFiles(
  request: HubRequest,
  commit: string,
  files: ListFileEntry[],
  signal: AbortSignal,
): Promise<void> {
  const { repository, settings } = request;
  const folder = repositoryFolder(request.cache, repository);
  const total = files.reduce((sum, file) => sum + file.size, 0);
  let before = 0;
  for (const file of files) {
    const digest = file.lfs?.oid ?? file.oid;
    if (!digest || !/^[0-9a-f]{40,64}$/.test(digest))
      throw new ModelReferenceError(`The hub gave no checksum for ${file.path} of ${repository}.`);
    const blob = join(folder, 'blobs', digest);
    await mkdir(dirname(blob), { recursive: true });
    const name = `${file.path} of ${repository}`;
    if (!(await exists(blob))) {
      await download(
        {
          url: `${settings.endpoint}/${repository}/resolve/${commit}/${file.path.split('/').map(encodeURIComponent).join('/')}`,
          path: blob,
          name,
          bytes: file.size,
          digest: { algorithm: file.lfs ? 'sha256' : 'git-sha1', value: digest },
        },
        {
          fetch: authorisedFetch(settings),
          openWriter: request.openWriter,
          signal,
          onBytes: (done, message) =>
            request.onProgress({
              phase: 'download',
              done: before + done,
              total,
              message: message ?? `Fetching ${name} (${megabytes(total)} in all)`,
            }),
        },
      );
    }
    await linkInto(join(folder, 'snapshots', commit, file.path), blob);
    before += file.size;
  }
  await writeReference(folder, request.revision ?? 'main', commit);
}

/** The snapshot's entry for a blob: a relative link as the hub's own libraries make it, a copy where links cannot be made. */
async function linkInto(path: string, blob: string): Promise<void> {
  if (await exists(path)) return;
  await mkdir(dirname(path), { recursive: true });
  try {
    await rm(path, { force: true });
    await symlink(relative(dirname(path), blob), path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
    const copy = `${path}.incomplete`;
    try {
      await copyFile(blob, copy);
      await rename(copy, path);
    } catch (failure) {
      await rm(copy, { force: true });
      throw isDiskFull(failure) ? diskFull(path, undefined, path, failure) : failure;
    }
  }
}

async function writeReference(folder: string, revision: string, commit: string): Promise<void> {
  if (commitPattern.test(revision)) return;
  const path = join(folder, 'refs', revision);
  if ((await readFile(path, 'utf8').catch(() => '')) === commit) return;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, commit);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
