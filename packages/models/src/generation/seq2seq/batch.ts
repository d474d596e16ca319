import { Continuation, type ContinuedModel } from '../continuation.ts';
import type { KVCache, Stepper } from '../types.ts';
import { decoderRequest, type SourceLimits, sourceTokens } from './requests.ts';
import type { EncodedSources, Seq2SeqDefaults, Seq2SeqGenerateOptions, Seq2SeqResult } from './types.ts';

export interface BatchedModel {
  continued: ContinuedModel;
  limits: SourceLimits;
  defaults: Seq2SeqDefaults;
  encode(sources: readonly (readonly number[])[], signal?: AbortSignal): Promise<EncodedSources>;
  over(sources: EncodedSources): Stepper;
}

/** One request's place in a batch. */
interface Line {
  source: number[];
  continuation: Continuation;
  signal: AbortSignal | undefined;
}

/** Answers sources in batches of up to `rows`; a batch ends with its longest answer. */
export async function generateBatch(
  model: BatchedModel,
  requests: readonly Seq2SeqGenerateOptions[],
  { rows = 8, signal }: { rows?: number; signal?: AbortSignal } = {},
): Promise<Seq2SeqResult[]> {
  if (!Number.isInteger(rows) || rows < 1) throw new Error(`rows must be a whole number of at least 1; got ${rows}.`);
  const lines = requests.map((request): Line => {
    const signals = [request.signal, signal].filter((one) => one !== undefined);
    return {
      source: sourceTokens(model.limits, request),
      continuation: new Continuation(model.continued, decoderRequest(request, model.defaults)),
      signal: signals.length === 0 ? undefined : AbortSignal.any(signals),
    };
  });
  // Sources of like length share a batch: what pads the shorter ones is computed as well.
  const byLength = [...lines].sort((one, other) => one.source.length - other.source.length);
  for (let start = 0; start < byLength.length; start += rows) {
    const batch = byLength.slice(start, start + rows);
    try {
      await answer(model, batch, signal);
    } catch (error) {
      if (!signal?.aborted) throw error;
    }
  }
  return lines.map(({ source, continuation }) => ({ ...continuation.result(), sourceTokens: source }));
}

async function answer(model: BatchedModel, lines: readonly Line[], signal?: AbortSignal): Promise<void> {
  const sources = await model.encode(
    lines.map(({ source }) => source),
    signal,
  );
  try {
    const stepper = model.over(sources);
    const longest = Math.max(...lines.map(({ continuation: { prompt, limit } }) => prompt.length + limit));
    const cache = stepper.createCache(longest, lines.length);
    try {
      await steps(stepper, cache, lines, signal);
    } finally {
      cache.release();
    }
  } finally {
    sources.release();
  }
}

async function steps(stepper: Stepper, cache: KVCache, lines: readonly Line[], signal?: AbortSignal): Promise<void> {
  const runs = ({ continuation, signal }: Line) => continuation.finish === undefined && !signal?.aborted;
  for (const [row, { continuation }] of lines.entries()) {
    const next = await stepper.prefill(cache.view(row), continuation.prompt, { signal });
    if (runs(lines[row]!)) await continuation.take(next);
  }
  while (lines.some(runs)) {
    const lengths = [...cache.lengths];
    const next = await stepper.step(
      cache,
      lines.map((line) => (runs(line) ? line.continuation.last : 0)),
      { signal },
    );
    for (const [row, line] of lines.entries()) {
      // A row that has ended takes part as well; what it gains is cut off again.
      if (runs(line)) await line.continuation.take(next, row);
      else cache.truncate(row, lengths[row]!);
    }
  }
}
