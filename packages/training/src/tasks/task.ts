/** What every task is: the graph of a batch's loss, and the batches. */
import { argMax, cast, div, equal, max, reduceSum, type Tensor } from '@working-papers/graph';
import type { ModelConfig, Tap, WeightSource } from '@working-papers/models';
import type { Stream } from '../data/stream.ts';
import { crossEntropy, labelledWeight } from '../losses/cross-entropy.ts';
import type { StepInputs } from '../step/batch-calls.ts';
import type { TaskData } from './task-data.ts';
import type { TrainableModel } from './trainable-model.ts';

export type TaskKind = 'causal' | 'masked' | 'classification' | 'token' | 'contrastive' | 'distillation';

/** The loss of a batch: all float32 scalars. */
export interface TaskGraph {
  loss: Tensor;
  /** How many rows (texts, tokens) the loss and the metrics are means over. */
  count: Tensor;
  metrics?: Readonly<Record<string, Tensor>>;
}

/** What a model says of the places of a batch that have a label. */
export interface Labelled {
  /** `[places, classes]` */
  logits: Tensor;
  /** int64 `[places]`; `ignored` (-100) where nothing is learnt. */
  labels: Tensor;
  /** float32 `[places]`: 1 where a teacher is listened to, labelled or not. Default the labelled ones. */
  counted?: Tensor;
}

/** A graph and batches for it. What trains it is `Training`, or `fineTune` with everything in a folder. */
export interface Task {
  readonly kind: TaskKind;
  /** With the head that the task trains. */
  readonly model: TrainableModel;
  /** The loss over the inputs that batches give; may be built more than once. The tap sees the activations of the model that learns. */
  graph(weights: WeightSource, tap?: Tap): TaskGraph;
  /** Logits and labels over the same inputs, of this model or of another one: what a student learns from. Contrastive tasks have none. */
  labelled?(weights: WeightSource, config: ModelConfig, tap?: Tap): Labelled;
  /** The batches of an epoch, counted from 0. */
  batches(epoch: number): Stream<StepInputs>;
  /** Batches that are measured and not learnt. */
  readonly evaluation?: Stream<StepInputs> | undefined;
  /** What is told of an evaluation, from the means of loss and metrics over all rows; `loss` decides what is best. */
  values(means: Readonly<Record<string, number>>): Readonly<Record<string, number>>;
  /** Tokens of a batch, padding left out. */
  tokensOf(batch: StepInputs): number;
  /** Names of the classes, where there are some. */
  readonly labels?: readonly string[] | undefined;
  /** Rows to learn from. */
  readonly rows: number;
  /** Rows a step; undefined where texts are laid end to end. */
  readonly batch?: number | undefined;
}

/** What every task takes. */
export interface TaskOptions {
  /** Rows that are measured and not learnt. */
  evaluation?: TaskData | undefined;
  /** In place of `evaluation`: the share of the rows that is kept for it. */
  evaluationShare?: number | undefined;
  /** Of order, masks, split and fresh weights. Default 0. */
  seed?: number | undefined;
  /** Rows a batch. */
  batch?: number | undefined;
  /** Tokens a row at most; longer texts are cut. */
  length?: number | undefined;
}

/** Share of the labelled places whose label is the likeliest: a float32 scalar. */
export function accuracyOf({ logits, labels }: Labelled): Tensor {
  const right = cast(equal(argMax(logits, -1), labels), 'float32');
  return div(reduceSum(right, [0]), max(labelledWeight(labels), 1));
}

/** Cross entropy at the labelled places, and how many the likeliest class is right of. */
export const gradeLabelled = (labelled: Labelled): TaskGraph => ({
  loss: crossEntropy(labelled.logits, labelled.labels),
  count: labelledWeight(labelled.labels),
  metrics: { accuracy: accuracyOf(labelled) },
});

/** The sum of a mask's tokens. */
export function tokensOfMask(batch: StepInputs): number {
  const mask = batch.mask;
  if (!mask) return batch.ids?.data.length ?? 0;
  let sum = 0;
  for (const value of mask.data as BigInt64Array) sum += Number(value);
  return sum;
}
