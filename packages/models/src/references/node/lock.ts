import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lock } from 'proper-lockfile';
import { ModelReferenceError } from '../parse.ts';

export interface LockOptions {
  signal?: AbortSignal;
  /** Called once when another process holds the lock. */
  onWait?(): void;
}

/**
 * Runs `work` while no other process does work of the same key in this folder. A lock whose holder died is taken over
 * after 20 s. `work` gets a signal that also ends it when the lock was lost (a machine that slept).
 */
export async function withLock<T>(
  folder: string,
  key: string,
  options: LockOptions,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const locks = join(folder, '.locks');
  await mkdir(locks, { recursive: true });
  const lost = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, lost.signal]) : lost.signal;
  const release = await acquire(join(locks, key), options, () =>
    lost.abort(new ModelReferenceError(`The lock on ${key} was lost to another process; try again.`)),
  );
  try {
    return await work(signal);
  } finally {
    // a lost lock cannot be given back; what ended the work is reported by the work itself
    if (!lost.signal.aborted) await release();
  }
}

async function acquire(path: string, options: LockOptions, onCompromised: () => void): Promise<() => Promise<void>> {
  for (let waits = 0; ; waits++) {
    options.signal?.throwIfAborted();
    try {
      return await lock(path, { realpath: false, stale: 20_000, update: 5_000, onCompromised });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ELOCKED') throw error;
      if (waits === 0) options.onWait?.();
      await sleep(300, undefined, options.signal ? { signal: options.signal } : {});
    }
  }
}
