/** kill -9 of the site, of the worker and of the database owner in mid-run: everything comes back and nothing acknowledged is lost. Linux. */
import { execFileSync } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Instance, startInstance } from './instance.ts';

let instance: Instance;
const slowPrompts = Array.from(
  { length: 64 },
  (_, i) => `Prompt ${i}: ${'tell me more '.repeat(1 + (i % 9) * 8)}`,
).join('\n');

beforeAll(async () => {
  instance = await startInstance();
}, 180_000);
afterAll(() => instance?.stop());

const childOf = (pattern: RegExp) => {
  const lines = execFileSync('ps', ['-eo', 'pid=,ppid=,args='], { encoding: 'utf8' }).split('\n');
  const found = lines
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line))
    .find((m) => m && Number(m[2]) === instance.process.pid && pattern.test(m[3]!));
  if (!found) throw new Error(`The instance has no child like ${pattern}.`);
  return Number(found[1]);
};

const api = async (path: string, init: RequestInit = {}) => {
  const response = await fetch(`${instance.address}/api/v1${path}`, {
    ...init,
    headers: { authorization: `Bearer ${instance.key}`, 'content-type': 'application/json' },
  });
  return response.json();
};
const start = () =>
  api('/runs', { method: 'POST', body: JSON.stringify({ slug: 'prepacking', parameters: { prompts: slowPrompts } }) });
const statusOf = async (id: string): Promise<string> =>
  (await api(`/runs/${id}`).catch(() => ({ status: 'unreachable' }))).status;
const eventsOf = async (id: string): Promise<{ seq: number }[]> => (await api(`/runs/${id}/events?format=json`)).events;

it('brings the site back; the run goes on and its events are all there', async () => {
  const { id } = await start();
  await expect.poll(() => statusOf(id), { timeout: 60_000 }).toBe('running');
  await expect.poll(async () => (await eventsOf(id)).length, { timeout: 60_000 }).toBeGreaterThan(5);
  const before = await eventsOf(id);
  process.kill(childOf(/server\.js/), 'SIGKILL');
  await expect.poll(() => statusOf(id), { timeout: 30_000, interval: 250 }).toBe('running');
  const events = await eventsOf(id);
  expect(events.slice(0, before.length)).toEqual(before);
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i + 1));
  await api(`/runs/${id}/cancel`, { method: 'POST' });
  await expect.poll(() => statusOf(id), { timeout: 30_000 }).toBe('cancelled');
});

it('marks the run of a killed worker as lost within a minute, keeps its events, and repeats it', async () => {
  const { id } = await start();
  await expect.poll(async () => (await eventsOf(id)).length, { timeout: 60_000 }).toBeGreaterThan(3);
  const before = await eventsOf(id);
  process.kill(childOf(/worker/), 'SIGKILL');
  const killed = Date.now();
  await expect.poll(() => statusOf(id), { timeout: 75_000, interval: 500 }).toBe('lost');
  expect(Date.now() - killed).toBeLessThan(61_000);
  expect((await eventsOf(id)).slice(0, before.length)).toEqual(before);
  const again = await api(`/runs/${id}/repeat`, { method: 'POST' });
  await expect.poll(() => statusOf(again.id), { timeout: 60_000 }).toBe('running');
  await api(`/runs/${again.id}/cancel`, { method: 'POST' });
});

it('ends a running instance cleanly on SIGTERM with a stream open', async () => {
  const { id } = await start();
  const open = new AbortController();
  const stream = fetch(`${instance.address}/api/v1/runs/${id}/events`, { signal: open.signal });
  await (await stream).body!.getReader().read();
  const began = Date.now();
  await Promise.race([instance.stop(), pause(20_000)]);
  expect(instance.process.exitCode ?? instance.process.signalCode).not.toBeNull();
  expect(Date.now() - began).toBeLessThan(20_000);
  open.abort();
});
