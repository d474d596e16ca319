/**
 * The contract between a paper's room and everything that shows, calls or judges it. Pure: imports nothing of Node and no engine
 * code at run time, so that the site's web process and a browser may load descriptors.
 */
import type { Model, ModelKind, OpenOptions } from '@working-papers/models';
import type { Runtime } from '@working-papers/runtime';
import type { ZodDiscriminatedUnion, ZodObject } from 'zod';

export const families = [
  'serving',
  'long-context',
  'compression',
  'training',
  'interpretability',
  'language',
  'vision',
  'science',
] as const;
export type Family = (typeof families)[number];

/** Whose word a paper's value is, and how pages say so: "The value is from ...". */
export const voices = {
  paper: 'the paper',
  repository: 'its repository',
  'third party': 'a third party',
  recalled: 'memory, not read in the paper',
  /** A goal or a computation of ours, where the paper gives no value. */
  here: 'us, not from the paper',
} as const;
export type Source = keyof typeof voices;

/** What the paper (or whoever `source` names) says. Text, because papers say "up to 6x" and "significant". */
export interface PaperValue {
  value: string;
  /** Empty when the value is qualitative. */
  unit?: string;
  /** Against what. */
  baseline?: string;
  /** Model, data, hardware. */
  setting?: string;
  source: Source;
  /** Where in the source: "abstract", "Table 2", "README"; for a value of ours, what it rests on. */
  where?: string;
  /** The note marks this value as not verified against the source. */
  unverified?: true;
}

/** How values become a verdict: Common Expression Language over the named values (see rules.ts). */
export interface Rule {
  /** The experiment stage in which the verdict is given. */
  stage: string;
  /** Every value the expressions read, with its unit. */
  values: Record<string, string>;
  holds: string;
  partly?: string;
}

export interface Claim {
  /** The note's id: "PRE-4". */
  id: string;
  /** One sentence, the paper's claim in plain words. */
  statement: string;
  /** What is measured. */
  measure: string;
  paper: PaperValue;
  /** A stretch of the abstract that makes this claim, verbatim, so that the page can mark it. */
  quote?: string;
  rule?: Rule;
  /** Why there is no rule or no test, shown where the value would stand; or why the paper's value is ours. */
  note?: string;
}

export interface Link {
  label: string;
  url: string;
  by: 'authors' | 'others';
}

export interface PaperDescription {
  /** Exactly as the founding page has it: the shelf joins on it. */
  title: string;
  arxiv?: string;
  /** ISO date (YYYY-MM-DD) or year-month as far as known. */
  date: string;
  /** Names as far as the note knows them; may be empty. */
  authors: readonly string[];
  links?: readonly Link[];
}

// biome-ignore lint/suspicious/noExplicitAny: any object schema of zod is a parameter list
export type Parameters = ZodObject<any> | ZodDiscriminatedUnion<any, 'action'>;

export type Need = 'node' | 'accelerator';

/** A descriptor: the default export of a room's index.ts. */
export interface Method {
  slug: string;
  family: Family;
  paper: PaperDescription;
  /** What a user gets, one sentence. */
  offers: string;
  /** Absent until the method is built. Every field carries `.meta({ title?, description, unit?, kind?, primary? })`. */
  parameters?: Parameters;
  defaultAction?: string;
  claims: readonly Claim[];
  /** What else a reader should know: critiques, peers, limits. Shown under the claims. */
  remarks?: readonly string[];
  needs?: readonly Need[];
}

/** Field kinds beyond JSON Schema's types, in `.meta({ kind })`. */
export type Kind = 'model' | 'text' | 'dataset' | 'file';

export interface Value {
  value: number;
  low?: number;
  high?: number;
  unit: string;
  model?: string;
}

export type Verdict = 'holds' | 'partly' | 'does not hold here' | 'not tested';

export type RunEvent =
  | { type: 'progress'; stage?: string; done: number; total?: number; unit?: string; message: string }
  | { type: 'metric'; series: string; x: number; y: number; xUnit?: string; yUnit?: string }
  | {
      type: 'table';
      name: string;
      caption: string;
      columns: TableColumn[];
      rows: (string | number | boolean | null)[][];
    }
  /** A Vega-Lite spec with inline values only. `caption` is what is seen; `setting` what and on what. */
  | { type: 'plot'; name: string; caption: string; setting?: string; spec: Record<string, unknown> }
  | { type: 'text'; markdown: string }
  | { type: 'artifact'; name: string; mediaType: string; bytes: number; sha256: string }
  | {
      type: 'evidence';
      claim: string;
      stage: string;
      values: Record<string, Value>;
      setting: string;
      seeds?: number[];
      note?: string;
    };

export interface TableColumn {
  name: string;
  unit?: string;
  type: 'text' | 'number' | 'boolean';
}

/** A seeded generator; two runs with one seed agree. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Standard normal. */
  normal(): number;
  /** Uniform integer in [0, below). */
  integer(below: number): number;
  shuffle<T>(items: readonly T[]): T[];
  /** An independent generator named by `label`. */
  fork(label: string): Random;
}

export interface Sink {
  write(chunk: Uint8Array | string): Promise<void>;
  close(): Promise<void>;
}

export interface Machine {
  cores: number;
  memoryBytes: number;
  processor: string;
  /** Whether the processor has exact u8 x s8 products (VNNI) or saturates. */
  int8Products: 'exact' | 'saturating';
  accelerator?: string;
}

export type Row = Record<string, string | number | boolean | null>;

/** An input the reader brings: inline text, or a reference to a file or upload, with what it is. */
export interface Input {
  text?: string;
  path?: string;
}

export interface RunContext {
  signal: AbortSignal;
  seed: number;
  random: Random;
  now(): Date;
  /** Milliseconds of a monotonic clock: for measuring durations. */
  elapsed(): number;
  machine: Machine;
  /** Threads a program should use. */
  threads: number;
  models: { open(reference: string, options?: OpenOptions): Promise<Model> };
  runtime: Runtime;
  emit(event: RunEvent): void;
  /** Rows of text (.txt one a line), .jsonl, .csv, or of a text of the house (`house:books`: a paragraph a row); errors name the line. */
  rows(input: string): AsyncIterable<Row>;
  bytes(input: string): AsyncIterable<Uint8Array>;
  write(name: string, mediaType: string): Sink;
  store: { get(key: string): Promise<Uint8Array | undefined>; put(key: string, bytes: Uint8Array): Promise<void> };
  /** Resident memory of this process now, bytes; absent where it cannot be read. */
  residentBytes?(): number;
  /**
   * Runs the function `name` of the room's apart.ts in a process of its own, so that what ran before does not hide its peak of
   * memory; one at a time, later calls wait. Its events are this run's, so are its limits, and it ends with the run. Rejects with
   * the function's own sentence, with one that says how its process ended, or with the signal's reason.
   */
  apart<R = unknown>(
    name: string,
    parameters?: Record<string, unknown>,
    options?: { signal?: AbortSignal },
  ): Promise<Apart<R>>;
}

/** What a function run apart gave, and what it took. */
export interface Apart<R> {
  /** As JSON carries it. */
  result: R;
  /** Resident bytes when the function said `baseline()`; when it was called, if it did not. */
  baselineBytes: number;
  /** Most resident bytes from then to the function's end. */
  peakBytes: number;
}

/** The context of a function that runs apart: it returns what it found, leaves no files, and runs nothing apart itself. */
export interface ApartContext extends RunContext {
  /** Ends the preparation, a model's opening for one: garbage is collected, and memory is measured from here. */
  baseline(): void;
}

/** What a model's headers say. */
export interface ModelSize {
  kind: ModelKind;
  /** Bytes of its weight files. */
  bytes: number;
  /** Numbers in all tensors. */
  parameters: number;
  layers: number;
  hidden: number;
  vocabulary: number;
}

/** What is known before a run. Models and inputs stand under the parameter that names them; one that is not at hand is absent. */
export interface EstimateFacts {
  machine: Pick<Machine, 'cores' | 'memoryBytes'>;
  models: Record<string, ModelSize>;
  /** `beginning` is the first 64 KiB at most, as text: what the rows look like. */
  inputs: Record<string, { bytes: number; beginning: string }>;
}

export interface Estimate {
  /** Wall-clock seconds of the run, from the start of its process. */
  seconds?: number;
  /** Peak resident memory. */
  bytes?: number;
  /** A sentence that says what the estimate rests on. */
  basis: string;
}

export interface Stage {
  name: string;
  title: string;
  /** What this stage does and how long it takes about. */
  description: string;
  run(context: RunContext): Promise<void>;
}

/** What a room's method.ts exports. Imported by convention, in run children only. */
export interface MethodModule<P = Record<string, unknown>> {
  run(parameters: P, context: RunContext): Promise<void>;
  /** Parts offered by name to generation and the model server: parts.attention['lm-infinite']. */
  parts?: Record<string, Record<string, unknown>>;
}

/** What a room's estimate.ts exports, if there is one. Imports no engine code: the web process loads it. */
export interface EstimateModule<P = Record<string, unknown>> {
  estimate(parameters: P, facts: EstimateFacts): Estimate | Promise<Estimate>;
}

/** What a room's apart.ts exports, if there is one. Imported by convention, in processes that run one of its functions. */
export interface ApartModule {
  apart: Record<string, (parameters: Record<string, unknown>, context: ApartContext) => Promise<unknown>>;
}

/** What a room's experiment.ts exports. */
export interface ExperimentModule {
  experiment: readonly Stage[];
}

export interface ClaimEvidence {
  verdict: Verdict;
  stage?: string;
  values?: Record<string, Value>;
  setting?: string;
  command?: string;
  models?: { reference: string; revision?: string; sha256: string }[];
  seeds?: number[];
  machine?: string;
  versions?: Record<string, string>;
  /** ISO date. */
  date?: string;
  note?: string;
}

export interface Evidence {
  paper: string;
  plots: { name: string; file: string; caption: string; setting?: string; lead?: boolean }[];
  claims: Record<string, ClaimEvidence>;
}
