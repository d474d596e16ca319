/** The RunContext of a run's process: the contract's every door, with the machine behind it. */
import { join } from 'node:path';
import { createRandom, loadParts } from '@working-papers/methods';
import type { Machine, RunContext, RunEvent } from '@working-papers/methods/contract';
import type { Model, OpenOptions } from '@working-papers/models';
import type { Runtime } from '@working-papers/runtime';
import { createRuntime } from '@working-papers/runtime/node';
import type { Manifest } from '../types.ts';
import { uploadsFolder } from '../uploads/store.ts';
import { createApart } from './apart.ts';
import { inputBytes } from './input-bytes.ts';
import { inputRows } from './input-rows.ts';
import { sourceOf } from './inputs.ts';
import type { StartMessage } from './messages.ts';
import { createSinks, type Written } from './sinks.ts';
import { createStore } from './store.ts';

type Progress = Parameters<NonNullable<OpenOptions['onProgress']>>[0];

/** What the context tells its process. */
export interface ContextListeners {
  event(event: RunEvent): void;
  model(model: Manifest['models'][number]): void;
  /** A function ran apart; its process held so many resident bytes at most. */
  apart(peakBytes: number): void;
}

export interface OwnedContext {
  context: RunContext;
  /** Closes models and runtime. */
  close(): void;
}

export function createContext(
  start: StartMessage,
  machine: Machine,
  signal: AbortSignal,
  listeners: ContextListeners,
): OwnedContext {
  const uploads = uploadsFolder(start.dataFolder);
  let runtime: Runtime | undefined;
  const models = new OpenModels(start, signal, () => context.runtime, listeners);
  const context: RunContext = {
    signal,
    seed: start.run.seed,
    random: createRandom(start.run.seed),
    now: () => new Date(),
    elapsed: () => performance.now(),
    machine,
    threads: start.threads,
    models,
    // Made when first asked for: a method that only reads and counts loads no engine.
    get runtime() {
      runtime ??= createRuntime({ threads: start.threads });
      return runtime;
    },
    emit: listeners.event,
    rows: (input) => inputRows(sourceOf(input, uploads)),
    bytes: (input) => inputBytes(sourceOf(input, uploads)),
    write: createSinks(start.artifactFolder, start.artifactBytes, (artifact: Written) =>
      listeners.event({ type: 'artifact', ...artifact }),
    ),
    store: createStore(start.dataFolder, start.run.slug),
    residentBytes: () => process.memoryUsage.rss(),
    apart: createApart(start, machine, signal, listeners),
  };
  return {
    context,
    close: () => {
      models.close();
      runtime?.close();
    },
  };
}

/** Models of a run: each opened once, kept to the end, and named in the manifest. */
class OpenModels {
  private readonly start: StartMessage;
  private readonly signal: AbortSignal;
  private readonly runtime: () => Runtime;
  private readonly listeners: ContextListeners;
  private readonly opened = new Map<string, Promise<Model>>();

  constructor(start: StartMessage, signal: AbortSignal, runtime: () => Runtime, listeners: ContextListeners) {
    this.start = start;
    this.signal = signal;
    this.runtime = runtime;
    this.listeners = listeners;
  }

  open(reference: string, options: OpenOptions = {}): Promise<Model> {
    const key = JSON.stringify([reference, options.weights, options.threads, options.parts]);
    const known = this.opened.get(key);
    if (known) return known;
    const opening = this.load(reference, options);
    this.opened.set(key, opening);
    opening.catch(() => this.opened.delete(key));
    return opening;
  }

  close(): void {
    for (const opening of this.opened.values()) {
      opening.then((model) => model.close()).catch(() => {});
    }
  }

  private async load(reference: string, options: OpenOptions): Promise<Model> {
    // Loaded with the first model: a method that opens none starts sooner.
    const { openModel } = await import('@working-papers/models/node');
    const model = await openModel(reference, {
      signal: this.signal,
      onProgress: (progress) => this.report(reference, progress),
      ...options,
      runtime: this.runtime(),
      cacheFolder: join(this.start.dataFolder, 'models'),
      uploadFolder: uploadsFolder(this.start.dataFolder),
      ...(options.parts ? { partsByName: await loadParts() } : {}),
    });
    this.listeners.model({
      reference: model.reference,
      ...(model.revision === undefined ? {} : { revision: model.revision }),
      sha256: model.sha256,
      weights: model.weights,
    });
    return model;
  }

  private lastReport = 0;

  /** A few times a second are enough to see that something moves. */
  private report(reference: string, progress: Progress): void {
    const now = performance.now();
    if (now - this.lastReport < 200 && progress.done !== progress.total) return;
    this.lastReport = now;
    this.listeners.event({
      type: 'progress',
      stage: `Opening ${reference}`,
      done: progress.done,
      ...(progress.total === undefined ? {} : { total: progress.total }),
      message: progress.message,
    });
  }
}
