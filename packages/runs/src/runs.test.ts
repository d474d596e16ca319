import { type ChildProcess, fork } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Library, openLibrary } from '@working-papers/library';
import type { Apart } from '@working-papers/methods/contract';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { listArtifacts, openArtifact } from './artifacts.ts';
import { closeQueue } from './bell.ts';
import { followEvents, readEvents } from './events.ts';
import { judgeAnew, listEvidence } from './evidence.ts';
import { markLost } from './lost.ts';
import { pause } from './pause.ts';
import { cancelRun, createRun, repeatRun } from './requests.ts';
import { countRuns, getRun, listRuns } from './rows.ts';
import type { EventRecord, Run, RunRequest } from './types.ts';
import { startWorker, type Worker, workersPresent } from './worker.ts';

vi.hoisted(() => {
  process.env.WORKING_PAPERS_METHODS = new URL('./fixtures/rooms', import.meta.url).pathname;
});

const quick = { heartbeat: 0.3, sweep: 0.5, unseen: 2, cancel: 0.1 };
/** The embedded database, or an empty database of a Postgres server: TEST_DATABASE_URL. */
const databaseUrl = process.env.TEST_DATABASE_URL || undefined;
let dataFolder: string;
let library: Library;
const workers: Worker[] = [];
const processes: ChildProcess[] = [];

beforeAll(async () => {
  dataFolder = await mkdtemp(join(tmpdir(), 'runs-'));
  library = await openLibrary({ dataFolder, ...(databaseUrl === undefined ? {} : { databaseUrl }) });
}, 60_000);

afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop()));
  for (const child of processes.splice(0)) child.kill('SIGKILL');
});

afterAll(async () => {
  await closeQueue(library);
  await library.close();
  const owner = Number(await readFile(join(dataFolder, 'database.pid'), 'utf8').catch(() => ''));
  if (owner > 0) process.kill(owner, 'SIGTERM');
  await rm(dataFolder, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
}, 30_000);

const work = async (concurrency = 1): Promise<Worker> => {
  const worker = await startWorker(library, { dataFolder, concurrency, intervals: quick });
  workers.push(worker);
  return worker;
};

const workApart = async (concurrency = 1): Promise<ChildProcess> => {
  const script = fileURLToPath(new URL('./fixtures/worker.mjs', import.meta.url));
  const child = fork(script, [dataFolder, String(concurrency)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  processes.push(child);
  await new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve());
    child.once('exit', (code) => reject(new Error(`The worker ended with ${code}.`)));
  });
  return child;
};

const count = (parameters: Record<string, unknown> = {}, rest: Partial<RunRequest> = {}): Promise<Run> =>
  createRun(library, { slug: 'counting', parameters, ...rest });

const collect = async (id: string): Promise<EventRecord[]> => {
  const records: EventRecord[] = [];
  for await (const record of followEvents(library, id, 0, AbortSignal.timeout(30_000))) records.push(record);
  return records;
};

const ended = async (id: string): Promise<Run> => {
  await collect(id);
  return (await getRun(library, id)) as Run;
};

/** What the run's first progress says is done; waits for it. */
const firstProgress = async (id: string): Promise<number> => {
  for await (const { event } of followEvents(library, id)) if (event.type === 'progress') return event.done;
  throw new Error('The run ended without progress.');
};

const running = async (id: string): Promise<void> => void (await firstProgress(id));

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('a run', () => {
  it('goes from created to done, its events streamed in the order emitted', async () => {
    await work();
    const run = await count({ to: '25', names: ['Ada', 'Bo'], loud: 'true' }, { seed: 7 });
    expect(run).toMatchObject({ status: 'queued', seed: 7, parameters: { action: 'count', to: 25, loud: true } });
    const records = await collect(run.id);
    expect(records.map((record) => record.seq)).toEqual(records.map((_, index) => index + 1));
    const progress = records.flatMap(({ event }) => (event.type === 'progress' ? [event.done] : []));
    expect(progress).toEqual(Array.from({ length: 25 }, (_, index) => index + 1));
    expect(records[0]?.event).toMatchObject({ type: 'status', status: 'running' });
    expect(records[1]?.event).toEqual({ type: 'text', markdown: 'Seed 7' });
    expect(records.at(-1)?.event).toEqual({ type: 'end', status: 'done', run: run.id });
    expect(records.at(-2)?.event).toMatchObject({
      type: 'table',
      rows: [
        ['ADA', 25],
        ['BO', 25],
      ],
    });
    const done = (await getRun(library, run.id)) as Run;
    expect(done.manifest?.command).toBe('papers run counting count --to 25 --names Ada --names Bo --loud --seed 7');
    expect(done.manifest?.peakBytes).toBeGreaterThan(10_000_000);
    expect(done.manifest?.machine).toMatch(/core/);
    expect((await countRuns(library)).counting).toBeGreaterThan(0);
  }, 60_000);

  it('draws the same numbers from the same seed, and others from another', async () => {
    await work(2);
    const series = async (seed: number): Promise<number[]> => {
      const { id } = await count({ to: 5 }, { seed });
      return (await collect(id)).flatMap(({ event }) => (event.type === 'metric' ? [event.y] : []));
    };
    const first = await series(1);
    expect(await series(1)).toEqual(first);
    expect(await series(2)).not.toEqual(first);
  }, 60_000);

  it('fails with the method’s own sentence', async () => {
    await work();
    const run = await ended((await count({ failAt: 2 })).id);
    expect(run).toMatchObject({ status: 'failed', message: 'Counting stops at 2: choose another number.' });
  }, 60_000);

  it('whose process dies by itself fails and says so', async () => {
    await work();
    const run = await ended((await count({ action: 'crash' })).id);
    expect(run.status).toBe('failed');
    expect(run.message).toMatch(/SIGKILL/);
  }, 60_000);

  it('is refused with the field at fault, and nothing is stored', async () => {
    const before = (await listRuns(library, { limit: 100 })).runs.length;
    await expect(count({ to: 'many' })).rejects.toMatchObject({ errors: [{ field: 'to' }] });
    await expect(createRun(library, { slug: 'nothing', parameters: {} })).rejects.toThrow('no paper "nothing"');
    await expect(count({}, { action: 'dance' })).rejects.toThrow('no action "dance"');
    await expect(count({}, { seed: -1 })).rejects.toThrow('got -1');
    await expect(count({}, { record: true })).rejects.toThrow('needs "experiment"');
    expect((await listRuns(library, { limit: 100 })).runs.length).toBe(before);
  });

  it('that is queued is cancelled at once, and no worker takes it', async () => {
    const run = await count();
    expect(await cancelRun(library, run.id)).toMatchObject({ status: 'cancelled' });
    await work();
    // What is asked for later and ends shows that the worker has passed it by.
    expect((await ended((await count({ to: 1 })).id)).status).toBe('done');
    expect((await readEvents(library, run.id)).map(({ event }) => event.type)).toEqual(['end']);
    expect(await cancelRun(library, 'nosuchrun')).toBeUndefined();
  }, 30_000);

  it('that runs is killed when it is cancelled', async () => {
    await work();
    const { id } = await count({ to: 1000, delay: 50 });
    await running(id);
    await cancelRun(library, id);
    expect(await ended(id)).toMatchObject({ status: 'cancelled', message: 'Cancelled.' });
    const counted = (await collect(id)).filter(({ event }) => event.type === 'progress').length;
    expect(counted).toBeLessThan(1_000);
  }, 60_000);

  it('is ended at its limits of time and of memory', async () => {
    await work(2);
    const slow = await count({ to: 1000, delay: 50 }, { limits: { seconds: 1 } });
    const big = await count({ action: 'hold', megabytes: 600 }, { limits: { memoryBytes: 300 * 2 ** 20 } });
    expect(await ended(slow.id)).toMatchObject({ status: 'failed', message: expect.stringContaining('limit of 1 s') });
    expect(await ended(big.id)).toMatchObject({
      status: 'failed',
      message: expect.stringContaining('limit of 300 MB'),
    });
  }, 60_000);

  it('runs a function in a process of its own and sees what memory that took', async () => {
    await work();
    const { id } = await count({ action: 'apart', megabytes: 300 }, { seed: 5 });
    const records = await collect(id);
    const text = records.flatMap(({ event }) => (event.type === 'text' ? [event.markdown] : [])).join();
    const { large, small, own } = JSON.parse(text) as Record<
      'large' | 'small',
      Apart<{ pid: number; seed: number }>
    > & {
      own: number;
    };
    expect(large.result).toEqual({ megabytes: 300, pid: large.result.pid, seed: 5 });
    expect(new Set([large.result.pid, small.result.pid, own]).size).toBe(3);
    const above = (apart: Apart<unknown>) => (apart.peakBytes - apart.baselineBytes) / 2 ** 20;
    expect(above(large)).toBeGreaterThan(295);
    expect(above(large)).toBeLessThan(350);
    expect(above(small)).toBeLessThan(50);
    const progress = records.flatMap(({ event }) => (event.type === 'progress' ? [event.done] : []));
    expect(progress).toEqual([large.result.pid, small.result.pid]);
    const run = await getRun(library, id);
    expect(run?.manifest?.peakBytes).toBe(large.peakBytes);
  }, 60_000);

  it('ends what it runs apart when it is cancelled', async () => {
    await work();
    const { id } = await count({ action: 'apart', delay: 20_000 });
    const pid = await firstProgress(id);
    await cancelRun(library, id);
    expect(await ended(id)).toMatchObject({ status: 'cancelled' });
    await expect.poll(() => isAlive(pid), { timeout: 2_000 }).toBe(false);
  }, 60_000);

  it('fails with the sentence of what it runs apart, and passes its limit of memory on', async () => {
    await work();
    const failure = async (parameters: object, limits?: RunRequest['limits']) =>
      (await ended((await count({ action: 'apart', ...parameters }, limits ? { limits } : {})).id)).message;
    expect(await failure({ name: 'fail' })).toBe('Nothing can be held: choose something smaller.');
    expect(await failure({ name: 'crash' })).toMatch(/^The process of "crash", run apart, ended by itself.*SIGKILL/);
    expect(await failure({ name: 'dance' })).toMatch(/nothing named 'dance' to run apart; there is hold, fail/);
    expect(await failure({ name: 'nest' })).toMatch(/starts nothing apart itself/);
    expect(await failure({ name: 'write' })).toMatch(/leaves no files/);
    const limits = { memoryBytes: 500 * 2 ** 20 };
    expect(await failure({ megabytes: 600, delay: 5_000 }, limits)).toMatch(
      /"hold", run apart, held more than the \d+ MB/,
    );
  }, 60_000);

  it('keeps its artifacts under safe names, and refuses others', async () => {
    await work();
    const { id } = await count({ action: 'write', bytes: 12 });
    await ended(id);
    const [record] = await listArtifacts(library, id);
    expect(record).toMatchObject({ name: 'numbers.csv', mediaType: 'text/csv', bytes: 12 });
    const opened = await openArtifact(library, dataFolder, id, 'numbers.csv');
    expect(await readFile(opened?.path ?? '', 'utf8')).toBe('xxxxxxxxxxxx');
    expect(await openArtifact(library, dataFolder, id, '../../secret')).toBeUndefined();
    for (const name of ['../escape.txt', '/etc/passwd', '.hidden', 'a/b', 'con.txt']) {
      const bad = await ended((await count({ action: 'write', name })).id);
      expect(bad.status, name).toBe('failed');
      expect(bad.message).toContain('cannot name an artifact');
    }
    const folders = await readdir(join(dataFolder, 'runs'));
    expect(folders.every((folder) => /^[a-z2-7]{16}$/.test(folder))).toBe(true);
  }, 60_000);

  it('may not write more than its limit', async () => {
    await work();
    const run = await ended((await count({ action: 'write', bytes: 5000 }, { limits: { artifactBytes: 1000 } })).id);
    expect(run).toMatchObject({ status: 'failed', message: expect.stringContaining('limit of 1000 bytes') });
    expect(await readdir(join(dataFolder, 'runs', run.id, 'artifacts'))).toEqual([]);
  }, 60_000);

  it('shows its plot, and a sentence in place of one that would load something', async () => {
    await work();
    const good = await collect((await count({ action: 'draw' })).id);
    expect(good.some(({ event }) => event.type === 'plot')).toBe(true);
    const bad = await collect((await count({ action: 'draw', url: 'file:///etc/passwd' })).id);
    expect(bad.some(({ event }) => event.type === 'plot')).toBe(false);
    expect(bad.flatMap(({ event }) => (event.type === 'text' ? [event.markdown] : [])).join()).toMatch(
      /inline values only/,
    );
  }, 60_000);

  it('reads the reader’s own text or file, and its manifest holds hashes only', async () => {
    await work();
    const file = join(dataFolder, 'prompts.txt');
    await writeFile(file, 'first\n\nsecond\nthird\n');
    const records = await collect((await count({ action: 'read', lines: file })).id);
    expect(records.flatMap(({ event }) => (event.type === 'text' ? [event.markdown] : []))).toEqual([
      'first',
      'second',
      'third',
    ]);
    const run = await ended((await count({ action: 'read', lines: '/no/such/file.txt' })).id);
    expect(run).toMatchObject({ status: 'failed', message: expect.stringContaining('no file "/no/such/file.txt"') });
    const inline = await ended((await count({ action: 'read', lines: 'abc' })).id);
    // sha256 of "abc", FIPS 180-2 appendix B.1
    expect(inline.manifest?.inputs).toEqual([
      { field: 'lines', bytes: 3, sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad' },
    ]);
  }, 60_000);
});

describe('workers', () => {
  it('never run the same run twice', async () => {
    await Promise.all([workApart(2), workApart(2)]);
    await work(2);
    expect(await workersPresent(library)).toBeGreaterThanOrEqual(3);
    const runs = await Promise.all(Array.from({ length: 8 }, () => count({ to: 3, delay: 20 })));
    for (const { id } of runs) {
      const records = await collect(id);
      expect(records.filter(({ event }) => event.type === 'end')).toHaveLength(1);
      expect(records.filter(({ event }) => event.type === 'progress')).toHaveLength(3);
      expect(records.filter(({ event }) => event.type === 'status')).toHaveLength(1);
    }
  }, 90_000);

  it('killed in mid-run leave a lost run that can be repeated', async () => {
    const child = await workApart();
    const { id } = await count({ to: 1000, delay: 20 }, { seed: 3 });
    await running(id);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    await pause(2_100);
    expect(await markLost(library, { unseenSeconds: 2 })).toContain(id);
    expect(await markLost(library, { unseenSeconds: 2 })).toEqual([]);
    const lost = await ended(id);
    expect(lost).toMatchObject({ status: 'lost', message: expect.stringContaining('stopped answering') });
    const records = await readEvents(library, id, 0, 1_000);
    expect(records.at(-1)?.event).toMatchObject({ type: 'end', status: 'lost', run: id });
    const again = await repeatRun(library, id);
    expect(again).toMatchObject({ parameters: lost.parameters, seed: 3, repeats: id, status: 'queued' });
    await cancelRun(library, again.id);
  }, 60_000);

  it('that are stopped say so in the run, at once', async () => {
    const worker = await work();
    const { id } = await count({ to: 1000, delay: 20 });
    await running(id);
    await worker.stop();
    expect(await getRun(library, id)).toMatchObject({ status: 'lost', message: expect.stringContaining('stopped') });
    expect(await workersPresent(library)).toBe(0);
  }, 60_000);

  it('find a queued run whose bell was lost', async () => {
    const { id } = await count();
    await library.pool.query('delete from pgboss.job');
    await work();
    expect((await ended(id)).status).toBe('done');
  }, 60_000);

  it('of one command run that run alone', async () => {
    const other = await count();
    const mine = await count();
    const worker = await startWorker(library, { dataFolder, only: mine.id, intervals: quick });
    expect(await workersPresent(library)).toBe(0);
    await worker.stopped;
    expect((await getRun(library, mine.id))?.status).toBe('done');
    expect((await getRun(library, other.id))?.status).toBe('queued');
    await cancelRun(library, other.id);
  }, 60_000);
});

describe('an experiment', () => {
  it('leaves evidence with verdicts computed by the rules, in the stage that each rule names', async () => {
    await work();
    const run = await ended((await count({}, { experiment: true, seed: 5 })).id);
    expect(run.status).toBe('done');
    const rows = await listEvidence(library, 'counting');
    expect(rows.map(({ claim, stage, verdict, seeds }) => ({ claim, stage, verdict, seeds }))).toEqual([
      { claim: 'CNT-1', stage: 'second', verdict: 'partly', seeds: [5] },
      { claim: 'CNT-2', stage: 'first', verdict: 'holds', seeds: [5] },
    ]);
    expect(rows[0]?.command).toBe('papers run counting --experiment --seed 5');
    const texts = (await readEvents(library, run.id)).flatMap(({ event }) =>
      event.type === 'text' ? [event.markdown] : [],
    );
    expect(texts.join()).toContain('no claim "CNT-9"');
  }, 60_000);

  it('has its evidence judged again when a rule may have changed', async () => {
    const before = await listEvidence(library, 'counting');
    await library.pool.query(`update evidence set verdict = 'does not hold here' where slug = 'counting'`);
    await judgeAnew(library);
    expect(await listEvidence(library, 'counting')).toEqual(before);
  });

  it('runs one stage alone, and names the stages when there is none of that name', async () => {
    await work();
    const one = await collect((await count({}, { experiment: true, stage: 'first' })).id);
    expect(one.flatMap(({ event }) => (event.type === 'evidence' ? [event.stage] : []))).toEqual(['first', 'first']);
    const none = await ended((await count({}, { experiment: true, stage: 'third' })).id);
    expect(none.message).toBe('The experiment of counting has no stage "third"; its stages are first, second.');
  }, 60_000);
});

it('lists runs newest first, page by page', async () => {
  const all = (await listRuns(library, { limit: 100 })).runs.map((run) => run.id);
  const paged: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await listRuns(library, { limit: 7, ...(cursor === undefined ? {} : { cursor }) });
    paged.push(...page.runs.map((run) => run.id));
    cursor = page.next;
  } while (cursor !== undefined);
  expect(paged).toEqual(all);
  await expect(listRuns(library, { cursor: 'x' })).rejects.toThrow('no cursor of the list');
});
