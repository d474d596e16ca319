/** What tasks of encoders share whose every row is one sequence with labels of its own. */
import type { DataRow } from '../data/row.ts';
import { type Sequence, tokenised } from '../data/sequence.ts';
import type { Stream } from '../data/stream.ts';
import type { StepInputs } from '../step/batch-calls.ts';
import type { Layout, Parts } from './layout.ts';
import { gradeLabelled, type Task, tokensOfMask } from './task.ts';
import type { TrainableModel } from './trainable-model.ts';

export interface LabelledTaskParts {
  /** With the head that is trained. */
  model: TrainableModel;
  /** Names of the classes. */
  labels: readonly string[];
  labelled: NonNullable<Task['labelled']>;
  layout: Layout;
  rows: Parts;
  seed: number;
  encode(row: DataRow): Sequence;
  batchesOf(sequences: Stream<Sequence>, epoch: number): Stream<StepInputs>;
}

/** Cross entropy and accuracy of the labels. */
export function labelledTask(
  kind: Task['kind'],
  { model, labels, labelled, layout, rows, seed, encode, batchesOf }: LabelledTaskParts,
): Task {
  return {
    kind,
    model,
    labels,
    rows: layout.rows,
    batch: layout.batch,
    labelled,
    graph: (weights, tap) => gradeLabelled(labelled(weights, model.config, tap)),
    batches: (epoch) => batchesOf(tokenised(rows.training.shuffled({ seed, epoch }), encode), epoch),
    evaluation: rows.evaluation && batchesOf(tokenised(rows.evaluation.inOrder(), encode), 0),
    values: (means) => means,
    tokensOf: tokensOfMask,
  };
}
