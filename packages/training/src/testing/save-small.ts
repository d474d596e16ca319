import { saveHuggingFace } from '@working-papers/models/node';
import type { TrainableModel } from '../tasks/trainable-model.ts';

/** Saves a model as a Hugging Face folder. */
export async function saveSmall(model: TrainableModel, folder: string): Promise<void> {
  await saveHuggingFace({ ...model, tensors: model.tensors.values() }, folder);
}
