/** The `papers` command: everything the site does, from a terminal. */
import { Command } from 'commander';
import { sentenceErrors } from './arguments.ts';
import { commands } from './commands/index.ts';
import { exitCodeOf, Shown } from './problems.ts';
import { createTerminal, type Terminal } from './terminal.ts';
import { version } from './version.ts';

/** Runs the command line and ends the process. */
export async function main(argv: readonly string[]): Promise<void> {
  const code = await execute(argv, createTerminal());
  // Native libraries and idle connections would keep the process a while.
  process.stdout.write('', () => process.exit(code));
}

/** Runs the command line; gives the exit code: 0 done, 1 failed, 2 wrong arguments. */
export async function execute(argv: readonly string[], terminal: Terminal): Promise<number> {
  try {
    await (await createProgram(terminal, argv[2])).parseAsync(argv as string[]);
    return Number(process.exitCode ?? 0);
  } catch (error) {
    terminal.endProgress();
    if (!(error instanceof Shown)) tell(terminal, error);
    return exitCodeOf(error);
  }
}

function tell(terminal: Terminal, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  if (message !== '') terminal.note(message);
  if (process.env.WORKING_PAPERS_DEBUG) console.error(error);
}

/** The program with the command that is called, or with all of them where none is: what others need is not loaded for one. */
async function createProgram(terminal: Terminal, called: string | undefined): Promise<Command> {
  const program = new Command('papers')
    .description('Working Papers: daily papers that you can run.')
    .version(version())
    .enablePositionalOptions()
    .configureOutput({ writeOut: (text) => terminal.stream(text) })
    .addHelpText(
      'after',
      [
        '\nResults go to standard output, progress to standard error; --json prints results as JSON (docs/cli.md).',
        'Exit codes: 0 done, 1 failed, 2 wrong arguments.',
        'Data live in WORKING_PAPERS_DATA (default: data in the clone); DATABASE_URL names a Postgres server instead.',
      ].join('\n'),
    );
  sentenceErrors(program, 'papers');
  const one = called !== undefined && Object.hasOwn(commands, called) ? commands[called] : undefined;
  for (const add of await Promise.all((one ? [one] : Object.values(commands)).map((load) => load())))
    add(program, terminal);
  return program;
}
