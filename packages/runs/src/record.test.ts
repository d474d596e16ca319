import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { descriptorOf, judge, roomFolder } from '@working-papers/methods';
import type { ClaimEvidence, Method } from '@working-papers/methods/contract';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { recordEvidence } from './record.ts';

vi.hoisted(() => {
  process.env.WORKING_PAPERS_METHODS = new URL('./fixtures/rooms', import.meta.url).pathname;
});

let method: Method;
let room: string;
beforeEach(async () => {
  method = await descriptorOf('counting');
  room = roomFolder(method);
  expect(room).toBe(fileURLToPath(new URL('./fixtures/rooms/science/counting/', import.meta.url)));
});
afterEach(async () => {
  await rm(join(room, 'evidence.json'), { force: true });
  await rm(join(room, 'plots'), { recursive: true, force: true });
});

const entry = (stage: string, name: string, value: number, unit: string): ClaimEvidence => ({
  verdict: 'not tested',
  stage,
  values: { [name]: { value, unit } },
});
const recorded = async () => JSON.parse(await readFile(join(room, 'evidence.json'), 'utf8'));
const plot = (name: string, rows = 1) => ({
  type: 'plot' as const,
  name,
  caption: 'c',
  spec: { mark: 'point', data: { values: Array.from({ length: rows }, () => ({ x: 'a long enough value' })) } },
});

it('is merged by claim, judged by the rules, and has an entry for every claim', async () => {
  await recordEvidence(method, room, {
    entries: [{ claim: 'CNT-2', entry: entry('first', 'time', 0.2, 's') }],
    plots: [],
  });
  expect((await recorded()).claims).toMatchObject({
    'CNT-1': { verdict: 'not tested', note: 'Not measured yet.' },
    'CNT-2': { verdict: 'holds' },
    'CNT-3': { verdict: 'not tested', note: 'No rule for fun.' },
  });
  await recordEvidence(method, room, {
    entries: [{ claim: 'CNT-1', entry: entry('second', 'reached', 3, 'items') }],
    plots: [],
  });
  await recordEvidence(method, room, {
    entries: [{ claim: 'CNT-1', entry: entry('first', 'reached', 9, 'items') }],
    plots: [],
  });
  const evidence = await recorded();
  expect(evidence).toMatchObject({ paper: 'counting', claims: { 'CNT-1': { verdict: 'holds', stage: 'second' } } });
  expect(judge(method, evidence)).toEqual(evidence);

  expect((await readdir(room)).filter((file) => /(json|tmp)/.test(file))).toEqual(['evidence.json']);
});

it('keeps its plots as files, the first one leading, and none over 64 KB', async () => {
  const problems = await recordEvidence(method, room, {
    entries: [],
    plots: [plot('Speed, by Length'), plot('big', 3_000)],
  });
  expect(problems).toEqual([expect.stringContaining('at most 65536')]);
  await recordEvidence(method, room, { entries: [], plots: [plot('speed by length'), plot('other')] });
  expect((await recorded()).plots).toEqual([
    { name: 'speed by length', file: 'plots/speed-by-length.vl.json', caption: 'c', lead: true },
    { name: 'other', file: 'plots/other.vl.json', caption: 'c' },
  ]);
  expect(await readdir(join(room, 'plots'))).toEqual(['other.vl.json', 'speed-by-length.vl.json']);
});

it('survives two stages recorded at once', async () => {
  await Promise.all([
    recordEvidence(method, room, {
      entries: [{ claim: 'CNT-1', entry: entry('second', 'reached', 1, 'items') }],
      plots: [],
    }),
    recordEvidence(method, room, { entries: [{ claim: 'CNT-2', entry: entry('first', 'time', 2, 's') }], plots: [] }),
  ]);
  expect((await recorded()).claims).toMatchObject({
    'CNT-1': { verdict: 'does not hold here' },
    'CNT-2': { verdict: 'does not hold here' },
  });
});
