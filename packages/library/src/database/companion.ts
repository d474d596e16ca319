/** Starts the processes that stand beside a library: the database's owner and the encoder. */
import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, openSync, renameSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeDataFolder } from './data-folder.ts';

export interface CompanionOptions {
  dataFolder: string;
  /** Compiled entry relative to the package's dist folder: 'database/owner.js'. */
  entry: string;
  args?: readonly string[];
  env?: NodeJS.ProcessEnv;
  /** A child of this process (for a supervisor), or a process that outlives it. */
  supervised: boolean;
  /** Longest wait for its first word. */
  waitMs?: number;
}

/** The package's dist folder, from the sources as well as from the build: Node runs the build only. */
const dist = fileURLToPath(new URL('../../dist/', import.meta.url));

/** A log that has grown larger than this, bytes, is put aside when its process starts anew; the one put aside before goes. */
const largestLog = 2 ** 20;

function openLog(path: string): number {
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > largestLog) renameSync(path, `${path}.1`);
  return openSync(path, 'a', 0o600);
}

/**
 * Starts one and waits until it is ready. Gives the child, or undefined when another process serves the folder already (exit
 * code 3). Rejects with the sentence that the child gave. What it prints goes to DATA_FOLDER/logs.
 */
export async function startCompanion({
  dataFolder,
  entry,
  args = [],
  env,
  supervised,
  waitMs = 120_000,
}: CompanionOptions): Promise<ChildProcess | undefined> {
  const folder = resolve(dataFolder);
  const logs = join(folder, 'logs');
  makeDataFolder(logs);
  const name = entry.replace(/\.js$/, '').replaceAll('/', '-');
  const log = openLog(join(logs, `${name}.log`));
  const child = fork(join(dist, entry), [folder, ...args], {
    detached: !supervised,
    stdio: ['ignore', log, log, 'ipc'],
    execArgv: [],
    env: { ...process.env, ...env },
  });
  closeSync(log);
  const first = await new Promise<{ type: string; message?: string }>((resolve) => {
    const timer = setTimeout(
      () => resolve({ type: 'failed', message: `it said nothing for ${Math.round(waitMs / 1000)} s` }),
      waitMs,
    );
    const settle = (answer: { type: string; message?: string }) => {
      clearTimeout(timer);
      resolve(answer);
    };
    child.once('message', (message) => settle(message as { type: string; message?: string }));
    child.once('error', (error) => settle({ type: 'failed', message: error.message }));
    child.once('exit', (code, signal) =>
      settle(
        code === 3 ? { type: 'served' } : { type: 'failed', message: `it ended with ${signal ?? `code ${code}`}` },
      ),
    );
  });
  if (first.type === 'failed') {
    child.kill();
    throw new Error(`${first.message} (log: ${join(logs, `${name}.log`)})`);
  }
  if (first.type === 'served') return undefined;
  child.removeAllListeners();
  if (!supervised) {
    child.disconnect();
    child.unref();
  }
  return child;
}
