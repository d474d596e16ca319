import type { Command } from 'commander';
import { addCommand, wholeNumber } from '../arguments.ts';
import { serve } from '../supervisor.ts';
import type { Terminal } from '../terminal.ts';

export function addServe(program: Command, terminal: Terminal): void {
  addCommand(program, 'serve', 'The site, with its database, encoder and worker, until stopped.', [
    'papers serve',
    'papers serve --port 8080 --no-worker',
  ])
    .option('--port <n>', 'the site’s port (default: PORT, else 5151)', wholeNumber(1, 65_535))
    .option('--concurrency <n>', 'runs at once', wholeNumber(1, 256), 1)
    .option('--no-worker', 'without a worker: runs wait for one started elsewhere')
    .option('--no-open', 'do not open a browser')
    .action((options: { port?: number; concurrency: number; worker: boolean; open: boolean }) =>
      serve(options, terminal),
    );
}
