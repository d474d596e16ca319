/** Aborts when the process is told to stop (server.js): open event streams end first, or they would hold the server. */
const name = Symbol.for('working-papers.stopping');
const shared = globalThis as unknown as Record<symbol, AbortController | undefined>;
shared[name] ??= new AbortController();

export const stopping: AbortSignal = shared[name].signal;
