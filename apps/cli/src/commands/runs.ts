import type { Library } from '@working-papers/library';
import {
  cancelRun,
  getRun,
  listArtifacts,
  listRuns,
  markLost,
  type Run,
  type RunStatus,
  readEvents,
  repeatRun,
  runStatuses,
} from '@working-papers/runs';
import { type Command, Option } from 'commander';
import { addCommand, jsonOption, wholeNumber } from '../arguments.ts';
import { CommandError } from '../problems.ts';
import { asUsage } from '../refused-run.ts';
import { followRun, lineOf, showEvent } from '../run-output.ts';
import { withLibrary } from '../shelf.ts';
import { runToEnd } from '../start-run.ts';
import { tableLines } from '../table.ts';
import type { Terminal } from '../terminal.ts';

interface Json {
  json?: boolean;
}

export function addRuns(program: Command, terminal: Terminal): void {
  const runs = addCommand(program, 'runs', 'Runs that were, are, or wait.', [
    'papers runs list --json',
    'papers runs show ID',
    'papers runs events ID --follow --json',
    'papers runs cancel ID',
    'papers runs repeat ID',
  ]);
  addList(runs, terminal);
  addCommand(runs, 'show', 'One run: what it was asked, how it ended, what it took.', ['papers runs show ID --json'])
    .argument('<id>')
    .addOption(jsonOption())
    .action((id: string, { json }: Json) =>
      withLibrary(terminal, async (library) => {
        const run = await theRun(library, id);
        const artifacts = await listArtifacts(library, id);
        if (json) terminal.json({ ...run, artifacts });
        else showRun(run, artifacts, terminal);
      }),
    );
  addCommand(runs, 'events', 'What a run emitted, and with --follow what it emits.', ['papers runs events ID --follow'])
    .argument('<id>')
    .option('--follow', 'until the run ends')
    .option('--after <seq>', 'only events after this one', wholeNumber(0, 2 ** 31 - 1), 0)
    .addOption(jsonOption())
    .action((id: string, options: Json & { follow?: boolean; after: number }) =>
      withLibrary(terminal, (library) => showEvents(library, id, options, terminal)),
    );
  addCommand(runs, 'cancel', 'Cancel a run that waits or runs.', ['papers runs cancel ID'])
    .argument('<id>')
    .addOption(jsonOption())
    .action((id: string, { json }: Json) =>
      withLibrary(terminal, async (library) => {
        await theRun(library, id);
        const run = (await cancelRun(library, id)) as Run;
        if (json) terminal.json(run);
        else if (run.status === 'running') terminal.print(`Run ${id} was asked to stop.`);
        else terminal.print(`Run ${id} is ${run.status}.`);
      }),
    );
  addCommand(runs, 'repeat', 'The same run once more: method, parameters, seed.', ['papers runs repeat ID --json'])
    .argument('<id>')
    .addOption(jsonOption())
    .action((id: string, { json }: Json) =>
      withLibrary(terminal, async (library) => {
        await theRun(library, id);
        const end = await runToEnd(library, await repeatRun(library, id), terminal, { json: json ?? false });
        if (end?.status !== 'done') process.exitCode = 1;
      }),
    );
}

function addList(runs: Command, terminal: Terminal): void {
  addCommand(
    runs,
    'list',
    'Runs, newest first; what "papers runs" alone does.',
    ['papers runs list --paper prepacking --status failed'],
    { isDefault: true },
  )
    .option('--paper <slug>', 'only runs of this paper')
    .addOption(new Option('--status <status>', 'only runs in this state').choices([...runStatuses]))
    .option('--limit <n>', 'runs at most', wholeNumber(1, 100), 20)
    .option('--cursor <cursor>', '"next" of the page before')
    .addOption(jsonOption())
    .action((options: Json & { paper?: string; status?: RunStatus; limit: number; cursor?: string }) =>
      withLibrary(terminal, async (library) => {
        await markLost(library);
        const { paper, status, limit, cursor } = options;
        const page = await listRuns(library, {
          limit,
          ...(paper === undefined ? {} : { slug: paper }),
          ...(status === undefined ? {} : { status }),
          ...(cursor === undefined ? {} : { cursor }),
        }).catch(asUsage);
        if (options.json) {
          terminal.json(page);
          return;
        }
        if (page.runs.length === 0) terminal.print('No runs yet.');
        const rows = page.runs.map((run) => [
          run.id,
          what(run),
          run.status,
          run.createdAt.slice(0, 19).replace('T', ' '),
        ]);
        const columns = [{ name: 'run' }, { name: 'paper' }, { name: 'status' }, { name: 'asked for (UTC)' }];
        if (rows.length > 0) for (const line of tableLines(columns, rows, terminal.width)) terminal.print(line);
        if (page.next) terminal.note(`There are more: --cursor ${page.next}`);
      }),
    );
}

const what = (run: Run): string =>
  [run.slug, run.action, run.experiment ? 'experiment' : undefined, run.stage].filter(Boolean).join(' ');

async function theRun(library: Library, id: string): Promise<Run> {
  const run = await getRun(library, id);
  if (run) return run;
  throw new CommandError(`There is no run "${id}" here. "papers runs list" lists them.`);
}

function showRun(run: Run, artifacts: readonly { name: string; bytes: number }[], terminal: Terminal): void {
  const { manifest } = run;
  const facts: [string, string | undefined][] = [
    ['run', run.id],
    ['paper', what(run)],
    ['status', run.message ? `${run.status}: ${run.message}` : run.status],
    ['seed', String(run.seed)],
    ['repeats', run.repeats],
    ['asked for', run.createdAt],
    ['began', run.startedAt],
    ['ended', run.endedAt],
    ['took', manifest?.seconds === undefined ? undefined : `${manifest.seconds} s`],
    ['peak memory', manifest?.peakBytes === undefined ? undefined : `${Math.round(manifest.peakBytes / 2 ** 20)} MB`],
    ['machine', manifest?.machine],
    ['command', manifest?.command],
    ...(manifest?.models ?? []).map((model): [string, string] => [
      'model',
      [model.reference, model.weights, `sha256 ${model.sha256}`].filter(Boolean).join(', '),
    ]),
    ...artifacts.map(({ name, bytes }): [string, string] => ['file', `${name} (${bytes} bytes)`]),
  ];
  for (const [name, value] of facts) if (value) terminal.print(`${name.padEnd(12)} ${value}`);
}

async function showEvents(
  library: Library,
  id: string,
  options: Json & { follow?: boolean; after: number },
  terminal: Terminal,
): Promise<void> {
  await theRun(library, id);
  const json = options.json ?? false;
  if (options.follow) {
    await followRun(library, id, terminal, { json, cancels: false, after: options.after });
    return;
  }
  let after = options.after;
  for (;;) {
    const records = await readEvents(library, id, after, 1_000);
    for (const record of records) {
      after = record.seq;
      if (json) terminal.json(lineOf(record));
      else showEvent(record.event, terminal);
    }
    if (records.length < 1_000) return;
  }
}
