/** Runs whose worker fell silent. */
import { pause } from './pause.ts';
import type { Database } from './types.ts';

export const lostMessage = 'Its worker stopped answering. What it had emitted is kept; run it again to have the whole.';

/**
 * Marks every running run lost that no worker has seen for `unseenSeconds` (40), and stores its end, in one statement.
 * Returns the ids. Any process may call it at any time; a run is marked once.
 */
export async function markLost(library: Database, options: { unseenSeconds?: number } = {}): Promise<string[]> {
  const { rows } = await library.pool.query<{ id: string }>(
    `with gone as (
       update runs set status = 'lost', message = $2, ended_at = now()
       where status = 'running' and coalesce(seen_at, started_at, created_at) < now() - make_interval(secs => $1::double precision)
       returning id
     ), ends as (
       insert into events (run, seq, at, body)
       select id, coalesce((select max(e.seq) from events e where e.run = gone.id), 0) + 1, now(),
         jsonb_build_object('type', 'end', 'status', 'lost', 'run', id, 'message', $2::text)
       from gone
       on conflict do nothing
     )
     select id from gone`,
    [options.unseenSeconds ?? 40, lostMessage],
  );
  return rows.map((row) => row.id);
}

/**
 * Calls markLost every `everySeconds` (10) until the signal says stop. After the database was away it waits a while longer, so that
 * workers that were cut off too can say that they live before anybody calls them lost.
 */
export async function watchLost(
  library: Database,
  options: { signal: AbortSignal; everySeconds?: number; unseenSeconds?: number; onError?: (error: Error) => void },
): Promise<void> {
  const every = (options.everySeconds ?? 10) * 1_000;
  let graceUntil = 0;
  while (!options.signal.aborted) {
    try {
      if (Date.now() >= graceUntil) await markLost(library, options);
      else await library.pool.query('select 1');
    } catch (error) {
      graceUntil = Date.now() + 2 * every;
      options.onError?.(error as Error);
    }
    await pause(every, options.signal);
  }
}
