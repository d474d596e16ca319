/** A run's context in memory: what tests hand to a method, and what a program that calls a method without a queue may use. */
import type { Model, OpenOptions } from '@working-papers/models';
import type { Runtime } from '@working-papers/runtime';
import type { Machine, Row, RunContext, RunEvent } from './contract.ts';
import { createRandom } from './random.ts';

export interface MemoryContextOptions {
  open(reference: string, options?: OpenOptions): Promise<Model>;
  runtime?: Runtime;
  seed?: number;
  signal?: AbortSignal;
  machine?: Partial<Machine>;
  /** Stands in for processes of their own. */
  apart?: RunContext['apart'];
  /** Files by name; any other input is the text itself, a row a line. */
  inputs?: Record<string, readonly Row[] | string>;
}

export interface MemoryContext extends RunContext {
  readonly events: RunEvent[];
  /** Text of what was written, by name. */
  readonly written: Map<string, string>;
}

export function memoryContext(options: MemoryContextOptions): MemoryContext {
  const seed = options.seed ?? 0;
  const events: RunEvent[] = [];
  const written = new Map<string, string>();
  const stored = new Map<string, Uint8Array>();
  const textOf = (input: string): string => {
    const named = options.inputs?.[input] ?? input;
    return typeof named === 'string' ? named : named.map((row) => JSON.stringify(row)).join('\n');
  };
  return {
    events,
    written,
    seed,
    signal: options.signal ?? new AbortController().signal,
    random: createRandom(seed),
    now: () => new Date(0),
    elapsed: () => performance.now(),
    machine: { cores: 2, memoryBytes: 8e9, processor: 'unknown', int8Products: 'saturating', ...options.machine },
    threads: options.machine?.cores ?? 2,
    models: { open: options.open },
    get runtime(): Runtime {
      if (!options.runtime) throw new Error('This context was made without a runtime.');
      return options.runtime;
    },
    emit: (event) => {
      events.push(event);
    },
    async *rows(input) {
      const named = options.inputs?.[input];
      if (named && typeof named !== 'string') yield* named;
      else for (const line of textOf(input).split('\n')) if (line.trim() !== '') yield { text: line };
    },
    async *bytes(input) {
      yield new TextEncoder().encode(textOf(input));
    },
    write: (name) => {
      written.set(name, '');
      return {
        write: async (chunk) => {
          written.set(name, written.get(name)! + (typeof chunk === 'string' ? chunk : new TextDecoder().decode(chunk)));
        },
        close: async () => {},
      };
    },
    store: {
      get: async (key) => stored.get(key),
      put: async (key, bytes) => {
        stored.set(key, bytes);
      },
    },
    apart:
      options.apart ??
      (async (name) => {
        throw new Error(`'${name}' was to run apart, but this context was made without processes.`);
      }),
  };
}
