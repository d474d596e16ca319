/** What stops each native call that is under way beside the event loop. */
const underWay = new Set<() => void>();

// A process cannot end while a native call runs on one of its threads: process.exit would wait for its end.
process.on('exit', () => {
  for (const stop of underWay) stop();
});

/** Waits for `work`, which `stop` makes end soon; it is called when the signal is aborted and when the process ends. */
export async function stoppable<T>(work: () => Promise<T>, stop: () => void, signal?: AbortSignal): Promise<T> {
  signal?.throwIfAborted();
  signal?.addEventListener('abort', stop);
  underWay.add(stop);
  try {
    return await work();
  } finally {
    underWay.delete(stop);
    signal?.removeEventListener('abort', stop);
  }
}
