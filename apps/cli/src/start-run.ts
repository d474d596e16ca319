/** A run from a terminal: queued, worked on by a worker that is there or by this very command, followed to its end. */
import type { Library } from '@working-papers/library';
import { type Run, startWorker, workersPresent } from '@working-papers/runs';
import { type End, followRun } from './run-output.ts';
import { dataFolder } from './settings.ts';
import type { Terminal } from './terminal.ts';

/** Follows a queued run to its end, working on it here when no worker is there. */
export async function runToEnd(
  library: Library,
  run: Run,
  terminal: Terminal,
  options: { json: boolean; out?: string | undefined },
): Promise<End | undefined> {
  if (!options.json) terminal.note(`Run ${run.id} of ${run.slug}, seed ${run.seed}.`);
  const present = await workersPresent(library);
  const worker = present > 0 ? undefined : await startWorker(library, { dataFolder: dataFolder(), only: run.id });
  try {
    return await followRun(library, run.id, terminal, { ...options, cancels: true });
  } finally {
    await worker?.stop();
  }
}
