import { resolve } from 'node:path';
import { readFolder } from '@working-papers/models/node';
import { newModel } from '../../tasks/new-model.ts';
import type { TrainableModel } from '../../tasks/trainable-model.ts';

/**
 * A model from scratch by a folder with config.json and a tokenizer, as transformers lays them out; weights follow from the seed and their names. Rejects with a
 * sentence where the folder has no configuration, or one whose weights are not listed here.
 */
export async function newModelFrom(folder: string, seed = 0): Promise<TrainableModel> {
  const path = resolve(folder);
  return newModel({ ...(await readFolder(path)), folder: path, reference: path }, seed);
}
