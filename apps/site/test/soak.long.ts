/**
 * An instance under readers, event streams that come and go, and runs that are started and cancelled without pause, for
 * SOAK_SECONDS (180): its processes' memory and open files settle, its database stays in order, and nothing is left behind. Linux.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Instance, startInstance } from './instance.ts';

const seconds = Number(process.env.SOAK_SECONDS ?? 180);
let instance: Instance;

beforeAll(async () => {
  instance = await startInstance();
}, 180_000);
afterAll(() => instance?.stop());

interface Process {
  id: number;
  parent: number;
  state: string;
  command: string;
}

const processes = (): Process[] =>
  execFileSync('ps', ['-eo', 'pid=,ppid=,stat=,args='], { encoding: 'utf8' })
    .split('\n')
    .flatMap((line) => {
      const found = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line);
      return found ? [{ id: Number(found[1]), parent: Number(found[2]), state: found[3]!, command: found[4]! }] : [];
    });

const roles = { site: /server\.js/, worker: / worker/, database: /owner\.js/, encoder: /encoder\/main\.js/ };
type Role = keyof typeof roles;

interface Sample {
  at: number;
  megabytes: number;
  files: number;
}

function sample(ids: Record<Role, number>, began: number): Record<Role, Sample> {
  const of = (id: number): Sample => ({
    at: (Date.now() - began) / 1000,
    megabytes: Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${id}/status`, 'utf8'))![1]) / 1024,
    files: readdirSync(`/proc/${id}/fd`).length,
  });
  return Object.fromEntries(Object.entries(ids).map(([role, id]) => [role, of(id)])) as Record<Role, Sample>;
}

const api = async (path: string, init: RequestInit = {}) => {
  const response = await fetch(`${instance.address}/api/v1${path}`, {
    ...init,
    headers: { authorization: `Bearer ${instance.key}`, 'content-type': 'application/json' },
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${response.status} ${path}: ${answer.error}`);
  return answer;
};

const middle = (values: number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

it(
  `settles under ${seconds} s of readers, streams and runs`,
  async () => {
    const ours = processes().filter(({ parent }) => parent === instance.process.pid);
    const ids = Object.fromEntries(
      Object.entries(roles).map(([role, pattern]) => [role, ours.find(({ command }) => pattern.test(command))!.id]),
    ) as Record<Role, number>;

    const began = Date.now();
    const goesOn = () => Date.now() - began < seconds * 1000;
    const problems: string[] = [];
    const counts = { pages: 0, streams: 0, runs: 0 };
    const started: string[] = [];
    const loop = async (body: (turn: number) => Promise<void>) => {
      for (let turn = 0; goesOn(); turn++) await body(turn).catch((error: Error) => problems.push(error.message));
    };

    const pages = [
      '/',
      '/claims',
      '/papers/prepacking',
      '/search?q=faster+batches',
      '/runs',
      '/?view=month',
      '/families',
      '/papers/moral-direction',
    ];
    const reader = (offset: number) =>
      loop(async (turn) => {
        const path = pages[(turn + offset) % pages.length]!;
        const response = await fetch(`${instance.address}${path}`);
        await response.text();
        if (!response.ok) throw new Error(`${response.status} ${path}`);
        counts.pages++;
        await pause(40);
      });
    const runner = loop(async (turn) => {
      const { id } = await api('/runs', {
        method: 'POST',
        body: JSON.stringify({
          slug: 'prepacking',
          parameters: { prompts: 'One prompt.\nAnother, longer prompt.', rounds: 1, maxNew: 1, batch: 2 },
        }),
      });
      started.push(id);
      counts.runs++;
      // Cancelled while it waits, while it loads, while it runs, or left to its end.
      await pause([100, 1_500, 4_000, 12_000][turn % 4]!);
      await api(`/runs/${id}/cancel`, { method: 'POST' });
    });
    const follower = (wait: number) =>
      loop(async () => {
        const id = started.at(-1);
        if (!id) return void (await pause(200));
        const leaving = new AbortController();
        const stream = await fetch(`${instance.address}/api/v1/runs/${id}/events`, { signal: leaving.signal });
        stream
          .body!.getReader()
          .read()
          .catch(() => {});
        counts.streams++;
        await pause(wait);
        leaving.abort();
      });

    const samples: Record<Role, Sample>[] = [];
    const watcher = loop(async () => {
      samples.push(sample(ids, began));
      await pause(2_000);
    });
    await Promise.all([reader(0), reader(3), runner, follower(150), follower(700), follower(3_000), watcher]);

    expect(problems).toEqual([]);
    const table = (Object.keys(roles) as Role[]).map((role) => {
      const of = samples.map((taken) => taken[role]);
      // The first third is warming up; then the middle third is compared with the last.
      const third = Math.floor(of.length / 3);
      const [second, last] = [of.slice(third, 2 * third), of.slice(2 * third)];
      return {
        role,
        before: middle(second.map(({ megabytes }) => megabytes)),
        after: middle(last.map(({ megabytes }) => megabytes)),
        filesBefore: middle(second.map(({ files }) => files)),
        filesAfter: middle(last.map(({ files }) => files)),
      };
    });
    console.log(JSON.stringify({ seconds, ...counts, table }, null, 1));
    for (const { role, before, after, filesBefore, filesAfter } of table) {
      expect(after - before, `${role}: megabytes more`).toBeLessThan(20 + 0.1 * before);
      expect(filesAfter - filesBefore, `${role}: open files more`).toBeLessThan(12);
    }

    await expect
      .poll(
        async () => (await api('/runs?limit=100')).runs.filter(({ endedAt }: { endedAt?: string }) => !endedAt).length,
        { timeout: 60_000 },
      )
      .toBe(0);
    for (const id of started) {
      const { status, message } = await api(`/runs/${id}`);
      expect(['done', 'cancelled'], `${id}: ${message}`).toContain(status);
      const { events } = await api(`/runs/${id}/events?format=json`);
      expect(events.map(({ seq }: { seq: number }) => seq)).toEqual(events.map((_: unknown, i: number) => i + 1));
      expect(events.at(-1).event).toMatchObject({ type: 'end', status });
    }

    const family = new Set([instance.process.pid!, ...Object.values(ids)]);
    const descendants = () =>
      processes().filter(
        ({ id, parent, command }) => family.has(id) || family.has(parent) || command.includes(instance.folder),
      );
    expect(descendants().filter(({ state }) => state.startsWith('Z'))).toEqual([]);
    await instance.stop();
    await expect.poll(descendants, { timeout: 10_000 }).toEqual([]);
  },
  seconds * 1000 + 300_000,
);
