/** Which models open without any network, and how large a model is: found without opening one in this process. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelSize } from '@working-papers/methods/contract';
import { listCachedModels, parseReference, resolveReference } from '@working-papers/models/references';
import { inspectApart } from './uploads/check.ts';
import { listUploads, uploadsFolder } from './uploads/store.ts';
import { UploadError } from './uploads/types.ts';

export interface ModelAtHand {
  /** What a parameter of kind model takes. */
  reference: string;
  /** What people call it, where that is not in the reference. */
  name?: string;
  bytes: number;
}

/** Cached and uploaded models. */
export async function listModelsAtHand(dataFolder: string): Promise<ModelAtHand[]> {
  const [cached, uploads] = await Promise.all([
    listCachedModels({ cacheFolder: join(dataFolder, 'models') }),
    listUploads(dataFolder),
  ]);
  const uploaded = uploads
    .filter(({ kind }) => kind === 'model')
    .map(({ id, name, bytes }) => ({ reference: `upload:${id}`, name, bytes }));
  return [...cached.map(({ reference, bytes }) => ({ reference, bytes })), ...uploaded];
}

const inspected = new Map<string, Promise<ModelSize>>();

/**
 * The size of a model by its reference; undefined when it is not on this machine, or its files cannot be read as a model. Its headers
 * are read in a process of their own, once for as long as the files stay as they are.
 * @param paths whether a path may be looked at: only for who may name one
 */
export async function sizeOfModel(
  dataFolder: string,
  reference: string,
  { paths }: { paths: boolean },
): Promise<ModelSize | undefined> {
  try {
    if (!paths && parseReference(reference).kind === 'path') return undefined;
    const { path } = await resolveReference(reference, {
      cacheFolder: join(dataFolder, 'models'),
      uploadFolder: uploadsFolder(dataFolder),
      offline: true,
    });
    const { mtimeMs, size } = await stat(path);
    const key = `${path} ${mtimeMs} ${size}`;
    let asking = inspected.get(key);
    if (!asking) {
      asking = inspectApart(path, reference);
      inspected.set(key, asking);
      asking.catch(() => inspected.delete(key));
    }
    return await asking;
  } catch (error) {
    // What is wrong with a reference or a file is for the run to say; here it is a size that is not known.
    if (error instanceof UploadError || (error as Error).name === 'ModelReferenceError') return undefined;
    throw error;
  }
}
