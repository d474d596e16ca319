/**
 * Holds a folder's lock from a thread of its own, so that the lock stays fresh while the database computes: a long query blocks
 * the owner's event loop, and a lock that is not renewed for six seconds counts as abandoned.
 */
import { parentPort, workerData } from 'node:worker_threads';
import lockfile from 'proper-lockfile';

const { folder, lock } = workerData as { folder: string; lock: string };
let release: (() => Promise<void>) | undefined;

parentPort!.on('message', async (message: 'acquire' | 'release') => {
  if (message === 'acquire') {
    try {
      release = await lockfile.lock(folder, {
        lockfilePath: lock,
        stale: 6_000,
        update: 1_000,
        onCompromised: (error) => parentPort!.postMessage({ type: 'compromised', message: error.message }),
      });
      parentPort!.postMessage({ type: 'acquired' });
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      parentPort!.postMessage(code === 'ELOCKED' ? { type: 'taken' } : { type: 'failed', message });
    }
  } else {
    await release?.();
    parentPort!.postMessage({ type: 'released' });
    parentPort!.close();
  }
});
