import type { DeviceTensor, Program, Runtime } from '@working-papers/runtime';
import type { DecoderConfig } from '../architectures/parts.ts';
import type { PromptPace } from '../model-facts.ts';
import { type Beside, BoundRun, chunkLength } from './decoder-program.ts';
import { DeviceCache } from './kv-cache.ts';
import { LikeliestRun } from './likeliest.ts';
import { checkIds } from './token-ids.ts';
import type { KVCache, NextToken, Stepper } from './types.ts';
import type { Watch } from './watch.ts';

export interface SteppedProgram {
  runtime: Runtime;
  /** Of `compileStep`. */
  program: Program;
  /** The same for several tokens a row, or for many rows, where it is another. */
  prompts?: { program: Program; pace?: PromptPace | undefined } | undefined;
  config: DecoderConfig;
  watch?: Watch | undefined;
  /** The program that finds the likeliest tokens. */
  likeliest(): Promise<Program>;
  /** What a run over a cache, or over some of its rows, reads beside it. */
  beside?(cache: DeviceCache): Beside;
}

/** A step program run over caches. */
export function stepping({ runtime, program, prompts, config, watch, likeliest, beside }: SteppedProgram): Omit<
  Stepper,
  'createCache'
> & {
  createCache(capacity: number, rows?: number): DeviceCache;
  /** A run of `sequence` tokens a row, with the logits at places row * sequence + token. */
  bound(cache: DeviceCache, sequence: number, at: number[]): BoundRun;
} {
  const steps = new WeakMap<KVCache, BoundRun>();

  const owned = (cache: KVCache): DeviceCache => {
    if (!(cache instanceof DeviceCache)) throw new Error('This cache was not made by a model; use createCache.');
    checkFits(cache, config);
    return cache;
  };
  const bound = (cache: DeviceCache, sequence: number, at: number[]) =>
    new BoundRun(
      runtime,
      prompts && (sequence > 1 || cache.rows >= (prompts.pace?.fromRows ?? 2)) ? prompts.program : program,
      cache,
      config.vocabulary,
      sequence,
      at,
      watch,
      beside?.(cache),
    );
  const answer = answering({ runtime, vocabulary: config.vocabulary, likeliest });

  const stepRun = (cache: DeviceCache): BoundRun => {
    let run = steps.get(cache);
    if (!run) {
      run = bound(
        cache,
        1,
        Array.from({ length: cache.rows }, (_, row) => row),
      );
      steps.set(cache, run);
      cache.owned.push(run);
    }
    return run;
  };

  const prefill: Stepper['prefill'] = async (given, ids, { signal, onProgress } = {}) => {
    const cache = owned(given);
    if (cache.rows !== 1)
      throw new Error(
        `A prompt is put into a cache of one row; this one has ${cache.rows}. Take one row of it: cache.view(row).`,
      );
    checkIds(ids, config.vocabulary, 1);
    if (cache.lengths[0]! + ids.length > cache.capacity) {
      throw new Error(
        `The cache holds ${cache.capacity} tokens, ${cache.lengths[0]} are taken and ${ids.length} were to be added. Make a larger one, up to the context of ${config.contextLength}.`,
      );
    }
    let run: BoundRun | undefined;
    // The run of single tokens stays with its cache.
    const leave = () => run && run.sequence > 1 && run.release();
    try {
      for (let done = 0; ; ) {
        const length = Math.min(ids.length - done, chunkLength(config, cache.lengths[0]!, prompts?.pace?.chunk));
        if (run?.sequence !== length) {
          leave();
          run = length === 1 ? stepRun(cache) : bound(cache, length, [length - 1]);
        }
        await run.run(ids.slice(done, done + length), signal);
        done += length;
        onProgress?.({ done, total: ids.length });
        if (done < ids.length) continue;
        const logits = run.logits.read() as Float32Array;
        return { ids: [Number((run.next.view() as BigInt64Array)[0])], logits: () => logits.slice() };
      }
    } finally {
      leave();
    }
  };

  const step: Stepper['step'] = async (given, ids, { signal } = {}) => {
    const cache = owned(given);
    if (ids.length !== cache.rows)
      throw new Error(`A step takes one token a row: ${cache.rows} rows, ${ids.length} tokens.`);
    checkIds(ids, config.vocabulary, 1);
    const run = stepRun(cache);
    await run.run(ids, signal);
    return answer(run, cache);
  };

  return {
    createCache: (capacity, rows = 1) => new DeviceCache(runtime, config, capacity, rows),
    prefill,
    step,
    bound,
  };
}

type CacheWidths = Pick<DecoderConfig, 'layers' | 'kvHeads' | 'headDim'>;

/** Throws a sentence where a cache was made for another model. */
export function checkFits(cache: CacheWidths, config: CacheWidths): void {
  if (cache.layers === config.layers && cache.kvHeads === config.kvHeads && cache.headDim === config.headDim) return;
  throw new Error(
    `The cache was made for ${cache.layers} layers of ${cache.kvHeads} heads of ${cache.headDim}; this model has ${config.layers} of ${config.kvHeads} of ${config.headDim}.`,
  );
}

/** What a run says of the next token of each row; `owned` takes what must be released with its cache. */
export function answering({
  runtime,
  vocabulary,
  likeliest,
}: {
  runtime: Runtime;
  vocabulary: number;
  likeliest(): Promise<Program>;
}): (run: { logits: DeviceTensor; next: DeviceTensor }, cache: { owned: { release(): void }[] }) => NextToken {
  const searches = new WeakMap<object, LikeliestRun[]>();
  return (run, { owned }) => ({
    ids: Array.from(run.next.read() as BigInt64Array, Number),
    logits: (row) =>
      (row === undefined ? run.logits.read() : run.logits.read(row * vocabulary, vocabulary)) as Float32Array,
    likeliest: async (temperature, row = 0) => {
      const program = await likeliest();
      const ofRows = searches.get(run) ?? [];
      searches.set(run, ofRows);
      if (!ofRows[row]) {
        ofRows[row] = new LikeliestRun(runtime, program, run.logits, row);
        owned.push(ofRows[row]);
      }
      return ofRows[row].run(temperature);
    },
  });
}
