import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { openablePath } from './model-files.ts';

/** The hub cache's folder of a repository: `models--owner--name`, with `blobs`, `refs` and `snapshots/<commit>`. */
export function repositoryFolder(cache: string, repository: string): string {
  return join(cache, `models--${repository.replace('/', '--')}`);
}

export const commitPattern = /^[0-9a-f]{40}$/;

export interface CachedSnapshot {
  path: string;
  commit: string;
}

/** A snapshot in a hub cache that can be opened: of the revision (default `main`), with all its weights there. */
export async function findSnapshot(
  cache: string,
  repository: string,
  revision = 'main',
  file?: string,
): Promise<CachedSnapshot | undefined> {
  const folder = repositoryFolder(cache, repository);
  const commit = commitPattern.test(revision)
    ? revision
    : (await readFile(join(folder, 'refs', revision), 'utf8').catch(() => '')).trim();
  if (!commitPattern.test(commit)) return undefined;
  const path = await openablePath(join(folder, 'snapshots', commit), file);
  return path === undefined ? undefined : { path, commit };
}

/** Every snapshot of a hub cache that can be opened, with the bytes of its files. */
export async function listSnapshots(
  cache: string,
): Promise<{ repository: string; commit: string; path: string; bytes: number }[]> {
  const found = [];
  for (const name of await readdir(cache).catch(() => [])) {
    const parts = /^models--([\w.-]+?)--([\w.-]+)$/.exec(name);
    if (!parts) continue;
    const snapshots = join(cache, name, 'snapshots');
    for (const commit of await readdir(snapshots).catch(() => [])) {
      const path = await openablePath(join(snapshots, commit));
      if (path)
        found.push({
          repository: `${parts[1]}/${parts[2]}`,
          commit,
          path,
          bytes: await bytesUnder(join(snapshots, commit)),
        });
    }
  }
  return found;
}

/** Bytes of all files in a folder, links followed. */
export async function bytesUnder(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true }).catch(() => [])) {
    const found = await stat(join(folder, entry)).catch(() => undefined);
    if (found?.isFile()) bytes += found.size;
  }
  return bytes;
}
