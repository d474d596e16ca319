import { Worker } from 'node:worker_threads';

type Answer =
  | { type: 'acquired' | 'taken' | 'released' }
  | { type: 'failed'; message: string }
  | { type: 'compromised'; message: string };

export interface FolderLock {
  release(): Promise<void>;
}

export interface FolderLockOptions {
  /** Asked before each further attempt; true ends the waiting (somebody else serves the folder already). */
  served(): Promise<boolean>;
  /** The lock was lost while held: stop writing at once. */
  onLost(message: string): void;
  waitMs?: number;
}

/** Takes the lock of a folder, or gives undefined when the folder is served by another process. */
export async function takeFolderLock(
  folder: string,
  lock: string,
  { served, onLost, waitMs = 60_000 }: FolderLockOptions,
): Promise<FolderLock | undefined> {
  const thread = new Worker(new URL('./lock-thread.js', import.meta.url), { workerData: { folder, lock } });
  const next = () =>
    new Promise<Answer>((resolve, reject) => {
      thread.once('message', resolve);
      thread.once('error', reject);
    });
  const ask = (message: 'acquire' | 'release') => {
    const answer = next();
    thread.postMessage(message);
    return answer;
  };
  const until = Date.now() + waitMs;
  for (;;) {
    const answer = await ask('acquire');
    if (answer.type === 'acquired') break;
    if (answer.type === 'failed') {
      await thread.terminate();
      throw new Error(
        `The data folder ${folder} cannot be locked: ${answer.message}. Set WORKING_PAPERS_DATA to a folder of yours.`,
      );
    }
    if (await served()) {
      await thread.terminate();
      return undefined;
    }
    if (Date.now() > until) {
      await thread.terminate();
      throw new Error(
        `The data folder ${folder} is held by another process that does not answer (waited ${Math.round(waitMs / 1000)} s). End that process, or use another WORKING_PAPERS_DATA.`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  thread.on('message', (answer: Answer) => {
    if (answer.type === 'compromised') onLost(answer.message);
  });
  thread.unref();
  return {
    async release() {
      await ask('release');
    },
  };
}
