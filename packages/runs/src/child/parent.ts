/** How a process speaks to the one that started it, and how it ends. */
import type { ApartMessage, ChildMessage } from './messages.ts';

export function tell(message: ChildMessage | ApartMessage): void {
  // A parent that is gone hears nothing, and this process is about to leave.
  if (process.connected) process.send?.(message);
}

/** Sends the last message and leaves once it has gone out. */
export function leave(message: ChildMessage | ApartMessage): void {
  if (!process.connected) process.exit(1);
  process.send?.(message, () => process.exit(0));
}

/** A slip in our own code, which a reader cannot act on. */
const isSlip = (error: unknown): boolean =>
  error instanceof TypeError || error instanceof ReferenceError || error instanceof SyntaxError;

/** The sentence of an error: its message; of a slip with its kind, because the message alone says little. */
function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return isSlip(error) ? `${error.name}: ${error.message}` : error.message || error.name;
}

export function fail(error: unknown): void {
  if (isSlip(error) || process.env.WORKING_PAPERS_DEBUG) console.error(error);
  leave({ kind: 'failed', message: sentenceOf(error) });
}

/** Says that this process listens, and does `work` with the one message that then comes. */
export function listenOnce<Request>(work: (request: Request) => Promise<void>): void {
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  process.once('message', (request: Request) => {
    work(request).catch(fail);
  });
  tell({ kind: 'ready' });
}
