import { openHeaders } from '../formats/node/open-checkpoint.ts';
import { resolveReference } from '../references/node/resolve.ts';
import { createTokenizer, type Tokenizer } from '../tokenizers/index.ts';
import type { OpenModelOptions } from './open-model.ts';

/**
 * Opens the tokenizer of a model, whatever its architecture: no weights are read. Rejects with a sentence when the model cannot be
 * had or carries no tokenizer.
 */
export async function openTokenizer(
  reference: string,
  options: Pick<OpenModelOptions, 'cacheFolder' | 'uploadFolder' | 'offline' | 'signal' | 'onProgress'> = {},
): Promise<{ tokenizer: Tokenizer; reference: string; note?: string }> {
  const found = await resolveReference(reference, options);
  const { tokenizer } = await openHeaders(found.path);
  if (!tokenizer)
    throw new Error(`${found.reference} carries no tokenizer that is read here, so no text can be given to it.`);
  return {
    tokenizer: createTokenizer(tokenizer),
    reference: found.reference,
    ...(found.note === undefined ? {} : { note: found.note }),
  };
}
