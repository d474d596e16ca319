import { Continuation, type ContinuedModel } from './continuation.ts';
import { mostAtOnce } from './decoder-program.ts';
import { QueueFullError, SchedulerClosedError } from './scheduler-errors.ts';
import type {
  GeneratedToken,
  GenerateOptions,
  GenerationResult,
  KVCache,
  NextToken,
  Scheduler,
  SchedulerMetrics,
  SchedulerOptions,
  Stepper,
} from './types.ts';

export type ScheduledModel = ContinuedModel & Stepper;

/** Tokens of a prompt between two steps of the others: about as long as they can wait. */
const sharedChunk = 64;

/** A request from its arrival to its end. */
class Request {
  readonly continuation: Continuation;
  readonly signal: AbortSignal | undefined;
  /** Tokens of the prompt whose keys and values stand in the row. */
  filled = 0;
  row = -1;
  ended = false;
  readonly #tokens: GeneratedToken[] = [];
  #error: unknown;
  #failed = false;
  #wake: (() => void) | undefined;
  #onEnd: (() => void) | undefined;

  constructor(continuation: Continuation) {
    this.continuation = continuation;
    this.signal = continuation.options.signal;
  }

  get answering(): boolean {
    return this.filled === this.continuation.prompt.length;
  }

  watch(cancel: () => void): void {
    this.signal?.addEventListener('abort', cancel, { once: true });
    this.#onEnd = () => this.signal?.removeEventListener('abort', cancel);
  }

  push(token: GeneratedToken): void {
    this.#tokens.push(token);
    this.#wake?.();
  }

  end(...error: [] | [unknown]): void {
    this.ended = true;
    this.#failed = error.length > 0;
    this.#error = error[0];
    this.#onEnd?.();
    this.#wake?.();
  }

  /** The tokens as they come, then the whole; `leave` is called when whoever reads goes away. */
  async *read(leave: () => void): AsyncGenerator<GeneratedToken, GenerationResult> {
    try {
      while (true) {
        const token = this.#tokens.shift();
        if (token) yield token;
        else if (this.#failed) throw this.#error;
        else if (this.ended) return this.continuation.result();
        else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
      }
    } finally {
      leave();
    }
  }
}

/**
 * Continuous batching (Orca, OSDI 2022): every request has a row of one cache while it runs, all rows step together, and a row
 * that becomes free is given to the next in the queue. A prompt is computed a chunk at a time between two steps of the others.
 */
export class BatchScheduler implements Scheduler {
  readonly rows: number;
  readonly #model: ScheduledModel;
  readonly #options: SchedulerOptions;
  readonly #cache: KVCache;
  readonly #queue: Request[] = [];
  readonly #running = new Set<Request>();
  readonly #free: boolean[];
  #loop: Promise<void> | undefined;
  #closed = false;
  readonly #counts = {
    promptTokens: 0,
    reusedTokens: 0,
    newTokens: 0,
    steps: 0,
    finished: 0,
    cancelled: 0,
    failed: 0,
  };

  constructor(model: ScheduledModel, options: SchedulerOptions = {}) {
    const { rows = 8, capacity = model.contextLength, queueLimit = Number.POSITIVE_INFINITY } = options;
    if (!(queueLimit >= 0)) throw new Error(`queueLimit must be 0 or more; got ${queueLimit}.`);
    // A request may fill a row, no more: its context is the row.
    this.#model = { ...model, contextLength: Math.min(capacity, model.contextLength) };
    this.#options = options;
    this.#cache = model.createCache(capacity, rows);
    this.rows = rows;
    this.#free = new Array<boolean>(rows).fill(true);
  }

  generate(options: GenerateOptions): AsyncGenerator<GeneratedToken, GenerationResult> {
    if (this.#closed) throw new SchedulerClosedError();
    if (options.cache) throw new Error('A request with a cache of its own is answered alone: use generate.');
    const { queueLimit = Number.POSITIVE_INFINITY } = this.#options;
    // What has come since the last turn of the event loop waits in the queue, though rows are free for it.
    const waiting = this.#queue.length - this.#free.filter(Boolean).length;
    if (waiting >= queueLimit) throw new QueueFullError(waiting, this.rows);
    const request = new Request(new Continuation(this.#model, options));
    const cancel = () => this.#end(request);
    if (request.signal?.aborted) this.#end(request);
    else {
      request.watch(cancel);
      this.#queue.push(request);
      this.#wake();
    }
    return request.read(cancel);
  }

  get metrics(): SchedulerMetrics {
    const running = [...this.#running];
    return {
      queued: this.#queue.length,
      prefilling: running.filter(({ answering }) => !answering).length,
      decoding: running.filter(({ answering }) => answering).length,
      rows: this.rows,
      ...this.#counts,
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const request of [...this.#queue, ...this.#running]) this.#end(request);
    await this.#loop;
    this.#cache.release();
  }

  #wake(): void {
    this.#loop ??= this.#work().finally(() => {
      this.#loop = undefined;
      if (this.#queue.length > 0) this.#wake();
    });
  }

  async #work(): Promise<void> {
    while (this.#queue.length > 0 || this.#running.size > 0) {
      // Requests that come in one turn of the event loop are taken up together.
      await new Promise((resolve) => setImmediate(resolve));
      this.#admit();
      await this.#fill();
      await this.#step();
    }
  }

  /** Gives free rows to the queue, the lowest first: a step computes all rows up to the highest in use. */
  #admit(): void {
    for (let row = this.#free.indexOf(true); row >= 0 && this.#queue.length > 0; row = this.#free.indexOf(true)) {
      const request = this.#queue.shift()!;
      const { continuation } = request;
      this.#free[row] = false;
      request.row = row;
      this.#running.add(request);
      this.#cache.truncate(row, 0);
      try {
        request.filled = this.#options.prefixes?.restore(continuation.prompt, this.#cache, row) ?? 0;
        continuation.reusedTokens = request.filled;
        this.#counts.reusedTokens += request.filled;
      } catch (error) {
        this.#end(request, error);
      }
    }
  }

  /** One chunk of the prompt that has waited longest. */
  async #fill(): Promise<void> {
    const request = [...this.#running].find(({ answering }) => !answering);
    if (!request) return;
    // To the end of the line: prompts take turns.
    this.#running.delete(request);
    this.#running.add(request);
    const { continuation, filled, row } = request;
    const alone = [...this.#running].every((other) => other === request);
    const end = Math.min(continuation.prompt.length, filled + (alone ? mostAtOnce : sharedChunk));
    const chunk = continuation.prompt.slice(filled, end);
    try {
      const next = await this.#model.prefill(
        this.#cache.view(row),
        chunk,
        request.signal ? { signal: request.signal } : {},
      );
      this.#counts.promptTokens += chunk.length;
      if (request.ended) return;
      request.filled = end;
      if (!request.answering) return;
      this.#options.prefixes?.keep(continuation.prompt, this.#cache, row);
      await this.#take(request, next, 0);
    } catch (error) {
      this.#end(request, error);
    }
  }

  /** One token for every request that answers. */
  async #step(): Promise<void> {
    this.#compact();
    const answering = [...this.#running].filter((request) => request.answering);
    if (answering.length === 0) return;
    const count = Math.max(...answering.map(({ row }) => row)) + 1;
    const ids = new Array<number>(count).fill(0);
    for (const { row, continuation } of answering) ids[row] = continuation.last;
    const stepped = new Set(answering.map(({ row }) => row));
    // The others between them take part as well; what they gain is cut off again.
    const others = ids.map((_, row) => row).filter((row) => !stepped.has(row));
    for (const row of others) if (this.#free[row]) this.#cache.truncate(row, 0);
    const lengths = [...this.#cache.lengths];
    let next: NextToken;
    try {
      next = await this.#model.step(count === this.rows ? this.#cache : this.#cache.view(0, count), ids);
    } catch (error) {
      for (const request of answering) this.#end(request, error);
      return;
    }
    for (const row of others) this.#cache.truncate(row, lengths[row]!);
    this.#counts.steps++;
    for (const request of answering) if (!request.ended) await this.#take(request, next, request.row);
  }

  async #take(request: Request, next: NextToken, row: number): Promise<void> {
    try {
      const token = await request.continuation.take(next, row);
      if (request.ended) return;
      this.#counts.newTokens++;
      request.push(token);
      const { continuation } = request;
      if (!continuation.finish) return;
      const held = this.#cache.lengths[request.row]!;
      const ids = [...continuation.prompt, ...continuation.tokens].slice(0, held);
      this.#options.prefixes?.keep(ids, this.#cache, request.row);
      this.#end(request);
    } catch (error) {
      this.#end(request, error);
    }
  }

  /** Frees the row of a request at once: it has finished, was given up, or failed. */
  #end(request: Request, ...error: [] | [unknown]): void {
    if (request.ended) return;
    if (error.length > 0 && !request.signal?.aborted) this.#counts.failed++;
    else if (request.continuation.finish) this.#counts.finished++;
    else this.#counts.cancelled++;
    const waiting = this.#queue.indexOf(request);
    if (waiting >= 0) this.#queue.splice(waiting, 1);
    if (this.#running.delete(request)) this.#free[request.row] = true;
    if (request.signal?.aborted) request.end();
    else request.end(...error);
  }

  /** Moves the highest request that answers to a lower free row while nobody waits for one. */
  #compact(): void {
    if (this.#queue.length > 0) return;
    for (;;) {
      const [highest] = [...this.#running].filter(({ answering }) => answering).sort((a, b) => b.row - a.row);
      const low = this.#free.indexOf(true);
      if (!highest || low < 0 || low > highest.row) return;
      this.#cache.truncate(low, 0);
      this.#cache.copy(low, this.#cache, highest.row);
      this.#free[highest.row] = true;
      this.#free[low] = false;
      highest.row = low;
    }
  }
}

/** Continues several prompts together; the results stand in the order of the requests. The first error ends them all. */
export async function generateBatch(
  model: ScheduledModel,
  requests: readonly GenerateOptions[],
  options: SchedulerOptions & { signal?: AbortSignal } = {},
): Promise<GenerationResult[]> {
  if (requests.length === 0) return [];
  const { signal, ...given } = options;
  const capacity = Math.min(
    model.contextLength,
    Math.max(
      ...requests.map((request) => new Continuation(model, request)).map(({ prompt, limit }) => prompt.length + limit),
    ),
  );
  const scheduler = new BatchScheduler(model, { capacity, ...given, rows: given.rows ?? Math.min(requests.length, 8) });
  try {
    return await Promise.all(
      requests.map(async (request) => {
        const signals = [request.signal, signal].filter((one) => one !== undefined);
        const tokens = scheduler.generate(
          signals.length === 0 ? request : { ...request, signal: AbortSignal.any(signals) },
        );
        while (true) {
          const { value, done } = await tokens.next();
          if (done) return value;
        }
      }),
    );
  } finally {
    await scheduler.close();
  }
}
