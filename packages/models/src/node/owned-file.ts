/** Safetensors files of what one model computed, which mean nothing to another. */
import type { DecoderModel } from '../types.ts';
import { openTensorFile, type TensorFile } from './tensor-file.ts';

export type Owner = Pick<DecoderModel, 'reference' | 'sha256' | 'weights' | 'createCache'>;

/** What such a file's header says of its model. */
export const nameOf = ({ reference, sha256, weights }: Owner) => ({ sha256, weights, reference });

/**
 * Opens a file that was written for `model`. Throws a sentence for one that is not of this format (`not`), of another model or of the
 * same one with other weights, and for one that is damaged.
 */
export async function openOwned(
  path: string,
  model: Owner,
  kind: { format: string; not: string },
): Promise<TensorFile> {
  const file = await openTensorFile(path, kind);
  const { metadata } = file;
  for (const [key, value] of Object.entries(nameOf(model))) {
    if (metadata[key] === value) continue;
    throw new Error(
      `What ${path} holds is of ${metadata.reference} (${key} ${metadata[key]}); this model is ${model.reference} (${key} ${value}). Keys and values of one model mean nothing to another.`,
    );
  }
  return file;
}
