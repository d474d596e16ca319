import type { ChildProcess } from 'node:child_process';
import { startCompanion } from '../database/companion.ts';
import { answers, encoderSocket } from '../database/sockets.ts';

export interface EncoderProcessOptions {
  dataFolder: string;
  databaseUrl?: string;
}

/**
 * Starts the encoder. Supervised, it is a child that stays until SIGTERM; otherwise it stands alone and leaves a minute after its
 * last client. It listens at once and loads its model meanwhile. Gives undefined when the folder has one already.
 */
export async function startEncoder({
  dataFolder,
  databaseUrl,
  supervised,
}: EncoderProcessOptions & { supervised: boolean }): Promise<ChildProcess | undefined> {
  try {
    return await startCompanion({
      dataFolder,
      entry: 'encoder/main.js',
      args: supervised ? [] : ['--until-idle'],
      env: { DATABASE_URL: databaseUrl ?? '' },
      supervised,
    });
  } catch (error) {
    throw new Error(`The encoder in ${dataFolder} did not start: ${(error as Error).message}`);
  }
}

/** Makes sure that the folder has an encoder that listens; its model may still be on the way. */
export async function ensureEncoder(options: EncoderProcessOptions): Promise<void> {
  if (await answers(encoderSocket(options.dataFolder))) return;
  await startEncoder({ ...options, supervised: false });
}
