import { type Model, ModelReferenceError } from '@working-papers/models';
import { openModel } from '@working-papers/models/node';

/**
 * Real models for a test, opened, or why one of them cannot be had here (no cache, no network, no pip): the reason of a skip, which is
 * printed. Any other failure is a failure.
 */
export async function realModels<Name extends string>(
  references: Record<Name, string>,
): Promise<{ models: Record<Name, Model>; missing?: string }> {
  const models = {} as Record<Name, Model>;
  for (const [name, reference] of Object.entries(references) as [Name, string][]) {
    try {
      models[name] = await openModel(reference, { weights: 'fp32' });
    } catch (error) {
      for (const model of Object.values<Model>(models)) model.close();
      if (!(error instanceof ModelReferenceError)) throw error;
      console.warn(`Tests with ${reference} are skipped: ${error.message}`);
      return { models, missing: error.message };
    }
  }
  return { models };
}
