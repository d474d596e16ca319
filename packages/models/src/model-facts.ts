import type { Runtime } from '@working-papers/runtime';
import type { ModelConfig } from './formats/types.ts';
import type { Stepper } from './generation/types.ts';
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
  /** Weights and configuration of the graph that computes prompts, where it is not that of single steps, which are given here. */
  prompt?: (steps?: Pick<Stepper, 'createCache' | 'step'>) => Promise<{ weights: WeightSource; config: ModelConfig }>;
  /** For the graphs of this model; it may share their weights. */
  runtime: Runtime;
  notes: readonly string[];
  /** Closes what was opened for this model, its runtime among it. */
  close(): void;
}
