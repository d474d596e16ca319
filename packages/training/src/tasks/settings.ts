/** How a task is trained: the optimiser, the length of the training, what is measured and kept. */
import type { ModelConfig } from '@working-papers/models';
import { dropoutRates } from '../dropout/dropout-rates.ts';
import type { DropoutRates } from '../dropout/dropout-tap.ts';
import { adamW } from '../optimisers/adam.ts';
import { clipByGlobalNorm } from '../optimisers/clipping.ts';
import { checkAtLeast } from '../optimisers/option-checks.ts';
import { cosine, linear, type Schedule, warmUp } from '../optimisers/schedules.ts';
import { chain, type Transformation } from '../optimisers/transformation.ts';
import type { Task, TaskKind } from './task.ts';
import type { Trained } from './trained-weights.ts';

/** The way of the rate after the warm-up: to 0 in a straight line or half a cosine, or nowhere. */
export const declines = ['linear', 'cosine', 'constant'] as const;
export type Decline = (typeof declines)[number];

export interface TrainingSettings {
  /** Which weights change. Default all. */
  trains?: Trained | undefined;
  /** How often the rows are gone through. Default 3, or as often as `steps` need. */
  epochs?: number | undefined;
  /** Steps in all; with `epochs` too, whichever ends first. */
  steps?: number | undefined;
  /** The highest learning rate. Default: by the task, and more for an adapter and for a model from scratch. */
  rate?: number | undefined;
  /** Steps over which the rate rises to it. Default 6 % of all. */
  warmUp?: number | undefined;
  /** Default linear. */
  decline?: Decline | undefined;
  /** Of AdamW, on matrices alone. Default 0.01. */
  weightDecay?: number | undefined;
  /** The L2 norm that all gradients together are clipped to. Default 1. */
  clip?: number | undefined;
  /** Batches a step: rows of a step that need not be in memory at once. Default 1. */
  accumulate?: number | undefined;
  /** Share of activations that are dropped in training: where and how much the model's configuration says (`config`, which also drops attention's probabilities), or so much of what each layer adds to the stream. Default 0. */
  dropout?: number | 'config' | undefined;
  /** Computes each block's activations again in the backward pass: a third more work for a fraction of the memory. Default false. */
  recompute?: boolean | undefined;
  /** Steps between two evaluations. Default an epoch, where there are rows to evaluate on. */
  evaluateEvery?: number | undefined;
  /** Ends when so many evaluations in a row were not better than the best before. Default never. */
  patience?: number | undefined;
  /** Steps between two checkpoints. Default 100. */
  checkpointEvery?: number | undefined;
  /** Of what is drawn when adapters are made. Default 0. */
  seed?: number | undefined;
  threads?: number | undefined;
}

const usualRates: Record<TaskKind, number> = {
  causal: 5e-5,
  masked: 5e-5,
  classification: 5e-5,
  token: 5e-5,
  contrastive: 2e-5,
  distillation: 1e-4,
};
const loraRate = 3e-4;
const scratchRate = 1e-3;

/** The rate unless the user says: that of fine-tuning, ten times as much where little of the model is given. */
export function usualRate({ kind, model }: Pick<Task, 'kind' | 'model'>, trains: Trained): number {
  if (typeof trains === 'object' && 'lora' in trains) return loraRate;
  const isFresh = model.fresh !== undefined && model.fresh.size === model.tensors.size;
  return isFresh ? scratchRate : usualRates[kind];
}

/** The rate before each step, counted from 0. */
export function rateOf(
  steps: number,
  { rate, warmUp: warm, decline }: { rate: number; warmUp: number; decline: Decline },
): Schedule {
  checkAtLeast(0, 'The learning rate', rate);
  if (!Number.isInteger(warm) || warm < 0 || warm >= steps)
    throw new RangeError(`The warm-up must be a whole number of steps, fewer than all ${steps}; got ${warm}.`);
  const rest = { from: rate, steps: steps - warm };
  return warmUp(warm, decline === 'constant' ? rate : decline === 'cosine' ? cosine(rest) : linear(rest));
}

/** AdamW with decay on matrices alone, after clipping. */
export const optimiserOf = (
  rate: Schedule,
  { clip, weightDecay }: { clip: number; weightDecay: number },
): Transformation =>
  chain(clipByGlobalNorm({ maxNorm: clip }), adamW({ rate, weightDecay, decayed: ({ shape }) => shape.length > 1 }));

/** The rates that a configuration asks for, and that before a classifier. */
export function configuredRates(config: ModelConfig): DropoutRates {
  const rates = dropoutRates(config);
  const pooled = config.classifier_dropout ?? config.hidden_dropout_prob;
  return typeof pooled === 'number' && pooled > 0 ? { ...rates, pooled } : rates;
}

/** One rate for what each layer adds to the stream and for the embedding; attention keeps its quick kernel. */
export const usualRatesOf = (rate: number): DropoutRates =>
  rate === 0 ? {} : { embedding: rate, 'attention.output': rate, 'mlp.output': rate };
