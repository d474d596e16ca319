import type { Pool } from 'pg';
import { ensureOwner } from './owner-process.ts';

/** How often an embedded library shows that it is still there: the owner leaves 30 s after its last connection. */
const presenceMs = 15_000;

/**
 * Keeps a connection to the embedded database in use, so that its owner stays, and brings the owner back when it was killed.
 * Gives the function that ends this.
 */
export function keepPresence(
  pool: Pool,
  dataFolder: string,
  onMessage: (message: string) => void,
  intervalMs = presenceMs,
): () => void {
  let looking = false;
  let ended = false;
  const look = async () => {
    if (looking) return;
    looking = true;
    try {
      await pool.query('select 1');
    } catch (error) {
      if (ended) return;
      onMessage(`The embedded database does not answer (${(error as Error).message}); starting it again.`);
      await ensureOwner(dataFolder).catch((failure: Error) => onMessage(failure.message));
    } finally {
      looking = false;
    }
  };
  const timer = setInterval(look, intervalMs);
  timer.unref();
  return () => {
    ended = true;
    clearInterval(timer);
  };
}
