/** What generation is asked for and what it gives, and the caches it goes by. */
import type { ChatMessage } from '../tokenizers/types.ts';
import type { SlotCacheOptions } from './slot-types.ts';

/** How a token is drawn; what is left out does nothing. Applied in this order, as transformers does. */
export interface SamplingOptions {
  /** Divides the logits; above 0. */
  temperature: number;
  /** Draws from the k most probable tokens only; 0 (the default) is all. */
  topK?: number;
  /** Draws from the fewest tokens whose probabilities add up to at least this; 1 (the default) is all. */
  topP?: number;
  /** Draws from tokens at least so many times as probable as the most probable one; 0 (the default) is all. */
  minP?: number;
  /** Draws from the tokens closest in surprise to the entropy, up to this probability together; 1 (the default) is all. */
  typicalP?: number;
  /** Draws from tokens above min(cutoff, sqrt(cutoff) exp(-entropy)); 0 (the default) is all. */
  etaCutoff?: number;
}

/** What is done to the logits before anything is chosen, in this order, as transformers does. */
export interface LogitsOptions {
  /** Added to the logits of these ids; -Infinity forbids. */
  logitBias?: Readonly<Record<number, number>>;
  /** Divides the positive and multiplies the negative logits of tokens that prompt or answer hold; 1 (the default) is none. */
  repetitionPenalty?: number;
  /** OpenAI's: taken from the logits of new tokens that stand already. Default 0. */
  presencePenalty?: number;
  /** OpenAI's: taken once for each time a new token stands. Default 0. */
  frequencyPenalty?: number;
  /** No so many tokens in a row appear twice in prompt and answer; 0 (the default) allows all. */
  noRepeatNgramSize?: number;
  /** Sequences of tokens that must not appear; of one token, it is forbidden. */
  badWords?: readonly (readonly number[])[];
  /** The end may not come before so many new tokens. Default 0. */
  minNewTokens?: number;
  /** The first new token. */
  forcedFirstId?: number;
  /** The last one of `maxTokens`, if it comes to that. */
  forcedLastId?: number;
}

export interface GenerateOptions extends Partial<SamplingOptions>, LogitsOptions {
  /** Text; set through the chat template as one user message unless `raw`. */
  prompt?: string;
  /** Prompt tokens as they are; instead of `prompt` and `messages`. */
  ids?: readonly number[];
  messages?: readonly ChatMessage[];
  /** Takes `prompt` without the chat template. */
  raw?: boolean;
  /** At most so many new tokens. */
  maxTokens: number;
  /** 0 (the default) is greedy. */
  temperature?: number;
  /** Two generations with one seed agree. Default 0. */
  seed?: number;
  /** Ends where one of these texts appears; it is left out of the text. */
  stop?: readonly string[];
  /** Ends with one of these tokens, which is left out of the text. */
  stopIds?: readonly number[];
  /** Ends at the model's end-of-sequence tokens. Default true. */
  stopAtEnd?: boolean;
  /** Only what it allows is said; the end comes only where its text is whole. See `jsonSchemaConstraint` and its like. */
  constraint?: TokenConstraint;
  /** Takes what the prompt begins with from here, and leaves prompt and answer here. */
  prefixes?: PrefixCache;
  /** Goes by a cache of slots of one row, its capacity by default what is needed; over a ring beyond the context too. */
  cache?: Omit<SlotCacheOptions, 'rows'>;
  /** Gives each token its {@link TokenScore} with so many of the most probable tokens beside it (0 to 256). */
  logProbabilities?: number;
  signal?: AbortSignal;
  /**
   * Sees and may change the logits `[vocabulary]` before each choice (-Infinity forbids a token), after penalties and constraint
   * and before temperature and its like. `ids` are prompt and new tokens so far, `step` counts new tokens from 0.
   */
  processLogits?(logits: Float32Array, context: { ids: readonly number[]; step: number }): void | Promise<void>;
}

/** What may be said, over the tokens of any vocabulary. */
export interface TokenConstraint {
  /** Where every sequence begins. Throws a sentence where the vocabulary cannot say it. */
  begin(vocabulary: TokenVocabulary): ConstraintState;
}

/** A place in what may be said; it never changes. */
export interface ConstraintState {
  /** A bit a token that may come next, the end not counted: bit `id & 31` of word `id >> 5`. */
  readonly allowed: Uint32Array;
  /** Whether any bit is set. */
  readonly open: boolean;
  /** Whether what stands is whole, so that the end may come. */
  readonly complete: boolean;
  /** The place after an allowed token. */
  after(id: number): ConstraintState;
}

/** The tokens of a vocabulary as bytes. */
export interface TokenVocabulary {
  /** Tokens, those without bytes counted. */
  readonly size: number;
  /** undefined for special tokens and for ids that stand for nothing. */
  bytesOf(id: number): Uint8Array | undefined;
}

/** How probable the model itself found a token: softmax of its logits before penalties, constraint and temperature. */
export interface TokenScore {
  /** Natural log. */
  logProbability: number;
  /** The most probable tokens, as many as were asked for. */
  alternatives: { id: number; logProbability: number }[];
}

/** How probable a given continuation is after a prompt. */
export interface ContinuationScore {
  /** Sum over its tokens, natural log. */
  logProbability: number;
  /** Each token's, given the prompt and the tokens before it (teacher-forced). */
  tokens: (TokenScore & { id: number })[];
}

export interface GeneratedToken {
  id: number;
  /** Text that became certain with this token; may be empty in the middle of a character or of a possible stop text. */
  text: string;
  /** Counts new tokens from 0. */
  index: number;
  /** Natural log, under the distribution that was drawn from; absent when greedy (the choice then stays in the graph). */
  logProbability?: number;
  /** Where `logProbabilities` asked for it. */
  score?: TokenScore;
}

export interface GenerationResult {
  text: string;
  promptTokens: number[];
  /** New tokens, an end-of-sequence token included. */
  tokens: number[];
  /** `stop`: at a stop text or token, or because a constraint's text was whole and nothing could follow. */
  finish: 'stop' | 'length' | 'eos' | 'cancelled';
  /** Tokens of the prompt whose keys and values were taken from a cache of prefixes. */
  reusedTokens: number;
  seconds: { prefill: number; decode: number };
}

/** Of {@link GenerateOptions}, what a search for the most probable sequence can have, and how it goes about it. */
export interface BeamOptions
  extends LogitsOptions,
    Pick<GenerateOptions, 'prompt' | 'ids' | 'messages' | 'raw' | 'maxTokens' | 'stopAtEnd' | 'constraint' | 'signal'> {
  /** Sequences that are followed at once, 1 to 64. */
  beams: number;
  /** Sequences that are returned. Default 1. */
  nBest?: number;
  /** A score is the sum of log-probabilities divided by length to this power: above 0 favours long ones. Default 1. */
  lengthPenalty?: number;
  /**
   * When as many sequences as beams have ended: `true` stops at once, `false` (the default) when none that runs is better at its
   * present length, `'never'` when none can become better at any length.
   */
  earlyStopping?: boolean | 'never';
}

export interface BeamSequence {
  text: string;
  /** New tokens, an end-of-sequence token included. */
  tokens: number[];
  /** Sum of the log-probabilities (after penalties and bans) over length to the power of the penalty. */
  score: number;
  finish: 'stop' | 'length' | 'eos';
}

export interface BeamResult {
  promptTokens: number[];
  /** Best first. */
  sequences: BeamSequence[];
  seconds: { prefill: number; decode: number };
}

/** Keys (after their rotation) and values of one row, a tensor a layer: `[kvHeads, sequence, headDim]`. */
export interface CacheEntries {
  sequence: number;
  keys: readonly Float32Array[];
  values: readonly Float32Array[];
}

/** Keys and values of the tokens seen so far, updated in place. Right-aligned nothing: row r's token t stands at place t. */
export interface KVCache {
  readonly rows: number;
  /** Tokens that each row can hold. */
  readonly capacity: number;
  readonly layers: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Bytes of all layers. */
  readonly bytes: number;
  /** Tokens that each row holds. */
  readonly lengths: readonly number[];
  /** A copy of a row's entries `[start, end)`; default all that it holds. */
  read(row?: number, start?: number, end?: number): CacheEntries;
  /** Puts entries at `[start, start + sequence)` (default 0) of a row, which then ends there. */
  load(row: number, entries: CacheEntries, start?: number): void;
  /**
   * `rows` (default 1) rows from `start` on as a cache of their own over the same memory and lengths: a prompt is prefilled
   * straight into its row, and some of the rows can step alone. Released with the whole.
   */
  view(start: number, rows?: number): KVCache;
  /**
   * Copies places `[start, end)` (default all that the row holds) of a row of this or another cache to the same places of `row`,
   * which then ends at `end`. The memory is copied natively.
   */
  copy(row: number, source: KVCache, sourceRow?: number, start?: number, end?: number): void;
  /** Forgets a row's tokens from `length` on. */
  truncate(row: number, length: number): void;
  release(): void;
}

/**
 * Keys and values of prompts and answers seen before, of one model, bounded in bytes; the least recently used go first. What two
 * share at their beginning is computed once.
 */
export interface PrefixCache {
  /** Most bytes that are held. */
  readonly limit: number;
  readonly bytes: number;
  /** `hits`: prompts whose beginning was found; `reusedTokens`: of all of them. */
  readonly metrics: { sequences: number; bytes: number; hits: number; reusedTokens: number };
  /** Copies the longest known beginning of `ids`, the last token never included, into a row (default 0), and says how many tokens it has. */
  restore(ids: readonly number[], cache: KVCache, row?: number): number;
  /** Keeps a copy of a row's (default 0) first `ids.length` places, which are of these tokens; nothing where it is larger than the limit. */
  keep(ids: readonly number[], cache: KVCache, row?: number): void;
  /** Keeps entries from elsewhere. */
  add(ids: readonly number[], entries: CacheEntries): void;
  /** All that is held, least recently used first. */
  sequences(): Iterable<{ ids: readonly number[]; entries(): CacheEntries }>;
  /** Forgets and frees everything. */
  clear(): void;
}

export interface SchedulerOptions {
  /** Requests that run at once. Default 8. */
  rows?: number;
  /** Tokens, prompt and answer, that one request can have. Default the model's context; memory is taken as it is used. */
  capacity?: number;
  /** Requests that may wait for a row; more are refused with a sentence. Default no limit. */
  queueLimit?: number;
  prefixes?: PrefixCache;
}

export interface SchedulerMetrics {
  /** Requests: waiting for a row, having their prompt computed, answering. */
  queued: number;
  prefilling: number;
  decoding: number;
  rows: number;
  /** Since the scheduler was made. */
  promptTokens: number;
  reusedTokens: number;
  newTokens: number;
  steps: number;
  finished: number;
  cancelled: number;
  failed: number;
}

/**
 * Answers many requests at once; each as it would be answered alone. With weights in few bits to within their rounding: the kernels
 * round otherwise for several rows than for one, and where two tokens are nearly as probable the other one may be said.
 */
export interface Scheduler {
  readonly rows: number;
  readonly metrics: SchedulerMetrics;
  /**
   * Queues a request at once; its tokens come as they are made. Aborting its signal, or leaving the iteration, frees its row at
   * once. Throws a sentence for options that cannot be, a `QueueFullError` when the queue is full, a `SchedulerClosedError` after
   * `close`. An error of the request's own
   * (in `processLogits`, say) rejects its iteration and no other's.
   */
  generate(options: GenerateOptions): AsyncGenerator<GeneratedToken, GenerationResult>;
  /** Cancels what runs and waits, and frees the cache. */
  close(): Promise<void>;
}

/** What a prefill or a step says of the next token of each row. Valid until the next call on the same cache. */
export interface NextToken {
  /** The most probable token of each row, chosen inside the graph. */
  readonly ids: readonly number[];
  /** A copy of the logits: `[rows, vocabulary]`, or one row's `[vocabulary]`. */
  logits(row?: number): Float32Array;
  /** The most probable tokens of a row (default 0), found without copying the logits; absent where a prefill already copied them. */
  likeliest?(temperature: number, row?: number): Promise<Likeliest>;
}

/** The most probable next tokens and their share of the whole. */
export interface Likeliest {
  /** By falling logit, equal ones by id. */
  readonly ids: readonly number[];
  /** Of {@link ids}. */
  readonly logits: Float32Array;
  /** Sum of exp((logit - largest logit) / temperature) over the whole vocabulary. */
  readonly mass: number;
}

/** Something that computes over a cache: a decoder, or the decoder of a model that has read a source. */
export interface Stepper {
  /** An empty cache for `rows` (default 1) sequences of at most `capacity` tokens. */
  createCache(capacity: number, rows?: number): KVCache;
  /** Appends a prompt to a cache of one row, in chunks, and says what comes next. */
  prefill(
    cache: KVCache,
    ids: readonly number[],
    options?: { signal?: AbortSignal | undefined; onProgress?(progress: { done: number; total: number }): void },
  ): Promise<NextToken>;
  /** Appends one token to every row (rows may be of different length) and says what comes next. */
  step(cache: KVCache, ids: readonly number[], options?: { signal?: AbortSignal | undefined }): Promise<NextToken>;
}

/** The tokens `[start, end)` of a row, which see each other and nothing else. */
export interface Segment {
  row: number;
  start: number;
  end: number;
}

export interface DenseInput {
  /** `[rows, sequence]`, all rows equally long (pad with any token and mask it). */
  ids: readonly (readonly number[])[];
  /** `[rows, sequence]`; default 0, 1, 2, ... */
  positions?: readonly (readonly number[])[];
  /** Added to the scores, `[rows, sequence, sequence]` (0 or a large negative number); default causal. No row may be all masked. */
  mask?: Float32Array;
  /**
   * In place of mask and positions, at most 256: each is attended causally by itself, from position 0, and nothing of the size
   * sequence x sequence is built. Tokens outside of all segments are computed and mean nothing.
   */
  segments?: readonly Segment[];
  /** Places (row * sequence + token) whose logits are wanted; default none. */
  logitsAt?: readonly number[];
  /** Whether each layer's keys and values are wanted. Default true. */
  cache?: boolean;
  signal?: AbortSignal;
}

/** What a dense pass gives. Keys and values stay where they were computed until they are read; release them then. */
export interface DenseOutput {
  /**
   * A copy, a tensor a layer, `[rows, kvHeads, sequence, headDim]`, keys after their rotation; with segments
   * `[1, kvHeads, tokens, headDim]`, the segments end to end.
   */
  readonly keys: Float32Array[];
  readonly values: Float32Array[];
  /** `[logitsAt.length, vocabulary]` */
  readonly logits: Float32Array;
  /** A copy of one row's places `[start, end)` as entries of a cache; of one segment, where there are segments. */
  entries(row: number, start: number, end: number): CacheEntries;
  release(): void;
}

export interface PerplexityOptions {
  /** Tokens a window; windows do not overlap and each one's first token is unscored. Default: the smaller of 512 and the context. */
  window?: number;
  signal?: AbortSignal;
  onProgress?(progress: { done: number; total: number }): void;
}
