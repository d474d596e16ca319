import type { DecoderModel } from '../types.ts';
import { Continuation, type ContinuedModel } from './continuation.ts';
import type { SlotCache } from './slot-types.ts';
import type { GeneratedToken, GenerateOptions, GenerationResult, KVCache, Stepper } from './types.ts';

/** A decoder steps over caches of slots too. */
type Generator = ContinuedModel & Stepper & Partial<Pick<DecoderModel, 'createSlotCache'>>;

/** Continues a prompt token by token; returns the whole when it ends. An abort ends it with `finish: 'cancelled'`. */
export async function* generate(
  model: Generator,
  options: GenerateOptions,
): AsyncGenerator<GeneratedToken, GenerationResult> {
  const { continuation, cache } = begin(model, options);
  const { prompt } = continuation;
  const { signal } = options;
  // Only a model that makes caches of slots is given one.
  const { prefill, step } = model as Pick<DecoderModel, 'prefill' | 'step'>;
  // Prefixes are kept of caches that hold tokens in order.
  const kept = 'slots' in cache ? undefined : { prefixes: options.prefixes, cache };
  try {
    continuation.reusedTokens = kept?.prefixes?.restore(prompt, kept.cache) ?? 0;
    let next = await prefill(cache, prompt.slice(continuation.reusedTokens), { signal });
    kept?.prefixes?.keep(prompt, kept.cache);
    while (true) {
      const token = await continuation.take(next);
      yield token;
      if (continuation.finish) break;
      next = await step(cache, [token.id], { signal });
    }
    kept?.prefixes?.keep([...prompt, ...continuation.tokens].slice(0, cache.lengths[0]), kept.cache);
  } catch (error) {
    if (!signal?.aborted) throw error;
  } finally {
    cache.release();
  }
  return continuation.result();
}

/** What is to be said, within the context or, over a ring, beyond it; and the cache for it. */
function begin(model: Generator, options: GenerateOptions): { continuation: Continuation; cache: KVCache | SlotCache } {
  const { cache: asked, prefixes } = options;
  if (asked && prefixes) {
    throw new Error(
      'What a cache of slots holds is not the beginning of a text: give `cache` or `prefixes`, not both.',
    );
  }
  if (!asked) {
    const continuation = new Continuation(model, options);
    return { continuation, cache: model.createCache(continuation.prompt.length + continuation.limit) };
  }
  if (!model.createSlotCache) throw new Error('Caches of slots are for decoders; this model reads a source beside.');
  if (!asked.ring) {
    const continuation = new Continuation(model, options);
    const capacity = continuation.prompt.length + continuation.limit;
    return { continuation, cache: model.createSlotCache({ capacity, ...asked }) };
  }
  const cache = model.createSlotCache(asked);
  try {
    const contextLength = cache.endless ? Number.POSITIVE_INFINITY : model.contextLength;
    return { continuation: new Continuation({ ...model, contextLength }, options), cache };
  } catch (error) {
    cache.release();
    throw error;
  }
}
