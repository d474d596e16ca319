import type { Model } from '@working-papers/models';
import { type OpenModelOptions, openModel } from '@working-papers/models/node';
import { loraWeights } from '../../adapters/lora-weights.ts';
import { openAdapter } from './open-adapter.ts';

/**
 * Opens a model with a LoRA adapter attached to all its graphs: generation, scoring, embeddings and activations are the adapted
 * model's, over the weights as the file holds them. Rejects as `openModel` and {@link openAdapter} do, and with a sentence for
 * prompts and prefixes, which are put into a cache.
 */
export function openAdaptedModel(
  reference: string,
  adapterFolder: string,
  options: Omit<OpenModelOptions, 'wrapWeights'> = {},
): Promise<Model> {
  return openModel(reference, {
    ...options,
    async wrapWeights(own, checkpoint) {
      const adapter = await openAdapter(adapterFolder, checkpoint);
      if (adapter.kind === 'lora') return loraWeights(own, adapter);
      throw new Error(
        `${adapterFolder} holds a ${adapter.kind}, which stands before a text: open the model alone and load ${adapter.kind}Entries into its caches.`,
      );
    },
  });
}
