import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { type HeavyOptions, spawnHeavy } from './index.ts';

const work = new URL('./fixtures/heavy-work.mjs', import.meta.url);
const built = pathToFileURL(createRequire(import.meta.url).resolve('@working-papers/runtime/node')).href;

const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** Starts the work and gives its first message. */
async function start(args: string[], options: HeavyOptions = {}) {
  let child: ReturnType<typeof spawnHeavy> | undefined;
  const first = await new Promise((resolve, reject) => {
    child = spawnHeavy(work, { ...options, args, onMessage: resolve });
    child.exit.then((exit) => reject(new Error(JSON.stringify(exit))));
  });
  return { child: child!, first };
}

describe('heavy processes', () => {
  test('do their work, report, and are done; their temporary folder goes with them', async () => {
    const messages: unknown[] = [];
    const child = spawnHeavy(work, { args: ['report', 'a b', ''], onMessage: (message) => messages.push(message) });
    expect(await child.exit).toEqual({ reason: 'done' });
    const [report] = messages as [{ args: string[]; temporary: string; big: Float32Array }];
    expect(report.args).toEqual(['a b', '']);
    expect(report.big).toEqual(Float32Array.of(1, 2, 3));
    expect(existsSync(report.temporary)).toBe(false);
  });

  test('take messages', async () => {
    const messages: unknown[] = [];
    const child = spawnHeavy(work, {
      args: ['echo'],
      onMessage(message) {
        messages.push(message);
        child.send(message === 'ready' ? { question: 1n } : 'end');
      },
    });
    expect(await child.exit).toEqual({ reason: 'done' });
    expect(messages).toEqual(['ready', { echo: { question: 1n } }]);
  });

  test('tell why they failed', async () => {
    const exit = await spawnHeavy(work, { args: ['fail'] }).exit;
    expect(exit).toEqual({ reason: 'failed', code: 1, signal: null, message: 'the model has no layers' });
    const crash = await spawnHeavy(work, { args: ['crash'] }).exit;
    expect(crash).toEqual({
      reason: 'failed',
      code: null,
      signal: 'SIGSEGV',
      message: 'The process was ended by SIGSEGV.',
    });
    const missing = await spawnHeavy('/nowhere/module.js').exit;
    expect((missing as { message: string }).message).toContain('/nowhere/module.js');
  });

  test('end when killed, also in the middle of a computation', async () => {
    const { child } = await start(['spin']);
    await sleep(50);
    const killed = performance.now();
    child.kill();
    expect(await child.exit).toEqual({ reason: 'killed', message: 'The run was ended.' });
    // It would compute for a minute.
    expect(performance.now() - killed).toBeLessThan(20_000);
    expect(isAlive(child.pid)).toBe(false);
  });

  test('can leave in the middle of a run', async () => {
    const graph = pathToFileURL(createRequire(import.meta.url).resolve('@working-papers/graph')).href;
    const { child } = await start(['exit', built, graph]);
    const left = performance.now();
    expect(await child.exit).toEqual({ reason: 'done' });
    // The run would take 2 x 10^12 operations.
    expect(performance.now() - left).toBeLessThan(10_000);
  });

  test('end by their signal, also one that was aborted before', async () => {
    const control = new AbortController();
    const { child } = await start(['sleep'], { signal: control.signal });
    control.abort();
    expect(await child.exit).toEqual({ reason: 'aborted', message: 'The run was cancelled.' });
    const late = spawnHeavy(work, { args: ['sleep'], signal: control.signal });
    expect((await late.exit).reason).toBe('aborted');
  });

  test('end at their time limit', async () => {
    const exit = await spawnHeavy(work, { args: ['sleep'], timeLimitMs: 300 }).exit;
    expect(exit).toEqual({ reason: 'time', message: 'The run took longer than its limit of 0.3 s.' });
  });

  test('end at their memory limit', async () => {
    const exit = await spawnHeavy(work, { args: ['grow'], memoryLimitBytes: 300 * 2 ** 20 }).exit;
    expect(exit.reason).toBe('memory');
    expect((exit as { message: string }).message).toMatch(
      /^The run held \d+ MiB of memory, more than its limit of 300 MiB\.$/,
    );
  });

  test('end when their parent is killed, also in the middle of a computation', async () => {
    const { child: parent, first } = await start(['parent', built]);
    const { child } = first as { child: number };
    await sleep(100);
    expect(isAlive(child)).toBe(true);
    parent.kill();
    await parent.exit;
    for (let waited = 0; isAlive(child) && waited < 10_000; waited += 20) await sleep(20);
    expect(isAlive(child)).toBe(false);
  });
});
