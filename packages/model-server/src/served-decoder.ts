import {
  choicesConstraint,
  type DecoderModel,
  type GenerateOptions,
  type GenerationResult,
  jsonSchemaConstraint,
  type PrefixCache,
  QueueFullError,
  regexConstraint,
  type Scheduler,
  SchedulerClosedError,
  type TokenConstraint,
} from '@working-papers/models';
import { LRUCache } from 'lru-cache';
import pLimit from 'p-limit';
import { ApiError, shuttingDown } from './api-error.ts';
import { charactersOf, type ScoredToken, TokenTeller } from './token-texts.ts';

export interface DecoderOptions {
  /** Requests that are answered at once; more wait. */
  rows?: number;
  /** Tokens, prompt and answer, that one request can have. Default and most: the model's context. */
  context?: number;
  /** Requests that may wait. */
  queueLimit: number;
  /** Bytes for keys and values of earlier prompts; 0 keeps none. */
  prefixBytes: number;
}

/** Part of an answer: text that is certain, with the tokens that begin in it where they were asked for. */
export interface Piece {
  text: string;
  tokens: ScoredToken[];
}

export type Answer = AsyncGenerator<Piece, GenerationResult>;

/** What an answer is held to. */
export type Form = { json: unknown } | { regex: string } | { choice: readonly string[] };

/** Forms whose automata are kept: the same schema is usually asked for again. */
const keptForms = 64;

/** A decoder that many requests share: its scheduler, its cache of prefixes, and what it refuses. */
export class ServedDecoder {
  readonly kind = 'decoder';
  readonly name: string;
  readonly model: DecoderModel;
  readonly contextLength: number;
  readonly scheduler: Scheduler;
  readonly prefixes: PrefixCache | undefined;
  readonly #queueLimit: number;
  readonly #forms = new LRUCache<string, TokenConstraint>({ max: keptForms });
  /** Passes over given tokens are made one at a time, beside the scheduler's steps. */
  readonly #scoring = pLimit(1);

  constructor(name: string, model: DecoderModel, { rows, context, queueLimit, prefixBytes }: DecoderOptions) {
    this.name = name;
    this.model = model;
    this.contextLength = Math.min(context ?? model.contextLength, model.contextLength);
    this.prefixes = prefixBytes > 0 ? model.createPrefixCache(prefixBytes) : undefined;
    this.#queueLimit = queueLimit;
    this.scheduler = model.createScheduler({
      capacity: this.contextLength,
      queueLimit,
      ...(rows === undefined ? {} : { rows }),
      ...(this.prefixes ? { prefixes: this.prefixes } : {}),
    });
  }

  /** Tokens that the model knows. */
  get vocabulary(): number {
    return this.model.config.vocab_size;
  }

  /** Throws a 429 where so many more answers would have to wait behind too many others, a 400 where they always would. */
  admit(answers: number): void {
    const { rows, queued, prefilling, decoding } = this.scheduler.metrics;
    if (answers > rows + this.#queueLimit) {
      throw new ApiError(
        400,
        `The request asks for ${answers} answers; ${this.name} gives at most ${rows + this.#queueLimit} at once. Ask for fewer.`,
        { param: 'n', code: 'too_many_answers' },
      );
    }
    const waiting = queued + prefilling + decoding + answers - rows;
    if (waiting > this.#queueLimit) throw fullQueue(this.name, queued);
  }

  /** Most new tokens after a prompt. Throws a 400 where the prompt, or it and what was asked for, are longer than the context. */
  room(prompt: readonly number[], asked: number | undefined, { param }: { param: string }): number {
    const room = this.contextLength - prompt.length;
    if (prompt.length === 0) {
      throw new ApiError(400, `The prompt has no tokens: there is nothing to continue. Send some text.`, { param });
    }
    if (room < (asked ?? 1)) {
      const wanted = asked === undefined ? '' : ` and ${asked} more were asked for`;
      throw new ApiError(
        400,
        `This model's maximum context length is ${this.contextLength} tokens; the prompt has ${prompt.length}${wanted}. Shorten the prompt or ask for fewer tokens.`,
        { param, code: 'context_length_exceeded' },
      );
    }
    return asked ?? room;
  }

  /** The automaton of a form. Throws a 400 with the sentence of what is not supported of it. */
  constraint(form: Form, param: string): TokenConstraint {
    const key = JSON.stringify(form);
    let made = this.#forms.get(key);
    if (!made) {
      made = refusing(param, () => {
        if ('json' in form) return jsonSchemaConstraint(form.json);
        return 'regex' in form ? regexConstraint(form.regex) : choicesConstraint(form.choice);
      });
      this.#forms.set(key, made);
    }
    return made;
  }

  /** Queues an answer at once. Throws a 400 for options that the model refuses, a 429 where too many wait. */
  generate(options: GenerateOptions): Answer {
    const tokens = this.#queue(options);
    const teller = options.logProbabilities === undefined ? undefined : new TokenTeller(this.model.tokenizer);
    return pieces(tokens, teller);
  }

  /** The scheduler's own refusals are no fault of the request's. */
  #queue(options: GenerateOptions): ReturnType<Scheduler['generate']> {
    try {
      return refusing(undefined, () => this.scheduler.generate(options));
    } catch (error) {
      if (error instanceof QueueFullError) throw fullQueue(this.name, error.waiting);
      if (error instanceof SchedulerClosedError) throw shuttingDown();
      throw error;
    }
  }

  /** Throws a 429 where too many prompts wait to be scored. */
  admitScoring(): void {
    const { activeCount, pendingCount } = this.#scoring;
    if (activeCount + pendingCount > this.#queueLimit) throw fullQueue(this.name, pendingCount);
  }

  /** How probable the tokens of a prompt are, each given those before it; of the first there is no saying. */
  async scorePrompt(ids: readonly number[], top: number, signal: AbortSignal): Promise<ScoredToken[]> {
    const scores = ids.length < 2 ? [] : await this.#scoring(() => this.model.logProbabilities(ids, { top, signal }));
    signal.throwIfAborted();
    const stream = this.model.tokenizer.decodeStream({ skipSpecialTokens: true });
    let offset = 0;
    return ids.map((id, index) => {
      const token = { id, offset, score: index === 0 ? undefined : scores[index - 1] };
      offset += charactersOf(stream.push(id));
      return token;
    });
  }

  /** Cancels what runs and waits; the signals of prompts that are scored are to be aborted first. */
  async close(): Promise<void> {
    await this.scheduler.close();
    await this.#scoring(() => {});
    this.prefixes?.clear();
  }
}

async function* pieces(tokens: ReturnType<Scheduler['generate']>, teller: TokenTeller | undefined): Answer {
  try {
    while (true) {
      const { value, done } = await tokens.next();
      if (done) return value;
      const told = teller?.push(value) ?? [];
      if (value.text !== '' || told.length > 0) yield { text: value.text, tokens: told };
    }
  } finally {
    // Whoever leaves early frees the row.
    await tokens.return(undefined as never);
  }
}

export function fullQueue(name: string, waiting: number): ApiError {
  return new ApiError(429, `${name} is busy: ${waiting} requests wait already. Try again later.`, {
    code: 'rate_limit_exceeded',
    headers: { 'retry-after': '1' },
  });
}

/** What the model refuses of a request is the request's fault. */
export function refusing<T>(param: string | undefined, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof ApiError || error instanceof QueueFullError || error instanceof SchedulerClosedError)
      throw error;
    throw new ApiError(400, (error as Error).message, { ...(param ? { param } : {}), code: 'invalid_value' });
  }
}
