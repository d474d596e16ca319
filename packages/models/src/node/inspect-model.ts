/** What a model is, from its headers, configuration and tokenizer: no weights are read, nothing is compiled. */
import { architectureOf } from '../architectures/index.ts';
import { openHeaders } from '../formats/node/open-checkpoint.ts';
import type { Checkpoint } from '../formats/types.ts';
import { createTokenizer } from '../tokenizers/index.ts';
import type { ModelKind } from '../types.ts';

export interface InspectedModel {
  kind: ModelKind;
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
  const { config, tokenizer } = checkpoint;
  checkArchitecture(checkpoint, name);
  const architecture = architectureOf(config);
  if (architecture.kind !== 'image-encoder') {
    if (!tokenizer) throw new Error(`${name} carries no tokenizer, so no text can be given to it.`);
    createTokenizer(tokenizer);
  }
  const { layers, hidden, vocabulary, contextLength } = architecture.facts(config);
  return {
    kind: architecture.kind,
    type: config.model_type,
    bytes: checkpoint.bytes,
    parameters: parametersOf(checkpoint),
    layers,
    hidden,
    vocabulary,
    contextLength,
  };
}

/** Throws a sentence that begins with `name` where the architecture of a checkpoint is not built. */
export function checkArchitecture({ config }: Pick<Checkpoint, 'config'>, name: string): void {
  try {
    architectureOf(config).facts(config);
  } catch (error) {
    throw new Error(`${name}: ${(error as Error).message}`, { cause: error });
  }
}

/** Numbers in all tensors; one that has two names counts once. */
export const parametersOf = ({ tensors }: Pick<Checkpoint, 'tensors'>): number =>
  [...tensors.values()].reduce((sum, { count, alias }) => sum + (alias === undefined ? count : 0), 0);
