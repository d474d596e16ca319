/** What a worker and the process of its run tell each other. */
import type { Machine, RunEvent } from '@working-papers/methods/contract';
import type { Manifest } from '../types.ts';

/** The worker's one message: what to run. */
export interface StartMessage {
  run: {
    id: string;
    slug: string;
    action?: string;
    parameters: Record<string, unknown>;
    seed: number;
    experiment: boolean;
    stage?: string;
  };
  dataFolder: string;
  /** Exists; artifacts are written here. */
  artifactFolder: string;
  /** Bytes of all artifacts together; absent: no limit. */
  artifactBytes?: number;
  /** Resident bytes of this process and what it runs apart; absent: no limit. */
  memoryBytes?: number;
  /** Threads that the run's programs should use. */
  threads: number;
}

export type ChildMessage =
  /** The process listens; the start may come. */
  | { kind: 'ready' }
  | { kind: 'event'; event: RunEvent }
  | { kind: 'model'; model: Manifest['models'][number] }
  | { kind: 'input'; input: Manifest['inputs'][number] }
  | { kind: 'machine'; machine: string; versions: Record<string, string> }
  /** A stage of an experiment ended well: what it emitted counts from now on. */
  | { kind: 'stage'; name: string }
  | { kind: 'failed'; message: string }
  | { kind: 'done'; peakBytes: number };

/** What a run's process asks of one that it starts: a function of the room. */
export interface ApartRequest {
  start: StartMessage;
  machine: Machine;
  name: string;
  parameters: Record<string, unknown>;
}

export type ApartMessage =
  | Extract<ChildMessage, { kind: 'ready' | 'event' | 'model' | 'failed' }>
  | { kind: 'done'; result: unknown; baselineBytes: number; peakBytes: number };
