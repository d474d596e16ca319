/** A database that is away for a moment: what is safe to repeat is repeated. */
import { pause } from './pause.ts';

/**
 * Does `write` until it succeeds, as long as what fails is reaching the database, for at most `patienceMs` (a minute).
 * `write` must be safe to repeat: an answer that was lost looks like a failure. Other errors are thrown at once, and so is the
 * last one when the signal aborts.
 */
export async function patiently<T>(
  write: () => Promise<T>,
  options: { patienceMs?: number | undefined; signal?: AbortSignal | undefined } = {},
): Promise<T> {
  const patience = options.patienceMs ?? 60_000;
  const since = Date.now();
  for (;;) {
    try {
      return await write();
    } catch (error) {
      if (!isAway(error) || options.signal?.aborted) throw error;
      if (Date.now() - since >= patience) {
        throw new Error(`The database was away for ${Math.round(patience / 1_000)} s: ${(error as Error).message}`, {
          cause: error,
        });
      }
      await pause(Math.min(1_000, patience / 20), options.signal);
    }
  }
}

/** Whether an error says that the database could not be reached, rather than what it answered. */
export function isAway(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  const answered = typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && /\d/.test(code);
  // Connection exceptions, shutting down, too many connections.
  return !answered || /^(08|57|53)/.test(code as string);
}
