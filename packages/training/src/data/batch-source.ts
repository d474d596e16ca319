/** Batches as the loop takes them. */
import type { HostTensor } from '@working-papers/runtime';
import type { BatchSource } from '../loop/train.ts';
import type { Batch } from './batch.ts';
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
export function batchSource(batches: Stream<Batch>, from?: unknown): BatchSource {
  const reader = batches.from((from ?? undefined) as Position | undefined);
  return {
    async next() {
      const { done, value } = await reader.next();
      return done ? undefined : tensorsOf(value);
    },
    position: () => reader.position(),
  };
}
