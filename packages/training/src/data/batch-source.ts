/** Batches as the loop takes them. */
import type { HostTensor } from '@working-papers/runtime';
import type { BatchSource } from '../loop/train.ts';
import type { StepInputs } from '../step/batch-calls.ts';
import type { Batch } from './batch.ts';
import { mapped } from './stages.ts';
import type { Position, Stream } from './stream.ts';

/** The arrays of a batch as int64 tensors under the names of a model's inputs, and `labels` as they are: `[rows, length]`, or `[rows]` of classes. */
export function tensorsOf({ rows, length, classes, ...arrays }: Batch): Record<string, HostTensor> {
  return Object.fromEntries(
    Object.entries(arrays).map(([name, data]: [string, BigInt64Array]) => [
      name,
      { dtype: 'int64', shape: classes && name === 'labels' ? [rows] : [rows, length], data },
    ]),
  );
}

/**
 * The batches of a stream for `train`.
 * @param from what the loop kept of an earlier source's `position()`; absent, the start. Throws a sentence when it is another stream's
 */
export const batchSource = (batches: Stream<Batch>, from?: unknown): BatchSource =>
  inputSource(mapped(batches, tensorsOf), from);

/** The same of a stream of what a step takes. */
export function inputSource(batches: Stream<StepInputs>, from?: unknown): BatchSource {
  const reader = batches.from((from ?? undefined) as Position | undefined);
  return {
    async next() {
      const { done, value } = await reader.next();
      return done ? undefined : value;
    },
    position: () => reader.position(),
  };
}
