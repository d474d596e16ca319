import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Evidence, Method } from './contract.ts';
import { built } from './descriptor.ts';
import { claimsOf, judge, loadEvidence, plotSpec, readEvidence } from './evidence.ts';
import { loadDescriptors, roomFolder } from './registry.ts';

const method: Method = {
  slug: 'trial',
  family: 'serving',
  paper: { title: 'T', date: '2024-01-01', authors: [] },
  offers: 'o',
  claims: [
    {
      id: 'T-1',
      statement: 'Faster.',
      measure: 'speed-up',
      paper: { value: '2', unit: 'x', source: 'paper' },
      rule: { stage: 'time', values: { ratio: 'x' }, holds: 'ratio.low >= 1.5' },
    },
    { id: 'T-2', statement: 'Greener.', measure: 'energy', paper: { value: '2', source: 'paper' }, note: 'No meter.' },
  ],
};
const recorded = (low: number): Evidence => ({
  paper: 'trial',
  plots: [],
  claims: {
    'T-1': { verdict: 'holds', stage: 'time', values: { ratio: { value: 2, low, high: 3, unit: 'x' } } },
    'T-2': { verdict: 'holds' },
  },
});

describe('judge', () => {
  it('computes the verdict and does not believe the one it reads', () => {
    expect(judge(method, recorded(1.6)).claims['T-1']?.verdict).toBe('holds');
    expect(judge(method, recorded(1.4)).claims['T-1']?.verdict).toBe('does not hold here');
    expect(judge(method, recorded(1.6)).claims['T-2']).toEqual({ verdict: 'not tested', note: 'No meter.' });
  });

  it('moves no verdict in another stage, or in none', () => {
    for (const stage of ['smoke', undefined]) {
      const evidence = recorded(1.6);
      evidence.claims['T-1']!.stage = stage;
      expect(judge(method, evidence).claims['T-1']?.verdict).toBe('not tested');
    }
  });

  it('has an entry with a reason for every claim without evidence', () => {
    expect(claimsOf(method, judge(method)).map(({ evidence }) => evidence)).toEqual([
      { verdict: 'not tested', note: 'Method not built yet.' },
      { verdict: 'not tested', note: 'No meter.' },
    ]);
  });
});

describe('the evidence that ships', () => {
  it('covers every claim of every room, and its verdicts follow from its values', async () => {
    for (const room of await loadDescriptors()) {
      const shown = await loadEvidence(room.slug);
      expect(Object.keys(shown.claims)).toEqual(room.claims.map(({ id }) => id));
      for (const { id } of room.claims)
        if (shown.claims[id]!.verdict === 'not tested')
          expect(shown.claims[id]!.note, `${room.slug} ${id}`).toBeTruthy();
      const file = await readEvidence(room);
      if (!file) continue;
      expect(file.paper).toBe(room.slug);
      expect(Object.keys(file.claims).sort()).toEqual(room.claims.map(({ id }) => id).sort());
      for (const { id } of room.claims)
        expect(file.claims[id]!.verdict, `${room.slug} ${id}`).toBe(shown.claims[id]!.verdict);
      for (const plot of file.plots) {
        const spec = await plotSpec(room.slug, plot.file);
        expect(JSON.stringify(spec).length, `${room.slug} ${plot.file}`).toBeLessThanOrEqual(64 * 1024);
      }
    }
  });

  it('belongs to built rooms only', async () => {
    for (const room of await loadDescriptors())
      if (!built(room)) expect(existsSync(`${roomFolder(room)}evidence.json`), room.slug).toBe(false);
  });

  it('opens plots of the room and nothing else', async () => {
    for (const file of ['../evidence.json', 'plots/../../x.vl.json', '/etc/passwd', 'plots/x.json', 'evidence.json'])
      await expect(plotSpec('prepacking', file)).rejects.toThrow(/does not name a plot/);
  });
});
