import { perplexity as perplexityOf } from '@working-papers/measures';
import type { Program } from '@working-papers/runtime';
import type { DecoderConfig } from '../architectures/parts.ts';
import type { DecoderModel } from '../types.ts';
import { scoreIn } from './choice.ts';
import type { BoundRun } from './decoder-program.ts';
import type { DeviceCache } from './kv-cache.ts';
import { checkIds } from './token-ids.ts';
import type { ContinuationScore } from './types.ts';

/** Tokens scored at once; their logits are held together in the device's memory. */
const scoredLength = 128;

export interface ScoringParts {
  config: DecoderConfig;
  createCache(capacity: number): DeviceCache;
  bound(cache: DeviceCache, sequence: number, at: number[]): BoundRun;
  scorer(): Promise<Program>;
}

/** Logits, nll, perplexity and scores of given tokens: the decoder run over a cache, every token's logits kept. */
export function scoring(
  parts: ScoringParts,
): Pick<DecoderModel, 'logits' | 'nll' | 'perplexity' | 'score' | 'logProbabilities'> {
  const { config } = parts;

  /** Runs the sequence in chunks after the cache's first `from` tokens and shows each chunk's logits where they lie. */
  async function chunks(
    cache: DeviceCache,
    ids: readonly number[],
    see: (run: BoundRun, start: number) => Promise<void> | void,
    signal?: AbortSignal,
    from = 0,
  ): Promise<void> {
    cache.truncate(0, from);
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

  const scoreContinuations: DecoderModel['score'] = async (prompt, continuations, { top = 0, signal } = {}) => {
    if (!Number.isInteger(top) || top < 0) throw new Error(`top must be a whole number of at least 0; got ${top}.`);
    checkIds(prompt, config.vocabulary, 1);
    const longest = Math.max(0, ...continuations.map(({ length }) => length));
    for (const ids of continuations) checkIds(ids, config.vocabulary, 1);
    if (prompt.length + longest > config.contextLength) {
      throw new Error(
        `The prompt has ${prompt.length} tokens and the longest continuation ${longest}; the model's context holds ${config.contextLength}.`,
      );
    }
    const cache = parts.createCache(prompt.length + longest);
    try {
      let first = new Float32Array(0);
      const { vocabulary } = config;
      const seeLast = (run: BoundRun) => {
        first = run.logits.read((run.sequence - 1) * vocabulary, vocabulary) as Float32Array<ArrayBuffer>;
      };
      await chunks(cache, prompt, seeLast, signal);
      const scores: ContinuationScore[] = [];
      for (const ids of continuations) {
        const tokens = [{ id: ids[0]!, ...scoreIn(first, ids[0]!, top) }];
        const see = (run: BoundRun, start: number) => {
          for (let i = 0; i < run.sequence; i++) {
            const id = ids[start + i + 1]!;
            tokens.push({ id, ...scoreIn(run.logits.read(i * vocabulary, vocabulary) as Float32Array, id, top) });
          }
        };
        // The last token predicts nothing that is asked for.
        await chunks(cache, ids.slice(0, -1), see, signal, prompt.length);
        scores.push({ logProbability: tokens.reduce((sum, token) => sum + token.logProbability, 0), tokens });
      }
      return scores;
    } finally {
      cache.release();
    }
  };

  const logProbabilities: DecoderModel['logProbabilities'] = async (ids, options) => {
    check(ids, 2);
    const [scored] = await scoreContinuations(ids.slice(0, 1), [ids.slice(1)], options);
    return scored!.tokens;
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

  return { logits, nll, perplexity, score: scoreContinuations, logProbabilities };
}
