import type { Pool } from 'pg';
import { describe, expect, it } from 'vitest';
import { EventWriter } from './events.ts';
import { isAway } from './patience.ts';
import type { Database } from './types.ts';

/** A database that can be away, keeps rows by key, and can lose its answer after having written. */
class Table {
  readonly rows = new Map<number, unknown>();
  away = false;
  loseNextAnswer = false;
  readonly database = {
    pool: { query: (_: string, values: unknown[]) => this.insert(values) } as unknown as Pool,
  } as Database;

  private async insert([, seqs, , bodies]: unknown[]): Promise<void> {
    if (this.away) throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    for (const [index, seq] of (seqs as number[]).entries()) {
      if (!this.rows.has(seq)) this.rows.set(seq, JSON.parse((bodies as string[])[index] as string));
    }
    if (this.loseNextAnswer) {
      this.loseNextAnswer = false;
      throw new Error('Connection terminated unexpectedly');
    }
  }
}

const text = (markdown: string) => ({ type: 'text', markdown }) as const;

describe('events', () => {
  it('wait while the database is away, and arrive once each, in order', async () => {
    const table = new Table();
    const writer = new EventWriter(table.database, 'r', (error) => expect.fail(error.message), 2_000);
    writer.append(text('1'));
    await writer.settle();
    table.away = true;
    for (let index = 2; index <= 300; index++) writer.append(text(String(index)));
    setTimeout(() => {
      table.away = false;
      table.loseNextAnswer = true;
    }, 150);
    await writer.settle();
    expect([...table.rows.keys()]).toEqual(Array.from({ length: 300 }, (_, index) => index + 1));
    expect(table.rows.get(300)).toEqual(text('300'));
  });

  it('end the run when the database stays away, or answers with a refusal', async () => {
    const table = new Table();
    table.away = true;
    const problems: string[] = [];
    const writer = new EventWriter(table.database, 'r', (error) => problems.push(error.message), 200);
    writer.append(text('1'));
    await expect(writer.settle()).rejects.toThrow('away');
    expect(problems).toHaveLength(1);
  });

  it('tell a database that is away from one that refuses', () => {
    expect(isAway({ code: 'ECONNREFUSED' })).toBe(true);
    expect(isAway({ code: 'EPIPE' })).toBe(true);
    expect(isAway({ code: '57P01' })).toBe(true);
    expect(isAway(new Error('Connection terminated'))).toBe(true);
    expect(isAway({ code: '23503' })).toBe(false);
    expect(isAway({ code: '22P05' })).toBe(false);
  });
});
