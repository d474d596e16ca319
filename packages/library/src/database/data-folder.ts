import { accessSync, constants, mkdirSync, statfsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/**
 * Makes the data folder and those above it where there are none, readable by its owner only. Throws a sentence when it cannot be
 * made or written to.
 */
export function makeDataFolder(dataFolder: string): void {
  const folder = resolve(dataFolder);
  try {
    makeFolders(folder);
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = reasons[code ?? ''] ?? message;
    throw new Error(`The data folder ${folder} cannot be used: ${why}. Set WORKING_PAPERS_DATA to a folder of yours.`);
  }
}

const reasons: Record<string, string> = {
  EEXIST: 'a file stands there',
  ENOTDIR: 'a file stands on the way',
  EACCES: 'it may not be written to',
  EPERM: 'it may not be written to',
  EROFS: 'its disk is read-only',
  ENOSPC: 'its disk is full',
};

/** The embedded database is not kept open on a disk with less room, bytes: PGlite hangs when it cannot write (tried). */
export const leastRoom = 128 * 2 ** 20;

/** A sentence when the folder's disk has less than `least` bytes left. */
export function roomProblem(folder: string, least = leastRoom): string | undefined {
  const { bavail, bsize, blocks } = statfsSync(folder);
  const free = bavail * bsize;
  // Some file systems do not say how large they are.
  if (blocks === 0 || free >= least) return undefined;
  const megabytes = (bytes: number) => `${Math.floor(bytes / 2 ** 20)} MB`;
  return `The disk of ${folder} has ${megabytes(free)} left, and the database needs ${megabytes(least)}. Free some space and start again.`;
}

/** One after the other: Node's own recursive mkdir never ends where a folder cannot be made (tried on /proc). */
function makeFolders(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return;
  const above = dirname(folder);
  if (above !== folder) makeFolders(above);
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    // Another process may have been faster.
    if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) throw error;
  }
}
