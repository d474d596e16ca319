import type { ProgramOptions } from '@working-papers/runtime';
import { looking } from '../../activations/looking.ts';
import type { Instruments } from '../../activations/types.ts';
import { seq2seqOf } from '../../architectures/index.ts';
import type { Seq2SeqParts } from '../../architectures/seq2seq.ts';
import type { ModelFacts } from '../../model-facts.ts';
import type { Seq2SeqModel } from '../../types.ts';
import { beamSearch } from '../beam-search.ts';
import { compileScorer, compileStep } from '../decoder-program.ts';
import { generate } from '../generate.ts';
import { DeviceCache } from '../kv-cache.ts';
import { lazily } from '../lazily.ts';
import { compileLikeliest } from '../likeliest.ts';
import { scoring } from '../scoring.ts';
import { stepping } from '../stepping.ts';
import type { Stepper } from '../types.ts';
import { type Watch, watchOf } from '../watch.ts';
import { generateBatch } from './batch.ts';
import { defaultsOf } from './defaults.ts';
import { checkSource, decoderRequest, sourceTokens } from './requests.ts';
import { compileSources, crossInputs, DeviceSources } from './sources.ts';
import type { EncodedSources } from './types.ts';

/** Puts an encoder with a decoder together: compiles the encoder's pass and the decoder's step. */
export async function createSeq2Seq(
  facts: ModelFacts,
  options: { parts?: Partial<Seq2SeqParts>; threads?: number; signal?: AbortSignal; instruments?: Instruments } = {},
): Promise<Seq2SeqModel> {
  const { runtime, graphWeights: weights, tokenizer } = facts;
  const architecture = seq2seqOf(facts.config);
  const config = architecture.seq2seqConfig(facts.config);
  const defaults = defaultsOf(facts.config, config);
  const { parts, signal } = options;
  const { vocabulary, contextLength } = config.decoder;
  const limits = { tokenizer, vocabulary, sourceLength: config.encoder.contextLength };
  const programOptions = (label: string): ProgramOptions => ({
    threads: options.threads,
    label: `${facts.reference} ${label}`,
  });
  const watches = watchesOf(options.instruments);
  const encoder = await compileSources(
    runtime,
    { architecture, config: facts.config, weights },
    parts,
    { ...programOptions('encoder'), signal },
    watches.encoder,
  );
  // Somebody who looks sees each row with a source of its own; otherwise beams share theirs.
  const apart = watches.decoder !== undefined;
  const cross = crossInputs(config.decoder, apart ? 'rows' : 'sources');
  const program = await compileStep(
    runtime,
    config.decoder,
    (given) => architecture.decode(facts.config, weights, { ...given, parts, cross }),
    { ...programOptions('decoder'), signal },
    watches.decoder,
    apart ? ['rows'] : ['sources', 'beams'],
  ).catch((error: unknown) => {
    encoder.release();
    throw error;
  });
  const look = looking(facts, options);
  const later = lazily();
  const scorer = later((label) => compileScorer(runtime, vocabulary, programOptions(label)), 'scorer');
  const likeliest = later((label) => compileLikeliest(runtime, vocabulary, programOptions(label)), 'likeliest tokens');

  const encode = async (given: readonly (readonly number[])[], signal?: AbortSignal): Promise<DeviceSources> => {
    if (given.length === 0) throw new Error('At least one source is needed; got none.');
    for (const ids of given) checkSource(ids, limits);
    const sources = new DeviceSources(
      runtime,
      config,
      given.map(({ length }) => length),
    );
    try {
      await sources.fill(encoder, given, tokenizer.padId ?? 0, watches.encoder, signal);
      return sources;
    } catch (error) {
      sources.release();
      throw error;
    }
  };
  const over = (sources: EncodedSources) => {
    if (!(sources instanceof DeviceSources)) throw new Error('These sources were not read by a model; use encode.');
    return stepping({
      runtime,
      program,
      config: config.decoder,
      watch: watches.decoder,
      likeliest,
      beside: (cache) => sources.beside(cache, apart),
    });
  };
  const continued = { tokenizer, contextLength, vocabulary };

  /** The decoder over one source, which is read when a prompt is first prefilled: its time and its abort are the prefill's. */
  const reading = (source: readonly number[]): Stepper & { release(): void } => {
    let read: { sources: DeviceSources; stepper: ReturnType<typeof over> } | undefined;
    return {
      createCache: (capacity, rows = 1) => new DeviceCache(runtime, config.decoder, capacity, rows),
      async prefill(cache, ids, given = {}) {
        if (!read) {
          const sources = await encode([source], given.signal);
          read = { sources, stepper: over(sources) };
        }
        return read.stepper.prefill(cache, ids, given);
      },
      // Whoever steps has prefilled.
      step: (cache, ids, given) => read!.stepper.step(cache, ids, given),
      release: () => read?.sources.release(),
    };
  };
  /** The decoder's scores after a source. */
  const scored = async <T>(
    source: readonly number[],
    signal: AbortSignal | undefined,
    work: (scores: ReturnType<typeof scoring>) => Promise<T>,
  ): Promise<T> => {
    const sources = await encode([source], signal);
    try {
      const { bound, createCache } = over(sources);
      return await work(scoring({ config: config.decoder, bound, createCache, scorer }));
    } finally {
      sources.release();
    }
  };

  return {
    ...facts,
    kind: 'seq2seq',
    contextLength,
    taps: look.taps,
    activations: look.activations,
    generationDefaults: defaults,
    instrument: (instruments) => createSeq2Seq({ ...facts, close: () => {} }, { ...options, instruments }),
    encode: (sources, { signal } = {}) => encode(sources, signal),
    decoder(sources) {
      const { createCache, prefill, step } = over(sources);
      return { createCache, prefill, step };
    },
    async *generate(given) {
      const source = sourceTokens(limits, given);
      const reader = reading(source);
      try {
        const result = yield* generate({ ...continued, ...reader }, decoderRequest(given, defaults));
        return { ...result, sourceTokens: source };
      } finally {
        reader.release();
      }
    },
    generateBatch: (requests, given) =>
      generateBatch({ continued, limits, defaults, encode, over: (sources) => over(sources) }, requests, given),
    async beamSearch(given) {
      const source = sourceTokens(limits, given);
      const reader = reading(source);
      try {
        const result = await beamSearch({ ...continued, ...reader }, decoderRequest(given, defaults));
        return { ...result, sourceTokens: source };
      } finally {
        reader.release();
      }
    },
    logits: (source, target, { signal } = {}) =>
      scored(source, signal, ({ logits }) => logits([defaults.startId, ...target], { signal })),
    score: (source, targets, given = {}) =>
      scored(source, given.signal, ({ score }) => score([defaults.startId], targets, given)),
    close: () => {
      encoder.release();
      program.release();
      later.release();
      look.release();
      facts.close();
    },
  };
}

/** Instruments of each half: those of activations whose names begin with `encoder.`, and the others. */
function watchesOf(instruments: Instruments = {}): { encoder?: Watch | undefined; decoder?: Watch | undefined } {
  const { names = [], edits = [], onActivations } = instruments;
  const of = (isOfHalf: (name: string) => boolean): Watch | undefined => {
    const own = { names: names.filter(isOfHalf), edits: edits.filter(({ name }) => isOfHalf(name)) };
    if (own.names.length + own.edits.length === 0) return undefined;
    return watchOf({ ...own, ...(onActivations ? { onActivations } : {}) });
  };
  const isOfEncoder = (name: string) => name.startsWith('encoder.');
  return { encoder: of(isOfEncoder), decoder: of((name) => !isOfEncoder(name)) };
}
