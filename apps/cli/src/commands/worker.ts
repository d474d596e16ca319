import { startWorker } from '@working-papers/runs';
import type { Command } from 'commander';
import { addCommand, wholeNumber } from '../arguments.ts';
import { dataFolder } from '../settings.ts';
import { withLibrary } from '../shelf.ts';
import type { Terminal } from '../terminal.ts';

export function addWorker(program: Command, terminal: Terminal): void {
  addCommand(program, 'worker', 'Take runs from the queue until stopped. Start as many as the machines carry.', [
    'papers worker',
    'DATABASE_URL=postgres://papers@db/papers papers worker --concurrency 4',
  ])
    .option('--concurrency <n>', 'runs at once', wholeNumber(1, 256), 1)
    .action(async ({ concurrency }: { concurrency: number }) => {
      await withLibrary(terminal, async (library) => {
        const worker = await startWorker(library, {
          dataFolder: dataFolder(),
          concurrency,
          signal: terminal.signal,
          onMessage: (sentence) => terminal.note(sentence),
        });
        terminal.note(`Worker ${worker.id} takes runs, ${concurrency} at once. Ctrl-C stops it.`);
        await worker.stopped;
      });
    });
}
