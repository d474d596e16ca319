import type {
  BeamOptions,
  BeamResult,
  ContinuationScore,
  GeneratedToken,
  GenerateOptions,
  GenerationResult,
  Stepper,
} from '../types.ts';

/** What the source is and how the answer begins, beside the options of every generation. */
interface SourceOptions {
  /** Cuts a source text that is longer than the encoder takes; otherwise it is refused. Default false. */
  truncate?: boolean;
  /** Tokens that the answer begins with, after the decoder's start token; they are not new tokens. */
  decoderIds?: readonly number[];
  /**
   * Whether the tokens that the model's own configuration forces (`forced_bos_token_id`, where no `decoderIds` are given, and
   * `forced_eos_token_id`) and forbids (`bad_words_ids`, `suppress_tokens`) are forced and forbidden. Default true;
   * `forcedFirstId` and `forcedLastId` given here win.
   */
  modelRules?: boolean;
}

/** `prompt`, `ids` or `messages` are the source; penalties and n-grams count the decoder's tokens alone, as transformers has it. */
export interface Seq2SeqGenerateOptions extends Omit<GenerateOptions, 'prefixes'>, SourceOptions {}

export interface Seq2SeqBeamOptions extends BeamOptions, SourceOptions {}

/** `promptTokens` are those that the decoder began with: the start token, then `decoderIds`. */
export interface Seq2SeqResult extends GenerationResult {
  sourceTokens: number[];
}

export interface Seq2SeqBeamResult extends BeamResult {
  sourceTokens: number[];
}

/** Sources that an encoder has read: its states, and each decoder layer's keys and values of them, computed once. */
export interface EncodedSources {
  readonly rows: number;
  /** Tokens of each. */
  readonly lengths: readonly number[];
  /** Bytes of states, keys and values. */
  readonly bytes: number;
  /** A copy of the encoder's last hidden states of one source (default 0), `[tokens, hidden]`. */
  hidden(row?: number): { data: Float32Array; shape: [number, number] };
  /** After the caches that were made over them. */
  release(): void;
}

/** What a checkpoint says of generating with it. */
export interface Seq2SeqDefaults {
  /** What the decoder begins with. */
  readonly startId: number;
  readonly forcedFirstId?: number;
  readonly forcedLastId?: number;
  /** Sequences that are never said. */
  readonly badWords: readonly (readonly number[])[];
  /** Settings that are the authors' taste (`num_beams`, `length_penalty`, ...), by the names of their file; none is applied unless asked for. */
  readonly suggested: Readonly<Record<string, number | boolean | string>>;
}

/** What a model of an encoder and a decoder can do with a source. */
export interface Seq2SeqGeneration {
  readonly generationDefaults: Seq2SeqDefaults;
  /** Reads sources of any lengths together: `[tokens]` each, special tokens included. */
  encode(sources: readonly (readonly number[])[], options?: { signal?: AbortSignal }): Promise<EncodedSources>;
  /**
   * The decoder over what was read. A cache of it has a row for each source, or so many for each that follow each other (beams);
   * what it holds are the decoder's own tokens.
   */
  decoder(sources: EncodedSources): Stepper;
  /** Answers a source token by token, greedily unless told otherwise. An abort ends it with `finish: 'cancelled'`. */
  generate(options: Seq2SeqGenerateOptions): AsyncGenerator<GeneratedToken, Seq2SeqResult>;
  /**
   * Answers several sources, `rows` (default 8) at once, those of like length together; each as it would be alone, in the order of the
   * requests. Rejects with the first error.
   */
  generateBatch(
    requests: readonly Seq2SeqGenerateOptions[],
    options?: { rows?: number; signal?: AbortSignal },
  ): Promise<Seq2SeqResult[]>;
  /** The most probable answers that a beam search finds; the beams share one copy of the source's keys and values. */
  beamSearch(options: Seq2SeqBeamOptions): Promise<Seq2SeqBeamResult>;
  /** Logits of a given answer, teacher-forced: row i is of target i, the last one of what follows. `[1 + target, vocabulary]` */
  logits(
    source: readonly number[],
    target: readonly number[],
    options?: { signal?: AbortSignal },
  ): Promise<{ logits: Float32Array; shape: [number, number] }>;
  /**
   * How probable each target is as the answer to a source (teacher-forced, nothing forced or forbidden), with the `top` (default 0)
   * most probable tokens at each place. The source is read once for all of them.
   */
  score(
    source: readonly number[],
    targets: readonly (readonly number[])[],
    options?: { top?: number; signal?: AbortSignal },
  ): Promise<ContinuationScore[]>;
}
