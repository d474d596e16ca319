/** How a run's process ended, in words: status and sentence. */
import type { HeavyExit } from '@working-papers/runtime/processes';
import type { Limits, RunStatus } from './types.ts';

/** Why a worker stops a run. `taken`: it is marked lost already, and its end is stored. */
export type Stop =
  | { reason: 'cancelled' }
  | { reason: 'worker stopped' }
  | { reason: 'taken' }
  | { reason: 'broken'; message: string };

export interface Ending {
  status: Exclude<RunStatus, 'queued' | 'running'>;
  message?: string;
}

/** The ending of a run that did not say "done" itself. */
export function endingOf(stop: Stop | undefined, exit: HeavyExit | undefined, limits: Limits): Ending {
  if (stop?.reason === 'cancelled') return { status: 'cancelled', message: 'Cancelled.' };
  if (stop?.reason === 'worker stopped') {
    return { status: 'lost', message: 'Its worker was stopped before it ended. Run it again.' };
  }
  if (stop?.reason === 'broken') return { status: 'failed', message: stop.message };
  if (exit?.reason === 'time') {
    return {
      status: 'failed',
      message: `It took longer than its limit of ${duration(limits.seconds ?? 0)}. Give it less to do, or more time.`,
    };
  }
  if (exit?.reason === 'memory') {
    return {
      status: 'failed',
      message: `It held more memory than its limit of ${size(limits.memoryBytes ?? 0)}. Choose a smaller model, batch or input.`,
    };
  }
  if (exit && 'message' in exit) return { status: 'failed', message: `Its process ended by itself: ${exit.message}` };
  return { status: 'failed', message: 'Its process ended before the method was through.' };
}

/** "15 min", "90 s" */
export function duration(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

/** "4 GB", "256 MB" */
export function size(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log(Math.max(bytes, 1)) / Math.log(1024))));
  return `${Number((bytes / 1024 ** power).toPrecision(3))} ${units[power]}`;
}
