/** Texts that belong together, nearer to each other than to what they do not belong to. */
import {
  argMax,
  cast,
  constant,
  div,
  equal,
  gather,
  greater,
  max,
  mul,
  range,
  reduceMax,
  reduceMean,
  reduceSum,
  slice,
  type Tensor,
  unsqueeze,
  where,
} from '@working-papers/graph';
import { forbidden } from '@working-papers/models';
import { batchOf } from '../data/batch.ts';
import { tensorsOf } from '../data/batch-source.ts';
import { type DataRow, textOf } from '../data/row.ts';
import type { Sequence } from '../data/sequence.ts';
import { grouped, mapped } from '../data/stages.ts';
import type { Stream } from '../data/stream.ts';
import { contrastive, contrastiveScores } from '../losses/contrastive.ts';
import type { StepInputs } from '../step/batch-calls.ts';
import { inPlace } from './class-names.ts';
import { encoderBatches, encoderFor, tapped } from './encoder-batches.ts';
import { layoutOf, partsOf } from './layout.ts';
import { type Task, type TaskOptions, tokensOfMask } from './task.ts';
import type { TaskData } from './task-data.ts';
import { type TrainableModel, tokenizerOf } from './trainable-model.ts';

export interface ContrastiveTaskOptions extends TaskOptions {
  /** The columns of a text, of one that belongs to it, and of one that does not. Default `anchor`, `positive`, none. */
  anchor?: string | undefined;
  positive?: string | undefined;
  negative?: string | undefined;
  /** Divides the cosines. Default 0.05. */
  temperature?: number | undefined;
  /** Half of the loss is how the others find their anchors. Default false. */
  symmetric?: boolean | undefined;
  /** How token vectors become one. Default: the model's own way, else the mean. */
  pooling?: 'mean' | 'cls' | 'max' | undefined;
}

/**
 * Trains an encoder's embeddings: InfoNCE with what belongs to the batch's other rows as negatives (multiple negatives ranking, arXiv 1705.00652), and each row's
 * own where there is a column of them. A batch that is not full is left out. `accuracy` is how often a text's own is the nearest of its batch.
 * Rejects with a sentence for a decoder, a column that is not there, and fewer rows than a batch.
 */
export async function contrastiveTask(
  model: TrainableModel,
  data: TaskData,
  options: ContrastiveTaskOptions = {},
): Promise<Task> {
  const {
    anchor = 'anchor',
    positive = 'positive',
    negative,
    temperature = 0.05,
    symmetric = false,
    seed = 0,
  } = options;
  const pooling = options.pooling ?? model.pooling ?? 'mean';
  encoderFor(model, 'embeds texts');
  const tokenizer = tokenizerOf(model);
  const parts = partsOf(data, options);
  const layout = await layoutOf(model, parts, options, { length: 128, batch: 32 });
  const { batch, length: maxLength, padding } = layout;
  if (batch < 2) throw new Error('A batch needs at least 2 rows: the other rows are what a text is told apart from.');
  const columns = [anchor, positive, ...(negative === undefined ? [] : [negative])];
  const encode = (row: DataRow): Sequence[] =>
    columns.map((column) => {
      const { ids, specialTokensMask } = tokenizer.encode(
        inPlace(row, (own) => textOf(own, column)),
        { maxLength },
      );
      return { ids, special: specialTokensMask };
    });
  /** All anchors, then all that belong to them, then all that do not: `[columns * batch, length]`. */
  const batchesOf = (rows: Stream<DataRow>): Stream<StepInputs> =>
    mapped(grouped(mapped(rows, encode), batch, { last: 'drop' }), (group) =>
      tensorsOf(
        batchOf(
          columns.flatMap((_, column) => group.map((texts) => texts[column]!)),
          padding,
        ),
      ),
    );
  const { forward, mask } = encoderBatches(layout, { seed, rows: columns.length * batch });
  return {
    kind: 'contrastive',
    model: { ...model, pooling },
    rows: layout.rows,
    batch: layout.batch,
    graph(weights, tap) {
      const { hidden } = forward(weights, model.config, tapped(tap));
      const vectors = pooled(hidden!, mask, pooling); // [columns * batch, hidden]
      const queries = slice(vectors, 0, 0, batch);
      const keys = slice(vectors, 0, batch);
      const scores = contrastiveScores(queries, keys, temperature);
      const nearest = equal(argMax(scores, -1), range(0, batch));
      return {
        loss: contrastive(queries, keys, { temperature, symmetric }),
        count: constant(batch, 'float32'),
        metrics: { accuracy: reduceMean(cast(nearest, 'float32'), [0]) },
      };
    },
    batches: (epoch) => batchesOf(parts.training.shuffled({ seed, epoch })),
    evaluation: parts.evaluation && batchesOf(parts.evaluation.inOrder()),
    values: (means) => means,
    tokensOf: tokensOfMask,
  };
}

/** One vector a text out of `[texts, length, hidden]`, by its tokens `[texts, length]`. */
function pooled(hidden: Tensor, mask: Tensor, pooling: 'mean' | 'cls' | 'max'): Tensor {
  if (pooling === 'cls') return gather(hidden, 0, 1);
  const tokens = unsqueeze(mask, [2]);
  if (pooling === 'max') return reduceMax(where(greater(tokens, 0), hidden, forbidden), [1]);
  const counted = cast(mask, 'float32');
  const sum = reduceSum(mul(hidden, cast(tokens, 'float32')), [1]);
  return div(sum, max(reduceSum(counted, [1], { keepDims: true }), 1));
}
