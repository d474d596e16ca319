import { ApiError } from './api-error.ts';

/** Why an answer was broken off. */
export type BrokenOff = 'client' | 'timeout' | 'shutdown';

export interface Finished {
  method: string;
  path: string;
  route: string;
  /** 499 where the client went away first, as nginx says it. */
  status: number;
  model: string | undefined;
  promptTokens: number;
  newTokens: number;
  seconds: number;
  /** From arrival to the first text of the answer. */
  firstTextSeconds: number | undefined;
  brokenOff: BrokenOff | undefined;
}

/** One request from its arrival to the last byte of its answer: its signal ends when the client leaves, at the limit of time, and at shutdown. */
export class Exchange {
  readonly signal: AbortSignal;
  /** Set by whoever answers, for log and metrics. */
  model: string | undefined;
  promptTokens = 0;
  newTokens = 0;
  /** The answer goes on after its headers; whoever writes it calls `end`. */
  streams = false;
  readonly #controller = new AbortController();
  readonly #client: AbortSignal;
  readonly #timeoutSeconds: number;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #begun = performance.now();
  readonly #facts: Pick<Finished, 'method' | 'path' | 'route'>;
  readonly #onEnd: (finished: Finished) => void;
  #brokenOff: BrokenOff | undefined;
  #firstTextSeconds: number | undefined;
  #ended = false;

  constructor(
    facts: Pick<Finished, 'method' | 'path' | 'route'>,
    client: AbortSignal,
    timeoutSeconds: number,
    onEnd: (finished: Finished) => void,
  ) {
    this.signal = this.#controller.signal;
    this.#facts = facts;
    this.#client = client;
    this.#timeoutSeconds = timeoutSeconds;
    this.#onEnd = onEnd;
    if (client.aborted) this.breakOff('client');
    client.addEventListener('abort', this.#clientLeft);
    if (timeoutSeconds > 0) {
      this.#timer = setTimeout(() => this.breakOff('timeout'), timeoutSeconds * 1000);
      this.#timer.unref();
    }
  }

  /** Some text of the answer is there. */
  said(): void {
    this.#firstTextSeconds ??= this.#seconds;
  }

  breakOff(why: BrokenOff): void {
    if (this.#ended) return;
    this.#brokenOff ??= why;
    this.#controller.abort(this.problem());
  }

  /** What is said of an answer that was broken off. */
  problem(): ApiError {
    if (this.#brokenOff === 'timeout') {
      return new ApiError(503, `The answer was not ready within the server's limit of ${this.#timeoutSeconds} s.`, {
        code: 'timeout',
      });
    }
    return new ApiError(503, 'The server is shutting down.', { code: 'shutting_down' });
  }

  end(status: number): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#client.removeEventListener('abort', this.#clientLeft);
    // What still runs for it, after an error of one of several answers, ends too.
    this.#controller.abort();
    const { model, promptTokens, newTokens } = this;
    this.#onEnd({
      ...this.#facts,
      status: this.#brokenOff === 'client' ? 499 : status,
      model,
      promptTokens,
      newTokens,
      seconds: this.#seconds,
      firstTextSeconds: this.#firstTextSeconds,
      brokenOff: this.#brokenOff,
    });
  }

  get #seconds(): number {
    return (performance.now() - this.#begun) / 1000;
  }

  readonly #clientLeft = () => {
    this.breakOff('client');
    // Nobody reads the rest of a stream: it has ended.
    if (this.streams) this.end(499);
  };
}
