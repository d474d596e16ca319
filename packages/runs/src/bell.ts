/**
 * pg-boss as the bell: a job says "a run waits", nothing more. The `runs` row is the truth, so a bell that is lost, rung twice or
 * answered late costs time and no run.
 */
import PgBoss from 'pg-boss';
import type { Database, Limits } from './types.ts';

const queue = 'runs';
/** pg-boss lets no job live longer than a day. */
const longestSeconds = 24 * 60 * 60 - 1;

const bells = new WeakMap<object, Promise<PgBoss>>();

/** Rings for a run. The job expires a minute after the run's own limit and is never retried. */
export async function ring(library: Database, run: { id: string; limits: Limits }): Promise<void> {
  const boss = await openBell(library);
  const expireInSeconds = Math.min(longestSeconds, Math.ceil((run.limits.seconds ?? longestSeconds) + 60));
  await boss.send(queue, { run: run.id }, { retryLimit: 0, expireInSeconds });
}

export interface Listening {
  stop(): Promise<void>;
}

/**
 * Calls `answer` for each bell, at most `concurrency` at once; the next bell waits until `answer` has settled.
 * @param onError what pg-boss could not do (the database is away); it goes on trying
 */
export async function listen(
  library: Database,
  options: { concurrency: number; pollSeconds: number; answer: () => Promise<void>; onError: (error: Error) => void },
): Promise<Listening> {
  const boss = await openBell(library);
  boss.on('error', options.onError);
  for (let slot = 0; slot < options.concurrency; slot++) {
    await boss.work(queue, { pollingIntervalSeconds: options.pollSeconds }, options.answer);
  }
  return {
    stop: async () => {
      // Without waiting for jobs: their runs are ended by the worker, and the rows say how.
      await boss.offWork(queue).catch(() => {});
      await closeQueue(library);
    },
  };
}

/** Lets go of the queue of this database connection; call it before the library is closed. */
export async function closeQueue(library: Database): Promise<void> {
  const bell = bells.get(library.pool);
  if (!bell) return;
  bells.delete(library.pool);
  const boss = await bell.catch(() => undefined);
  await boss?.stop({ graceful: false, wait: false }).catch(() => {});
}

/** One pg-boss for one pool: it lives in the same database and speaks through the same connections. */
function openBell(library: Database): Promise<PgBoss> {
  const known = bells.get(library.pool);
  if (known) return known;
  const opened = startBoss(library);
  bells.set(library.pool, opened);
  opened.catch(() => bells.delete(library.pool));
  return opened;
}

async function startBoss(library: Database): Promise<PgBoss> {
  const boss = new PgBoss({
    db: { executeSql: (text, values) => library.pool.query(text, values) },
    schedule: false,
    supervise: true,
    maintenanceIntervalSeconds: 300,
  });
  boss.on('error', () => {});
  await boss.start();
  await boss.createQueue(queue, { name: queue, retryLimit: 0 });
  return boss;
}
