/** How a task's rows are parted, counted and laid out in batches. */
import { architectureOf, encoderOf } from '@working-papers/models';
import type { PaddingOptions } from '../data/batch.ts';
import type { TaskOptions } from './task.ts';
import { type Rows, rowsOfData, splitRows, type TaskData } from './task-data.ts';
import type { TrainableModel } from './trainable-model.ts';

export interface Parts {
  training: Rows;
  evaluation?: Rows;
}

/** Rows to learn from and rows that are measured, as the options say. */
export function partsOf(data: TaskData, { evaluation, evaluationShare, seed = 0 }: TaskOptions): Parts {
  const rows = rowsOfData(data);
  if (evaluation) return { training: rows, evaluation: rowsOfData(evaluation) };
  return evaluationShare === undefined ? { training: rows } : splitRows(rows, evaluationShare, seed);
}

export interface Layout {
  /** Rows to learn from. */
  rows: number;
  /** Rows a batch. */
  batch: number;
  /** Tokens a row at most. */
  length: number;
  padding: PaddingOptions;
}

/** Rows are padded to lengths of which there are few, so that a step is laid out seldom. */
const lengthStep = 8;

/**
 * Counts the rows and settles lengths; `countsRows` says whether a batch is of rows (texts that are laid end to end make batches of their own). Rejects with a sentence where there are fewer rows than a batch, and where a row would be longer than
 * the model's positions.
 */
export async function layoutOf(
  { config, reference, maxSequenceLength }: TrainableModel,
  { training, evaluation }: Parts,
  { batch, length }: TaskOptions,
  usual: { batch: number; length: number },
  { countsRows = true }: { countsRows?: boolean } = {},
): Promise<Layout> {
  const { contextLength } = architectureOf(config).facts(config);
  const most = Math.min(contextLength, maxSequenceLength ?? contextLength);
  if (length !== undefined && length > contextLength)
    throw new Error(
      `Sequences of ${length} tokens are longer than the ${contextLength} positions of ${reference}. Take at most ${contextLength}.`,
    );
  const rows = await countOf(training, 'to learn from');
  if (evaluation) await countOf(evaluation, 'to evaluate on');
  const wanted = batch ?? (countsRows ? Math.min(usual.batch, rows) : usual.batch);
  if (!Number.isInteger(wanted) || wanted < 1) throw new Error(`A batch has at least 1 row; got ${wanted}.`);
  if (countsRows && rows < wanted)
    throw new Error(
      `There ${rows === 1 ? 'is 1 row' : `are ${rows} rows`} to learn from, and a batch has ${wanted}. Give more rows, or batches of at most ${rows}.`,
    );
  const longest = length ?? Math.min(usual.length, most);
  const fits = Math.ceil(longest / lengthStep) * lengthStep <= contextLength;
  return {
    rows,
    batch: wanted,
    length: longest,
    padding: { padId: padIdOf(config), multipleOf: fits ? lengthStep : 1 },
  };
}

/** The token that stands where a row has none: of models that count positions beside it the one that they mean. */
function padIdOf(config: TrainableModel['config']): number {
  const { kind } = architectureOf(config);
  const own = kind === 'encoder' ? encoderOf(config).encoderConfig(config).padding : undefined;
  const { pad_token_id: named } = config;
  return own ?? (typeof named === 'number' && named >= 0 ? named : 0);
}

async function countOf(rows: Rows, what: string): Promise<number> {
  let count = 0;
  for await (const _ of rows.inOrder().from()) count++;
  if (count === 0) throw new Error(`There are no rows ${what}.`);
  return count;
}
