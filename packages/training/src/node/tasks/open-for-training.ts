import { createHash } from 'node:crypto';
import { architectureOf, dequantise, isBlockType } from '@working-papers/models';
import { type OpenModelOptions, openCheckpoint, resolveReference } from '@working-papers/models/node';
import type { TrainableModel } from '../../tasks/trainable-model.ts';
import { floatWeight } from '../../weights/float-weight.ts';

export interface OpenForTrainingOptions
  extends Pick<OpenModelOptions, 'cacheFolder' | 'uploadFolder' | 'offline' | 'signal' | 'onProgress'> {
  /** Begins with the floats that quantised weights stand for, in place of refusing to change them. */
  dequantise?: boolean;
}

/**
 * Finds a model for a task; no weight is read before a step is compiled. Rejects with a sentence when the model cannot be had or is of no known
 * architecture.
 */
export async function openForTraining(
  reference: string,
  options: OpenForTrainingOptions = {},
): Promise<TrainableModel> {
  const { dequantise: asFloats = false, ...others } = options;
  const found = await resolveReference(reference, others);
  const checkpoint = await openCheckpoint(found.path, others);
  architectureOf(checkpoint.config);
  const hash = createHash('sha256');
  for (const { sha256 } of checkpoint.files) hash.update(sha256);
  const tensors = asFloats
    ? new Map(
        [...checkpoint.tensors].map(([name, tensor]) => [
          name,
          isBlockType(tensor.type)
            ? floatWeight(
                name,
                tensor.shape,
                () => dequantise(tensor.type, tensor.bytesSync(), tensor.count).slice(),
                tensor,
              )
            : tensor,
        ]),
      )
    : checkpoint.tensors;
  return { ...checkpoint, tensors, reference: found.reference, sha256: hash.digest('hex') };
}
