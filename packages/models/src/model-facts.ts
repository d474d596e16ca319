import type { Runtime } from '@working-papers/runtime';
import type { ModelConfig } from './formats/types.ts';
import type { Tokenizer } from './tokenizers/types.ts';
import type { WeightSource, Weights } from './types.ts';

/** What is known of a model before its graphs are compiled. */
export interface ModelFacts {
  reference: string;
  revision?: string;
  sha256: string;
  config: ModelConfig;
  tokenizer: Tokenizer;
  weights: Weights;
  parameterBytes: number;
  parameters: number;
  graphWeights: WeightSource;
  runtime: Runtime;
  notes: readonly string[];
  /** Closes the runtime where it was made for this model. */
  close(): void;
}
