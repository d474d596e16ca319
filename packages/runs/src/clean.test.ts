import type { RunEvent } from '@working-papers/methods/contract';
import { describe, expect, it } from 'vitest';
import { cleanEvent, eventLimits } from './clean.ts';

const kept = (event: unknown): RunEvent => {
  const cleaned = cleanEvent(event as RunEvent);
  if ('problem' in cleaned) throw new Error(cleaned.problem);
  return cleaned.event;
};
const problem = (event: unknown): string => {
  const cleaned = cleanEvent(event as RunEvent);
  return 'problem' in cleaned ? cleaned.problem : '';
};

describe('an event', () => {
  it('keeps what belongs to it and nothing else', () => {
    expect(kept({ type: 'progress', done: 1, total: 2, message: 'half', secret: 'x' })).toEqual({
      type: 'progress',
      done: 1,
      total: 2,
      message: 'half',
    });
  });

  it('loses what the database cannot hold', () => {
    expect(kept({ type: 'text', markdown: 'a\u0000b\uD800' })).toEqual({ type: 'text', markdown: 'a\uFFFDb\uFFFD' });
  });

  it('is cut to size', () => {
    const text = kept({ type: 'text', markdown: 'x'.repeat(100_000) }) as { markdown: string };
    expect(text.markdown.length).toBeLessThan(eventLimits.markdown + 20);
    const rows = Array.from({ length: 6_000 }, (_, index) => [index, Number.NaN]);
    const columns = [
      { name: 'a', type: 'number' },
      { name: 'b', type: 'number' },
    ];
    const table = kept({ type: 'table', name: 't', caption: 'Numbers', columns, rows }) as RunEvent & { type: 'table' };
    expect(table.rows).toHaveLength(5_000);
    expect(table.rows[4]).toEqual([4, null]);
    expect(table.caption).toBe('Numbers (the first 5000 of 6000 rows)');
    const wide = Array.from({ length: 3_000 }, () => ['x'.repeat(1_000)]);
    const cut = kept({ type: 'table', name: 't', caption: 'c', columns: [columns[0]], rows: wide }) as RunEvent & {
      type: 'table';
    };
    expect(JSON.stringify(cut).length).toBeLessThan(eventLimits.table * 1.01);
  });

  it('that cannot be shown becomes a sentence', () => {
    expect(problem({ type: 'metric', series: 's', x: 1, y: Number.NaN })).toContain('y is NaN');
    expect(problem({ type: 'dance' })).toContain('unknown type "dance"');
    expect(problem(null)).toContain('not an event');
    expect(problem({ type: 'table', name: 't', caption: 'c', columns: [], rows: [] })).toContain('0 columns');
    expect(problem({ type: 'plot', name: 'p', caption: 'c', spec: { mark: 'image' } })).toContain('left out');
    expect(problem({ type: 'artifact', name: '../x', mediaType: 'a/b', bytes: 1, sha256: '' })).toContain(
      'cannot name',
    );
    const cyclic: Record<string, unknown> = { type: 'text' };
    cyclic.markdown = cyclic;
    expect(problem(cyclic)).toContain('cannot be shown');
  });
});
