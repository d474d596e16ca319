import { setTimeout as pause } from 'node:timers/promises';
import {
  type EncoderClient,
  encoderClient,
  ensureEncoder,
  isDay,
  type Library,
  type SearchAnswer,
  search,
  searchEncoder,
} from '@working-papers/library';
import { families } from '@working-papers/methods';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { addCommand, jsonOption, wholeNumber } from '../arguments.ts';
import { UsageError } from '../problems.ts';
import { databaseUrl, dataFolder } from '../settings.ts';
import { withShelf } from '../shelf.ts';
import { wrap } from '../table.ts';
import { bold, type Terminal } from '../terminal.ts';

interface Options {
  family?: string;
  from?: string;
  to?: string;
  runsHere?: boolean;
  limit: number;
  offset: number;
  keyword?: boolean;
  json?: boolean;
}

export function addSearch(program: Command, terminal: Terminal): void {
  addCommand(program, 'search', 'Find papers by meaning and by word.', [
    'papers search "make batches of prompts of uneven length faster"',
    'papers search prepacking --json',
    'papers search "key value cache" --family long-context --runs-here',
  ])
    .argument('<query...>', 'words, a sentence, an arXiv id or an author')
    .addOption(new Option('--family <name>', 'only this family').choices(families))
    .option('--from <date>', 'not before this day (YYYY-MM-DD)', day)
    .option('--to <date>', 'not after this day (YYYY-MM-DD)', day)
    .option('--runs-here', 'only papers whose method runs here')
    .option('--limit <n>', 'results at most', wholeNumber(1, 100), 20)
    .option('--offset <n>', 'leave out so many first', wholeNumber(0, 10_000), 0)
    .option('--keyword', 'by word only, without the encoder')
    .addOption(jsonOption())
    .action(async (words: string[], options: Options) => {
      const query = words.join(' ');
      if (query.trim() === '')
        throw new UsageError('The query is empty. Give words, a sentence, an arXiv id or an author.');
      const answer = await withShelf(terminal, (library) => find(library, query, options, terminal));
      if (options.json) terminal.json(answer);
      else show(answer, terminal);
    });
}

async function find(library: Library, query: string, options: Options, terminal: Terminal): Promise<SearchAnswer> {
  const { keyword, json: _, ...filters } = options;
  if (keyword) return search(library, query, filters);
  const url = databaseUrl();
  const place = { dataFolder: dataFolder(), ...(url === undefined ? {} : { databaseUrl: url }) };
  try {
    await ensureEncoder(place);
  } catch (error) {
    terminal.note((error as Error).message);
    return search(library, query, filters);
  }
  const client = encoderClient(place);
  try {
    await untilFilled(client, terminal);
    return await search(library, query, { ...filters, encoder: searchEncoder(client, { wait: true }) });
  } finally {
    client.close();
  }
}

/** A command would rather wait than answer by keyword: until the shelf has its embeddings, as long as there is progress. */
async function untilFilled(client: EncoderClient, terminal: Terminal): Promise<void> {
  let last = '';
  let movedAt = Date.now();
  while (!terminal.signal.aborted && Date.now() - movedAt < 30_000) {
    const { state, message, progress, papers } = await client.status();
    // Ready before it has counted the papers, it says nothing of them.
    const filled = state === 'ready' && papers !== undefined && papers.embedded >= papers.total;
    if (filled || state === 'unavailable') break;
    const now = JSON.stringify([state, progress, papers]);
    if (now !== last) movedAt = Date.now();
    last = now;
    terminal.progress({ message, done: papers?.embedded ?? progress ?? 0, total: papers?.total ?? 1 });
    await pause(150);
  }
  terminal.endProgress();
}

function show(answer: SearchAnswer, terminal: Terminal): void {
  if (answer.reason) terminal.note(answer.reason);
  if (answer.near) terminal.note('Nothing matches; these are only the nearest.');
  for (const { from, to } of answer.corrected ?? []) terminal.note(`"${from}" was read as "${to}".`);
  if (answer.results.length === 0) terminal.print('No papers found.');
  for (const result of answer.results) {
    terminal.print(bold(terminal, result.title));
    terminal.print(`  ${[result.slug, result.date, result.family].filter(Boolean).join(' · ')}`);
    const snippet = wrap(result.snippet.replaceAll(/\[\[|\]\]/g, ''), terminal.width, '  ');
    terminal.print(`${snippet.join('\n')}\n`);
  }
}

function day(text: string): string {
  if (isDay(text)) return text;
  throw new InvalidArgumentError('Give a day of the calendar as YYYY-MM-DD.');
}
