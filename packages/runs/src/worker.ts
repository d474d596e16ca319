/** The worker: answers the bell, claims runs, gives each a process, and says all the while that it lives. */
import { randomBytes } from 'node:crypto';
import { availableParallelism, hostname } from 'node:os';
import { type Listening, listen } from './bell.ts';
import { Execution } from './execution.ts';
import { watchLost } from './lost.ts';
import { pause } from './pause.ts';
import { type RunRow, runOf } from './rows.ts';
import { Slots } from './slots.ts';
import type { Database, Run } from './types.ts';

/** Seconds; tests make them short. */
export interface Intervals {
  /** Between two looks at the bell. At least 0.5. */
  bell: number;
  /** Between two looks for queued runs whose bell was lost. */
  sweep: number;
  /** Between two signs of life. */
  heartbeat: number;
  /** Between two looks at what was cancelled. */
  cancel: number;
  /** After which a silent worker's runs are lost. */
  unseen: number;
  /** How long events wait for a database that is away. */
  patience: number;
}

export const defaultIntervals: Intervals = {
  bell: 0.5,
  sweep: 5,
  heartbeat: 10,
  cancel: 0.25,
  unseen: 40,
  patience: 60,
};

export interface WorkerOptions {
  dataFolder: string;
  /** Runs at once; 1 when absent. */
  concurrency?: number;
  /** Claims this run alone, and stops when it has ended. */
  only?: string;
  /** Stops the worker; its runs are then marked lost at once. */
  signal?: AbortSignal;
  intervals?: Partial<Intervals>;
  /** Told what the operator should know: a database that is away, a run that began or ended. */
  onMessage?: (sentence: string) => void;
}

export interface Worker {
  readonly id: string;
  /** Resolves when the worker has stopped, for whatever reason. */
  readonly stopped: Promise<void>;
  stop(): Promise<void>;
}

/** Starts a worker. Rejects when the database cannot be reached now. */
export async function startWorker(library: Database, options: WorkerOptions): Promise<Worker> {
  const loop = new WorkerLoop(library, options);
  await loop.start();
  return loop;
}

class WorkerLoop implements Worker {
  readonly id = `${hostname()}-${process.pid}-${randomBytes(4).toString('hex')}`;
  readonly stopped: Promise<void>;
  private readonly library: Database;
  private readonly options: WorkerOptions;
  private readonly intervals: Intervals;
  private readonly concurrency: number;
  private readonly slots: Slots;
  private readonly executions = new Map<string, Execution>();
  private readonly aborter = new AbortController();
  private listening: Listening | undefined;
  private resolveStopped: () => void = () => {};
  private stopping: Promise<void> | undefined;

  constructor(library: Database, options: WorkerOptions) {
    this.library = library;
    this.options = options;
    this.intervals = { ...defaultIntervals, ...options.intervals };
    this.concurrency = Math.max(1, Math.trunc(options.concurrency ?? 1));
    this.slots = new Slots(this.concurrency);
    this.stopped = new Promise((resolve) => {
      this.resolveStopped = resolve;
    });
  }

  async start(): Promise<void> {
    await this.library.pool.query(`delete from workers where seen_at < now() - interval '1 hour'`);
    await this.library.pool.query(
      `insert into workers (id, machine, process, concurrency, started_at, seen_at) values ($1, $2, $3, $4, now(), now())`,
      [this.id, hostname(), process.pid, this.options.only === undefined ? this.concurrency : 0],
    );
    this.options.signal?.addEventListener('abort', () => void this.stop(), { once: true });
    this.every('heartbeat', () => this.beat());
    this.every('cancel', () => this.lookForCancelled());
    void watchLost(this.library, {
      signal: this.aborter.signal,
      everySeconds: this.intervals.heartbeat,
      unseenSeconds: this.intervals.unseen,
    });
    if (this.options.only !== undefined) {
      void this.claimAndRun().finally(() => this.stop());
      return;
    }
    this.listening = await listen(this.library, {
      concurrency: this.concurrency,
      pollSeconds: this.intervals.bell,
      answer: () => this.claimAndRun(),
      onError: (error) => this.say(`The queue cannot be asked: ${error.message}`),
    });
    this.every('sweep', async () => {
      if (this.slots.free > 0) void this.claimAndRun();
    });
  }

  stop(): Promise<void> {
    this.stopping ??= this.leave();
    return this.stopping;
  }

  private async leave(): Promise<void> {
    this.aborter.abort();
    const executions = [...this.executions.values()];
    for (const execution of executions) execution.stop({ reason: 'worker stopped' });
    await this.listening?.stop();
    await Promise.all(executions.map((execution) => execution.ended.catch(() => {})));
    await this.library.pool.query('delete from workers where id = $1', [this.id]).catch(() => {});
    this.resolveStopped();
  }

  /** Repeats until the worker stops; a failure is said once until it has gone. */
  private every(interval: keyof Intervals, look: () => Promise<void>): void {
    const repeat = async (): Promise<void> => {
      let failing = false;
      while (!this.aborter.signal.aborted) {
        await pause(this.intervals[interval] * 1_000, this.aborter.signal);
        if (this.aborter.signal.aborted) return;
        try {
          await look();
          failing = false;
        } catch (error) {
          if (!failing)
            this.say(`The database cannot be asked: ${(error as Error).message}. The worker goes on trying.`);
          failing = true;
        }
      }
    };
    void repeat();
  }

  /** Waits for a free slot, claims the oldest queued run if there is one, and runs it to its end. */
  private async claimAndRun(): Promise<void> {
    const release = await this.slots.take(this.aborter.signal);
    if (!release) return;
    try {
      const run = await this.claim();
      if (run) await this.execute(run);
    } catch (error) {
      this.say((error as Error).message);
    } finally {
      release();
    }
  }

  /** One statement: two workers never claim the same run. */
  private async claim(): Promise<Run | undefined> {
    if (this.aborter.signal.aborted) return undefined;
    const { rows } = await this.library.pool.query<RunRow>(
      `update runs set status = 'running', worker = $1, started_at = now(), seen_at = now()
       where status = 'queued' and id = (
         select id from runs where status = 'queued' and ($2::text is null or id = $2)
         order by created_at, id limit 1 for update skip locked
       )
       returning *`,
      [this.id, this.options.only ?? null],
    );
    return rows[0] && runOf(rows[0]);
  }

  private async execute(run: Run): Promise<void> {
    const execution = new Execution(run, {
      library: this.library,
      dataFolder: this.options.dataFolder,
      worker: this.id,
      threads: Math.max(1, Math.floor(availableParallelism() / this.concurrency)),
      patienceMs: this.intervals.patience * 1_000,
    });
    this.executions.set(run.id, execution);
    if (this.aborter.signal.aborted) execution.stop({ reason: 'worker stopped' });
    this.say(`Run ${run.id} of ${run.slug} began.`);
    try {
      await execution.ended;
      this.say(`Run ${run.id} of ${run.slug} ended.`);
    } catch (error) {
      this.say(`The end of run ${run.id} could not be stored: ${(error as Error).message}`);
    } finally {
      this.executions.delete(run.id);
    }
  }

  /** Says that worker and runs live, and lets go of runs that somebody marked lost meanwhile. */
  private async beat(): Promise<void> {
    await this.library.pool.query('update workers set seen_at = now() where id = $1', [this.id]);
    const ours = [...this.executions.keys()];
    if (ours.length === 0) return;
    const { rows } = await this.library.pool.query<{ id: string }>(
      `update runs set seen_at = now() where id = any($1::text[]) and worker = $2 and status = 'running' returning id`,
      [ours, this.id],
    );
    const alive = new Set(rows.map((row) => row.id));
    for (const id of ours) if (!alive.has(id)) await this.letGoIfTaken(id);
  }

  private async letGoIfTaken(id: string): Promise<void> {
    const { rows } = await this.library.pool.query<{ status: string }>('select status from runs where id = $1', [id]);
    if (rows[0]?.status === 'lost') this.executions.get(id)?.stop({ reason: 'taken' });
  }

  private async lookForCancelled(): Promise<void> {
    if (this.executions.size === 0) return;
    const { rows } = await this.library.pool.query<{ id: string }>(
      'select id from runs where id = any($1::text[]) and cancel_requested',
      [[...this.executions.keys()]],
    );
    for (const { id } of rows) this.executions.get(id)?.stop({ reason: 'cancelled' });
  }

  private say(sentence: string): void {
    this.options.onMessage?.(sentence);
  }
}

/** How many workers that take any run are there: seen in the last 40 s and, on this machine, still a process. */
export async function workersPresent(library: Database, unseenSeconds = defaultIntervals.unseen): Promise<number> {
  const { rows } = await library.pool.query<{ machine: string; process: number }>(
    `select machine, process from workers
     where concurrency > 0 and seen_at > now() - make_interval(secs => $1::double precision)`,
    [unseenSeconds],
  );
  return rows.filter((row) => row.machine !== hostname() || isProcess(row.process)).length;
}

function isProcess(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process is a process.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
