import type { Program, ProgramOptions } from '@working-papers/runtime';
import { llamaConfig } from '../architectures/llama-config.ts';
import type { LlamaParts } from '../architectures/parts.ts';
import type { ModelFacts } from '../model-facts.ts';
import type { DecoderModel, KVCache, NextToken } from '../types.ts';
import { BoundRun, chunkLength, compileDecoder, compileScorer } from './decoder-program.ts';
import { compileDense, runDense, runSegments } from './dense.ts';
import { generate } from './generate.ts';
import { DeviceCache } from './kv-cache.ts';
import { compileLikeliest, LikeliestRun } from './likeliest.ts';
import { scoring } from './scoring.ts';
import { segmentCountFor, segmentCounts } from './segments.ts';
import { checkIds } from './token-ids.ts';

/** Puts a decoder together: compiles its step and prefill; everything else is compiled when first asked for. */
export async function createDecoder(
  facts: ModelFacts,
  options: { parts?: Partial<LlamaParts>; threads?: number; signal?: AbortSignal } = {},
): Promise<DecoderModel> {
  const { runtime, graphWeights } = facts;
  const config = llamaConfig(facts.config);
  const { parts } = options;
  const programOptions = (label: string): ProgramOptions => ({
    threads: options.threads,
    signal: options.signal,
    label: `${facts.reference} ${label}`,
  });
  const program = await compileDecoder(runtime, facts.config, config, graphWeights, parts, programOptions('decoder'));
  const later = lazily();
  const scorer = later(
    (label) => compileScorer(runtime, config.vocabulary, { ...programOptions(label), signal: undefined }),
    'scorer',
  );
  const likeliestProgram = later(
    (label) => compileLikeliest(runtime, config.vocabulary, { ...programOptions(label), signal: undefined }),
    'likeliest tokens',
  );
  const densePass = (label: string, segments?: number) =>
    compileDense(
      runtime,
      facts.config,
      config,
      graphWeights,
      parts,
      { ...programOptions(label), signal: undefined },
      segments,
    );
  const dense = later((label) => densePass(label), 'dense pass');
  const segmented = new Map(
    segmentCounts.map((count) => [
      count as number,
      later((label) => densePass(label, count), `pass of ${count} segments`),
    ]),
  );
  const steps = new WeakMap<KVCache, BoundRun>();

  const owned = (cache: KVCache): DeviceCache => {
    if (!(cache instanceof DeviceCache)) throw new Error('This cache was not made by a model; use createCache.');
    if (cache.layers !== config.layers || cache.kvHeads !== config.kvHeads || cache.headDim !== config.headDim) {
      throw new Error(
        `The cache was made for ${cache.layers} layers of ${cache.kvHeads} heads of ${cache.headDim}; this model has ${config.layers} of ${config.kvHeads} of ${config.headDim}.`,
      );
    }
    return cache;
  };
  const bound = (cache: DeviceCache, sequence: number, at: number[]) =>
    new BoundRun(runtime, program, cache, config.vocabulary, sequence, at);
  const likeliest = new WeakMap<BoundRun, LikeliestRun>();
  const answer = (run: BoundRun, cache: DeviceCache): NextToken => ({
    ids: Array.from(run.next.read() as BigInt64Array, Number),
    logits: () => run.logits.read() as Float32Array,
    likeliest: async (temperature) => {
      const program = await likeliestProgram();
      let search = likeliest.get(run);
      if (!search) {
        search = new LikeliestRun(runtime, program, run.logits);
        likeliest.set(run, search);
        cache.owned.push(search);
      }
      return search.run(temperature);
    },
  });

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

  const prefill: DecoderModel['prefill'] = async (given, ids, { signal, onProgress } = {}) => {
    const cache = owned(given);
    if (cache.rows !== 1)
      throw new Error(
        `A prompt is put into a cache of one row; this one has ${cache.rows}. Prefill each alone and load it.`,
      );
    checkIds(ids, config.vocabulary, 1);
    if (cache.lengths[0]! + ids.length > cache.capacity) {
      throw new Error(
        `The cache holds ${cache.capacity} tokens, ${cache.lengths[0]} are taken and ${ids.length} were to be added. Make a larger one, up to the context of ${config.contextLength}.`,
      );
    }
    let whole: BoundRun | undefined;
    let done = 0;
    try {
      while (ids.length - done > chunkLength) {
        whole ??= bound(cache, chunkLength, [chunkLength - 1]);
        await whole.run(ids.slice(done, done + chunkLength), signal);
        done += chunkLength;
        onProgress?.({ done, total: ids.length });
      }
      const rest = ids.slice(done);
      const run = rest.length === 1 ? stepRun(cache) : bound(cache, rest.length, [rest.length - 1]);
      try {
        await run.run(rest, signal);
        onProgress?.({ done: ids.length, total: ids.length });
        const logits = run.logits.read() as Float32Array;
        return { ids: [Number((run.next.view() as BigInt64Array)[0])], logits: () => logits.slice() };
      } finally {
        if (rest.length > 1) run.release();
      }
    } finally {
      whole?.release();
    }
  };

  const step: DecoderModel['step'] = async (given, ids, { signal } = {}) => {
    const cache = owned(given);
    if (ids.length !== cache.rows)
      throw new Error(`A step takes one token a row: ${cache.rows} rows, ${ids.length} tokens.`);
    checkIds(ids, config.vocabulary, 1);
    const run = stepRun(cache);
    await run.run(ids, signal);
    return answer(run, cache);
  };

  const createCache: DecoderModel['createCache'] = (capacity, rows = 1) =>
    new DeviceCache(runtime, config, capacity, rows);
  const scores = scoring({
    config,
    bound,
    createCache: (capacity) => new DeviceCache(runtime, config, capacity, 1),
    scorer,
  });

  const model: DecoderModel = {
    ...facts,
    kind: 'decoder',
    contextLength: config.contextLength,
    generate: (request) => generate({ ...model, vocabulary: config.vocabulary }, request),
    ...scores,
    createCache,
    prefill,
    step,
    dense: async (given) => {
      if (!given.segments) return runDense(runtime, await dense(), config, given);
      const count = segmentCountFor(given.segments.length);
      return runSegments(runtime, await segmented.get(count)!(), config, given, count);
    },
    prepareDense: async (segments) =>
      void (await (segments === undefined ? dense() : segmented.get(segmentCountFor(segments))!())),
    close: () => {
      program.release();
      later.release();
      facts.close();
    },
  };
  return model;
}

/** Programs that are compiled when first used, and released together. */
function lazily() {
  const made: Promise<Program>[] = [];
  const later = (compile: (label: string) => Promise<Program>, label: string): (() => Promise<Program>) => {
    let program: Promise<Program> | undefined;
    return () => {
      if (!program) {
        program = compile(label);
        program.catch(() => {
          program = undefined;
        });
        made.push(program);
      }
      return program;
    };
  };
  later.release = () => {
    for (const program of made) program.then((compiled) => compiled.release()).catch(() => {});
  };
  return later;
}
