/** What a model is, from its headers, configuration and tokenizer: no weights are read, nothing is compiled. */
import { bertConfig, isBert } from '../architectures/bert-config.ts';
import { isLlama, llamaConfig } from '../architectures/llama-config.ts';
import { openHeaders } from '../formats/node/open-checkpoint.ts';
import type { Checkpoint, ModelConfig } from '../formats/types.ts';
import { createTokenizer } from '../tokenizers/index.ts';
import type { TokenizerFiles } from '../tokenizers/types.ts';

export interface InspectedModel {
  kind: 'decoder' | 'encoder';
  /** `model_type` of its configuration. */
  type: string;
  /** Bytes of the weight files. */
  bytes: number;
  /** Numbers in all tensors. */
  parameters: number;
  layers: number;
  hidden: number;
  vocabulary: number;
  /** Tokens that it was trained for. */
  contextLength: number;
}

/**
 * Reads a model's headers as for opening it. Rejects with the sentence that opening would end with: a file that is not what it says,
 * an architecture that is not run here, a tokenizer that is missing or not understood.
 */
export async function inspectModel(path: string, name = path): Promise<InspectedModel> {
  const checkpoint = await openHeaders(path);
  const { config, tokenizer } = checkRunnable(checkpoint, name);
  createTokenizer(tokenizer);
  const decoder = isLlama(config);
  const { contextLength } = decoder ? llamaConfig(config) : bertConfig(config);
  return {
    kind: decoder ? 'decoder' : 'encoder',
    type: config.model_type,
    bytes: checkpoint.bytes,
    parameters: parametersOf(checkpoint),
    layers: config.num_hidden_layers,
    hidden: config.hidden_size,
    vocabulary: config.vocab_size,
    contextLength,
  };
}

/** Configuration and tokenizer of a checkpoint that can be run; throws a sentence that begins with `name` otherwise. */
export function checkRunnable(
  { config, tokenizer }: Pick<Checkpoint, 'config' | 'tokenizer'>,
  name: string,
): { config: ModelConfig; tokenizer: TokenizerFiles } {
  if (!isLlama(config) && !isBert(config)) {
    throw new Error(
      `${name} is a model of type '${config.model_type}'; Llama-type decoders (llama, mistral, qwen2) and BERT-type encoders (bert) can be run.`,
    );
  }
  if (!tokenizer) throw new Error(`${name} carries no tokenizer, so no text can be given to it.`);
  return { config, tokenizer };
}

/** Numbers in all tensors. */
export const parametersOf = ({ tensors }: Pick<Checkpoint, 'tensors'>): number =>
  [...tensors.values()].reduce((sum, { count }) => sum + count, 0);
