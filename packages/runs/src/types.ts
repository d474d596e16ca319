/** What a run is: the words that the queue, the worker, the site and the command line share. */
import type { RunEvent, Value, Verdict } from '@working-papers/methods/contract';
import type { Pool } from 'pg';

/** What `openLibrary` returns, as far as runs need it. */
export interface Database {
  readonly pool: Pool;
}

export const runStatuses = ['queued', 'running', 'done', 'failed', 'cancelled', 'lost'] as const;
export type RunStatus = (typeof runStatuses)[number];

/** Limits of one run; an absent one is no limit (the rule in `local` mode). */
export interface Limits {
  /** Wall-clock seconds from the start of the child. */
  seconds?: number;
  /** Resident bytes of the child, watched. */
  memoryBytes?: number;
  /** Bytes of all artifacts together. */
  artifactBytes?: number;
}

/** What a run was made of and what it took. Inputs stand as hashes, never as text or host paths. */
export interface Manifest {
  models: { reference: string; revision?: string; sha256: string; weights?: string }[];
  inputs: { field: string; sha256: string; bytes: number }[];
  machine: string;
  versions: Record<string, string>;
  seed: number;
  /** The same run from a shell. */
  command: string;
  /** Seconds of the child's life. */
  seconds?: number;
  /** Highest resident bytes seen. */
  peakBytes?: number;
}

/** A row of `runs`. Times are ISO strings in UTC. */
export interface Run {
  id: string;
  slug: string;
  action?: string;
  parameters: Record<string, unknown>;
  status: RunStatus;
  /** Why a run failed, was cancelled or lost: a sentence. */
  message?: string;
  seed: number;
  experiment: boolean;
  stage?: string;
  record: boolean;
  limits: Limits;
  manifest?: Manifest;
  /** The run that this one repeats. */
  repeats?: string;
  worker?: string;
  cancelRequested: boolean;
  createdAt: string;
  startedAt?: string;
  endedAt?: string;
  seenAt?: string;
}

export interface RunRequest {
  slug: string;
  /** Raw (strings of a form or of flags) or already typed; checked against the method's parameters. */
  parameters: Record<string, unknown>;
  /** Fills in `action` when the parameters carry none. */
  action?: string;
  /** A whole number from 0; a random one when absent. */
  seed?: number;
  /** Run the paper's experiment instead of its method. */
  experiment?: boolean;
  /** Only this stage of the experiment. */
  stage?: string;
  /** Write the evidence into the paper's room. Needs `experiment`. */
  record?: boolean;
  limits?: Limits;
  repeats?: string;
}

/** What is stored under (run, seq): a method's event, a change of status, or the end. */
export type StoredEvent =
  | RunEvent
  | { type: 'status'; status: RunStatus; message?: string }
  | { type: 'end'; status: RunStatus; run: string; message?: string };

export interface EventRecord {
  /** From 1, without gaps, in the order emitted. */
  seq: number;
  /** ISO time. */
  at: string;
  event: StoredEvent;
}

/** A row of the instance's own evidence. */
export interface EvidenceRow {
  slug: string;
  claim: string;
  run: string;
  stage: string;
  verdict: Verdict;
  values: Record<string, Value>;
  setting: string;
  command?: string;
  models: { reference: string; revision?: string; sha256: string }[];
  seeds: number[];
  machine?: string;
  versions: Record<string, string>;
  note?: string;
  at: string;
}

export interface ArtifactRecord {
  run: string;
  name: string;
  mediaType: string;
  bytes: number;
  sha256: string;
}

/** Wrong request: a sentence a reader can act on, and the field it belongs to where there is one. */
export class RunRequestError extends Error {
  override name = 'RunRequestError';
  readonly errors: readonly { field: string; message: string }[];
  constructor(message: string, errors: readonly { field: string; message: string }[] = []) {
    super(message);
    this.errors = errors;
  }
}
