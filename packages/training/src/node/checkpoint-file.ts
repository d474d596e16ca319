/** The state of a training in a file: what a run that was killed goes on from, to the same bits. */
import { openTensorFile, writeWhole } from '@working-papers/models/node';
import { type Beside, checkpointFormat, checkpointPieces, restoreCheckpoint } from '../step/checkpoint.ts';
import type { TrainingStep } from '../step/training-step.ts';

/**
 * Writes weights, optimiser state, the number of steps and `beside` as one safetensors file, under a temporary name until it is whole. One
 * tensor is in memory at a time.
 */
export const saveCheckpoint = (path: string, step: TrainingStep, beside: Beside = {}): Promise<void> =>
  writeWhole(path, checkpointPieces(step, beside));

/**
 * Puts a step where the file's was; answers what was kept beside it. Throws a sentence, before anything is changed, where the file is no
 * checkpoint, is damaged, or is of other weights or another optimiser.
 */
export async function loadCheckpoint(path: string, step: TrainingStep): Promise<Beside> {
  const file = await openTensorFile(path, { format: checkpointFormat, not: 'is no checkpoint of a training.' });
  const { entries, metadata } = file;
  return restoreCheckpoint(
    { name: path, entries, metadata, read: ({ name, type, shape }) => file.read(name, type, shape) },
    step,
  );
}
