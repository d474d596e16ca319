/** A run's events read, and written by their one writer. */
import { patiently } from './patience.ts';
import { pause } from './pause.ts';
import { isoTime } from './rows.ts';
import type { Database, EventRecord, StoredEvent } from './types.ts';

/** Events of a run after `afterSeq` (0 for all), in order, at most `limit` (500; no more than 1,000). */
export async function readEvents(library: Database, run: string, afterSeq = 0, limit = 500): Promise<EventRecord[]> {
  const { rows } = await library.pool.query<{ seq: number; at: Date; body: StoredEvent }>(
    'select seq, at, body from events where run = $1 and seq > $2 order by seq limit $3',
    [run, afterSeq, Math.min(1_000, Math.max(1, limit))],
  );
  return rows.map((row) => ({ seq: row.seq, at: isoTime(row.at), event: row.body }));
}

/**
 * Events as they come: polls every 100 ms, and ends after the run's end or when the signal aborts.
 * Throws when there is no such run, or the database stays away for a minute.
 */
export async function* followEvents(
  library: Database,
  run: string,
  afterSeq = 0,
  signal?: AbortSignal,
): AsyncGenerator<EventRecord, void, undefined> {
  const { rowCount } = await library.pool.query('select 1 from runs where id = $1', [run]);
  if (rowCount === 0) throw new Error(`There is no run "${run}" here.`);
  let last = afterSeq;
  while (!signal?.aborted) {
    const from = last;
    const records = await patiently(() => readEvents(library, run, from, 500), { signal });
    for (const record of records) {
      if (signal?.aborted) return;
      last = record.seq;
      yield record;
      if (record.event.type === 'end') return;
    }
    if (records.length === 0) await pause(100, signal);
  }
}

/** Events of one insert, and the characters after which an insert is full. */
const batch = { events: 100, characters: 1024 * 1024 };
/** Events that may wait to be stored. */
const mostWaiting = 20_000;

interface Waiting {
  seq: number;
  at: Date;
  body: string;
}

/**
 * The one writer of a run's events: numbers them in the order emitted and stores them under (run, seq). While the database is away
 * it keeps them for a minute and tries again; the key makes a second attempt harmless.
 */
export class EventWriter {
  private readonly library: Database;
  private readonly run: string;
  private readonly onBroken: (error: Error) => void;
  private readonly patienceMs: number | undefined;
  private readonly waiting: Waiting[] = [];
  private seq = 0;
  private flushing: Promise<void> | undefined;
  private broken: Error | undefined;

  /** @param onBroken called once when the database stayed away for a minute, or events came faster than they can be stored */
  constructor(library: Database, run: string, onBroken: (error: Error) => void, patienceMs?: number) {
    this.library = library;
    this.run = run;
    this.onBroken = onBroken;
    this.patienceMs = patienceMs;
  }

  append(event: StoredEvent): void {
    if (this.broken) return;
    if (this.waiting.length >= mostWaiting) {
      this.breakOff(new Error(`The run emitted ${mostWaiting} events faster than they could be stored.`));
      return;
    }
    this.seq += 1;
    this.waiting.push({ seq: this.seq, at: new Date(), body: JSON.stringify(event) });
    this.flushing ??= this.flush();
  }

  /** The number that the next event gets. */
  get nextSeq(): number {
    return this.seq + 1;
  }

  /** Resolves when everything appended so far is stored; rejects when it never will be. */
  async settle(): Promise<void> {
    while (this.flushing) await this.flushing;
    if (this.broken) throw this.broken;
  }

  private async flush(): Promise<void> {
    // A moment, so that a burst becomes one insert.
    await pause(5);
    try {
      while (this.waiting.length > 0 && !this.broken) {
        const events = this.nextBatch();
        await patiently(() => this.insert(events), { patienceMs: this.patienceMs });
        this.waiting.splice(0, events.length);
      }
    } catch (error) {
      this.breakOff(error as Error);
    }
    this.flushing = undefined;
  }

  private nextBatch(): Waiting[] {
    let characters = 0;
    const end = this.waiting.findIndex((event, index) => {
      characters += event.body.length;
      return index > 0 && (index >= batch.events || characters > batch.characters);
    });
    return end === -1 ? [...this.waiting] : this.waiting.slice(0, end);
  }

  private async insert(events: readonly Waiting[]): Promise<void> {
    await this.library.pool.query(
      `insert into events (run, seq, at, body)
       select $1, seq, at, body::jsonb from unnest($2::int[], $3::timestamptz[], $4::text[]) as event(seq, at, body)
       on conflict do nothing`,
      [this.run, events.map((event) => event.seq), events.map((event) => event.at), events.map((event) => event.body)],
    );
  }

  private breakOff(error: Error): void {
    if (this.broken) return;
    this.broken = error;
    this.waiting.length = 0;
    this.onBroken(error);
  }
}
