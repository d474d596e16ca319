import type { Runtime } from '@working-papers/runtime';
import type { ModelConfig } from './formats/types.ts';
import type { Stepper } from './generation/types.ts';
import type { Tokenizer, TokenizerFiles } from './tokenizers/types.ts';
import type { WeightSource, Weights } from './types.ts';

/** What the graph of prompts is made of, where it is another than that of single steps. */
export interface PromptGraph {
  weights: WeightSource;
  config: ModelConfig;
  pace?: PromptPace;
}

/** From where on and in what pieces the graph of prompts is the faster one. */
export interface PromptPace {
  /** Tokens that are computed at once, at most. */
  chunk: number;
  /** Rows of a step from which it computes steps too. */
  fromRows: number;
}

/** What is known of a model before its graphs are compiled. */
export interface ModelFacts {
  reference: string;
  revision?: string;
  sha256: string;
  config: ModelConfig;
  tokenizer: Tokenizer;
  tokenizerFiles?: TokenizerFiles | undefined;
  weights: Weights;
  parameterBytes: number;
  parameters: number;
  graphWeights: WeightSource;
  /** Weights and configuration of the graph that computes prompts, where it is not that of single steps, which are given here. */
  prompt?: (steps?: Pick<Stepper, 'createCache' | 'step'>) => Promise<PromptGraph>;
  /** For the graphs of this model; it may share their weights. */
  runtime: Runtime;
  notes: readonly string[];
  /** Closes what was opened for this model, its runtime among it. */
  close(): void;
}
