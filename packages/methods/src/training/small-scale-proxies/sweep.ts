/** Rows: one training each, kept as it ends, so that a sweep that was interrupted goes on and one that is repeated trains nothing anew. */
import type { RunContext } from '../../contract.ts';
import type { Arm } from './arms.ts';
import { type ProxyModel, parametersOf } from './model.ts';
import { alone } from './sizes.ts';
import type { Corpus } from './text.ts';
import { type RunResult, type ScanSettings, structureOf, Trainer } from './trainer.ts';

/** One training: what it was, and what came of it. */
export interface Row extends RunResult {
  size: string;
  layers: number;
  width: number;
  parameters: number;
  arm: string;
  rate: number;
  seed: number;
}

/** What is to be trained. */
export interface Job {
  proxy: ProxyModel;
  arm: Arm;
  rate: number;
  seed: number;
}

export interface SweepOptions {
  settings: ScanSettings;
  corpus: Corpus;
  /** After each row, those that were there among them; the trainer holds its weights where it was trained now. */
  onRow?(row: Row, trainer: Trainer | undefined, job: Job): void | Promise<void>;
}

/** The rows of all jobs, in their order. Jobs whose rows are in the context's store are not trained again. */
export async function sweep(jobs: readonly Job[], options: SweepOptions, context: RunContext): Promise<Row[]> {
  const rows = new Array<Row | undefined>(jobs.length);
  const open: { job: Job; index: number }[] = [];
  for (const [index, job] of jobs.entries()) {
    const known = await context.store.get(keyOf(job, options));
    if (!known) open.push({ job, index });
    else {
      const row = JSON.parse(new TextDecoder().decode(known)) as Row;
      // The store knows a recipe, which may have had another name.
      rows[index] = { ...row, arm: job.arm.name };
      await options.onRow?.(rows[index], undefined, job);
    }
  }
  if (open.length > 0) await train(open, rows, options, context);
  return rows as Row[];
}

async function train(
  open: { job: Job; index: number }[],
  rows: (Row | undefined)[],
  options: SweepOptions,
  context: RunContext,
): Promise<void> {
  const { settings, corpus } = options;
  const beside = open.every(({ job }) => parametersOf(job.proxy) < alone);
  const lanes = beside ? Math.max(1, Math.min(context.threads, open.length)) : 1;
  const threads = beside ? 1 : context.threads;
  const report = reporter(open, rows.length, settings, context);
  // An error in one lane ends the others.
  const failed = new AbortController();
  const signal = AbortSignal.any([context.signal, failed.signal]);
  let next = 0;
  const lane = async () => {
    let trainer: Trainer | undefined;
    let made: string | undefined;
    try {
      while (next < open.length) {
        const { job, index } = open[next]!;
        next += 1;
        signal.throwIfAborted();
        const structure = `${job.proxy.size} ${structureOf(job.arm)} ${JSON.stringify(job.proxy.config)}`;
        if (made !== structure) {
          trainer?.release();
          trainer = undefined;
          trainer = await Trainer.compile(context.runtime, { ...job, settings, corpus, threads, signal });
          made = structure;
        }
        const result = await trainer!.run(job.arm, job, { signal, onStep: (done) => report.step(index, job, done) });
        const { proxy, arm, rate, seed } = job;
        const { size, layers, width } = proxy;
        const row: Row = { size, layers, width, parameters: parametersOf(proxy), arm: arm.name, rate, seed, ...result };
        await context.store.put(keyOf(job, options), new TextEncoder().encode(JSON.stringify(row)));
        rows[index] = row;
        report.ended(index, job);
        await options.onRow?.(row, trainer, job);
      }
    } catch (error) {
      failed.abort(error);
      throw error;
    } finally {
      trainer?.release();
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: lanes }, lane));
  context.signal.throwIfAborted();
  const wrong = ends.find((end) => end.status === 'rejected');
  if (wrong) throw failed.signal.reason ?? wrong.reason;
}

/** Work of a training in arbitrary units: what it multiplies. */
const workOf = ({ proxy }: Job): number => parametersOf(proxy) + 20_000;

/** Says a few times a second how far all of it is. */
function reporter(
  open: readonly { job: Job; index: number }[],
  all: number,
  settings: ScanSettings,
  context: RunContext,
) {
  const total = open.reduce((sum, { job }) => sum + workOf(job), 0);
  const parts = new Map<number, number>();
  let ended = all - open.length;
  let last = Number.NEGATIVE_INFINITY;
  const say = (job: Job, step: number, always: boolean) => {
    const now = context.elapsed();
    if (!always && now - last < 400) return;
    last = now;
    const done = [...parts.values()].reduce((sum, part) => sum + part, 0);
    context.emit({
      type: 'progress',
      stage: 'Training',
      done: Math.round((1000 * done) / total),
      total: 1000,
      unit: '‰',
      message: `${ended} of ${all} trainings; ${job.proxy.size} ${job.arm.name} at ${job.rate}, seed ${job.seed}: step ${step} of ${settings.steps}`,
    });
  };
  return {
    step: (index: number, job: Job, done: number) => {
      parts.set(index, (workOf(job) * done) / settings.steps);
      say(job, done, false);
    },
    ended: (index: number, job: Job) => {
      parts.set(index, workOf(job));
      ended += 1;
      say(job, settings.steps, true);
    },
  };
}

/** Everything that decides a row. */
export function keyOf({ proxy, arm, rate, seed }: Job, { settings, corpus }: SweepOptions): string {
  const { name: _, ...recipe } = arm;
  const { baseWidth, ...others } = settings;
  return `row 1 ${JSON.stringify([
    proxy.kind,
    proxy.config,
    recipe,
    arm.mup ? baseWidth : null,
    rate,
    seed,
    others,
    corpus.hash,
    corpus.training.length,
  ])}`;
}

/** Jobs of all sizes, arms, rates and seeds, in an order that compiles each program once. */
export function jobsOf(
  proxies: readonly ProxyModel[],
  arms: readonly Arm[],
  rates: readonly number[],
  seeds: readonly number[],
): Job[] {
  const ordered = [...arms].sort((a, b) =>
    structureOf(a) < structureOf(b) ? -1 : structureOf(a) > structureOf(b) ? 1 : 0,
  );
  return proxies.flatMap((proxy) =>
    ordered.flatMap((arm) => rates.flatMap((rate) => seeds.map((seed) => ({ proxy, arm, rate, seed })))),
  );
}
