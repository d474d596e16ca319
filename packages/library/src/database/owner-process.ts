import type { ChildProcess } from 'node:child_process';
import { startCompanion } from './companion.ts';
import { answers, databaseSocket } from './sockets.ts';

/**
 * Starts the owner of the embedded database. Supervised, it is a child that stays until SIGTERM; otherwise it stands alone and
 * leaves 30 s after its last client. Gives undefined when the folder has an owner already.
 */
export async function startOwner(options: {
  dataFolder: string;
  supervised: boolean;
}): Promise<ChildProcess | undefined> {
  try {
    return await startCompanion({
      dataFolder: options.dataFolder,
      entry: 'database/owner.js',
      args: options.supervised ? [] : ['--until-idle'],
      supervised: options.supervised,
    });
  } catch (error) {
    throw new Error(`The embedded database in ${options.dataFolder} did not start: ${(error as Error).message}`);
  }
}

/** Makes sure that somebody owns the folder's database and listens. */
export async function ensureOwner(dataFolder: string): Promise<void> {
  const socket = databaseSocket(dataFolder);
  if (await answers(socket)) return;
  await startOwner({ dataFolder, supervised: false });
  if (await answers(socket)) return;
  throw new Error(`The embedded database in ${dataFolder} started but does not answer on ${socket}.`);
}
