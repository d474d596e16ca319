import type { ProgramOptions } from '@working-papers/runtime';
import { looking } from '../activations/looking.ts';
import type { Instruments } from '../activations/types.ts';
import { decoderOf } from '../architectures/index.ts';
import type { DecoderParts } from '../architectures/parts.ts';
import type { ModelConfig } from '../formats/types.ts';
import type { ModelFacts } from '../model-facts.ts';
import type { DecoderModel, WeightSource } from '../types.ts';
import { beamSearch } from './beam-search.ts';
import { compileScorer, compileStep } from './decoder-program.ts';
import { blocksFrom, compileDense, runDense, runSegments } from './dense.ts';
import { generate } from './generate.ts';
import { lazily } from './lazily.ts';
import { compileLikeliest } from './likeliest.ts';
import { LruPrefixCache } from './prefix-cache.ts';
import { BatchScheduler, generateBatch } from './scheduler.ts';
import { scoring } from './scoring.ts';
import { segmentCountFor, segmentCounts } from './segments.ts';
import { DeviceSlotCache } from './slot-cache.ts';
import { SlotDecoder } from './slot-decoder.ts';
import { answering, checkFits, stepping } from './stepping.ts';
import type { KVCache } from './types.ts';
import { watchOf } from './watch.ts';

/** Puts a decoder together: compiles its step and prefill; everything else is compiled when first asked for. */
export async function createDecoder(
  facts: ModelFacts,
  options: { parts?: Partial<DecoderParts>; threads?: number; signal?: AbortSignal; instruments?: Instruments } = {},
): Promise<DecoderModel> {
  const { runtime, graphWeights } = facts;
  const config = decoderOf(facts.config).decoderConfig(facts.config);
  const { parts } = options;
  const programOptions = (label: string): ProgramOptions => ({
    threads: options.threads,
    signal: options.signal,
    label: `${facts.reference} ${label}`,
  });
  const watch = options.instruments && watchOf(options.instruments);
  const compiled = ({ weights, config: modelConfig }: { weights: WeightSource; config: ModelConfig }, label: string) =>
    compileStep(
      runtime,
      config,
      (given) => decoderOf(modelConfig).build(modelConfig, weights, { ...given, parts }),
      programOptions(label),
      watch,
    );
  const program = await compiled(
    { weights: graphWeights, config: facts.config },
    watch ? 'instrumented decoder' : 'decoder',
  );
  const look = looking(facts, options);
  const later = lazily();
  const scorer = later(
    (label) => compileScorer(runtime, config.vocabulary, { ...programOptions(label), signal: undefined }),
    'scorer',
  );
  const likeliest = later(
    (label) => compileLikeliest(runtime, config.vocabulary, { ...programOptions(label), signal: undefined }),
    'likeliest tokens',
  );
  const densePass = (label: string, form: 'masked' | 'blocks' | number) =>
    compileDense(
      runtime,
      facts.config,
      config,
      graphWeights,
      parts,
      { ...programOptions(label), signal: undefined },
      form,
    );
  const dense = later((label) => densePass(label, 'masked'), 'dense pass');
  const inBlocks = later((label) => densePass(label, 'blocks'), 'dense pass by blocks of queries');
  const segmented = new Map(
    segmentCounts.map((count) => [
      count as number,
      later((label) => densePass(label, count), `pass of ${count} segments`),
    ]),
  );
  const stepped = { runtime, program, config, watch, likeliest };
  // A rotated stream is not what somebody who looks in expects.
  const promptGraph = watch ? undefined : await facts.prompt?.(stepping(stepped));
  const prompts = promptGraph && { program: await compiled(promptGraph, 'prompts'), pace: promptGraph.pace };
  const ordered = stepping({ ...stepped, prompts });
  const { bound, createCache } = ordered;
  const overSlots = new SlotDecoder(facts, config, {
    parts,
    instruments: options.instruments,
    options: { ...programOptions('decoder over slots'), signal: undefined },
  });
  const answer = answering({ runtime, vocabulary: config.vocabulary, likeliest });

  const prefill: DecoderModel['prefill'] = async (cache, prompt, { positions, ...options } = {}) => {
    if (cache instanceof DeviceSlotCache) {
      checkFits(cache, config);
      return overSlots.prompt(cache, rowsOf(prompt), { positions: positions && rowsOf(positions), ...options });
    }
    if (positions) throw new Error(noPositions);
    if (typeof prompt[0] === 'object') {
      throw new Error(
        'Several prompts at once go into a cache of slots (createSlotCache), or each into its own row: cache.view(row).',
      );
    }
    return ordered.prefill(cache as KVCache, prompt as readonly number[], options);
  };

  const step: DecoderModel['step'] = async (cache, ids, { positions, signal } = {}) => {
    if (cache instanceof DeviceSlotCache) {
      checkFits(cache, config);
      const columns = positions?.map((position) => [position]);
      return answer(await overSlots.step(cache, ids, { positions: columns, signal }), cache);
    }
    if (positions) throw new Error(noPositions);
    return ordered.step(cache as KVCache, ids, { signal });
  };

  const scores = scoring({
    config,
    bound,
    createCache,
    scorer,
  });

  const model: DecoderModel = {
    ...facts,
    kind: 'decoder',
    taps: look.taps,
    activations: look.activations,
    instrument: (instruments) => createDecoder({ ...facts, close: () => {} }, { ...options, instruments }),
    contextLength: config.contextLength,
    generate: (request) => generate({ ...model, vocabulary: config.vocabulary }, request),
    generateBatch: (requests, given) => generateBatch({ ...model, vocabulary: config.vocabulary }, requests, given),
    createScheduler: (given) => new BatchScheduler({ ...model, vocabulary: config.vocabulary }, given),
    createPrefixCache: (bytes) => new LruPrefixCache((capacity) => createCache(capacity), bytes),
    beamSearch: (request) => beamSearch({ ...model, vocabulary: config.vocabulary }, request),
    ...scores,
    createCache,
    createSlotCache: (given) => overSlots.create(given),
    prefill,
    step,
    dense: async (given) => {
      if (!given.segments) {
        const long = !given.mask && !parts?.attention && (given.ids[0]?.length ?? 0) >= blocksFrom;
        return runDense(runtime, await (long ? inBlocks() : dense()), config, given);
      }
      const count = segmentCountFor(given.segments.length);
      return runSegments(runtime, await segmented.get(count)!(), config, given, count);
    },
    prepareDense: async (segments) =>
      void (await (segments === undefined ? dense() : segmented.get(segmentCountFor(segments))!())),
    close: () => {
      program.release();
      prompts?.program.release();
      overSlots.release();
      later.release();
      look.release();
      facts.close();
    },
  };
  return model;
}

const noPositions =
  'Positions of its own are for a cache of slots (createSlotCache); in one of createCache a token stands at its place.';

/** One row or several as several. */
const rowsOf = (ids: readonly number[] | readonly (readonly number[])[]): readonly (readonly number[])[] =>
  typeof ids[0] === 'object' ? (ids as readonly (readonly number[])[]) : [ids as readonly number[]];
