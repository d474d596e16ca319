import { perplexity as perplexityOf } from '@working-papers/measures';
import type { Program } from '@working-papers/runtime';
import type { LlamaConfig } from '../architectures/llama-config.ts';
import type { DecoderModel } from '../types.ts';
import type { BoundRun } from './decoder-program.ts';
import type { DeviceCache } from './kv-cache.ts';
import { checkIds } from './token-ids.ts';

/** Tokens scored at once; their logits are held together in the device's memory. */
const scoredLength = 128;

export interface ScoringParts {
  config: LlamaConfig;
  createCache(capacity: number): DeviceCache;
  bound(cache: DeviceCache, sequence: number, at: number[]): BoundRun;
  scorer(): Promise<Program>;
}

/** Logits, nll and perplexity of given tokens: the decoder run over a cache, every token's logits kept. */
export function scoring(parts: ScoringParts): Pick<DecoderModel, 'logits' | 'nll' | 'perplexity'> {
  const { config } = parts;

  /** Runs the sequence in chunks from an empty cache and shows each chunk's logits where they lie. */
  async function chunks(
    cache: DeviceCache,
    ids: readonly number[],
    see: (run: BoundRun, start: number) => Promise<void> | void,
    signal?: AbortSignal,
  ): Promise<void> {
    cache.truncate(0, 0);
    const runs = new Map<number, BoundRun>();
    try {
      for (let start = 0; start < ids.length; start += scoredLength) {
        const part = ids.slice(start, start + scoredLength);
        let run = runs.get(part.length);
        if (!run) {
          run = parts.bound(
            cache,
            part.length,
            part.map((_, place) => place),
          );
          runs.set(part.length, run);
        }
        await run.run(part, signal);
        await see(run, start);
      }
    } finally {
      for (const run of runs.values()) run.release();
    }
  }

  function check(ids: readonly number[], least: number): void {
    checkIds(ids, config.vocabulary, least);
    if (ids.length > config.contextLength) {
      throw new Error(`The text has ${ids.length} tokens; the model's context holds ${config.contextLength}.`);
    }
  }

  const logits: DecoderModel['logits'] = async (ids, { signal } = {}) => {
    check(ids, 1);
    const all = new Float32Array(ids.length * config.vocabulary);
    const cache = parts.createCache(ids.length);
    try {
      await chunks(
        cache,
        ids,
        (run, start) => all.set(run.logits.read() as Float32Array, start * config.vocabulary),
        signal,
      );
    } finally {
      cache.release();
    }
    return { logits: all, shape: [ids.length, config.vocabulary] };
  };

  async function score(cache: DeviceCache, ids: readonly number[], signal?: AbortSignal): Promise<Float64Array> {
    const program = await parts.scorer();
    const nll = new Float64Array(ids.length - 1);
    await chunks(
      cache,
      ids,
      async (run, start) => {
        // The last token of all predicts nothing that is known; any id stands in for it.
        const targets = BigInt64Array.from({ length: run.sequence }, (_, i) => BigInt(ids[start + i + 1] ?? 0));
        const scored = await program.run(
          { logits: run.logits, targets: { dtype: 'int64', shape: [run.sequence], data: targets } },
          { signal },
        );
        const values = scored.nll!.data as Float32Array;
        for (let i = 0; i < values.length && start + i < nll.length; i++) nll[start + i] = values[i]!;
      },
      signal,
    );
    return nll;
  }

  const nll: DecoderModel['nll'] = async (ids, { signal } = {}) => {
    check(ids, 2);
    const cache = parts.createCache(ids.length);
    try {
      return await score(cache, ids, signal);
    } finally {
      cache.release();
    }
  };

  const perplexity: DecoderModel['perplexity'] = async (
    ids,
    { window = Math.min(512, config.contextLength), signal, onProgress } = {},
  ) => {
    checkIds(ids, config.vocabulary, 2);
    if (!Number.isInteger(window) || window < 2 || window > config.contextLength) {
      throw new Error(`A window must hold 2 to ${config.contextLength} tokens (the model's context); got ${window}.`);
    }
    const cache = parts.createCache(window);
    const scores: number[] = [];
    try {
      for (let start = 0; start + 1 < ids.length; start += window) {
        scores.push(...(await score(cache, ids.slice(start, start + window), signal)));
        onProgress?.({ done: Math.min(start + window, ids.length), total: ids.length });
      }
    } finally {
      cache.release();
    }
    return { perplexity: perplexityOf(scores), tokens: scores.length, window };
  };

  return { logits, nll, perplexity };
}
