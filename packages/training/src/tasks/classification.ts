/** Whole texts, or pairs of them, and a label each. */
import { cast, input, onesLike } from '@working-papers/graph';
import { type DataRow, fieldOf, textOf } from '../data/row.ts';
import { ignored, type Sequence } from '../data/sequence.ts';
import { classSequence } from '../data/tags.ts';
import { classesOf, valuesOfField } from './class-names.ts';
import { encoderBatches, encoderFor, tapped } from './encoder-batches.ts';
import { classesFor, withHead } from './heads.ts';
import { labelledTask } from './labelled-task.ts';
import { layoutOf, partsOf } from './layout.ts';
import type { Task, TaskOptions } from './task.ts';
import type { TaskData } from './task-data.ts';
import { type TrainableModel, tokenizerOf } from './trainable-model.ts';

export interface ClassificationOptions extends TaskOptions {
  /** The columns: of the text, of a second text that is read with it, of the label. Default `text`, none, `label`; null where a teacher alone is to be learnt from. */
  text?: string | undefined;
  pair?: string | undefined;
  label?: string | null | undefined;
  /** Names of the labels in the order of their numbers. Default: the model's own where it classifies texts and knows them all, else those of the data. */
  labels?: readonly string[] | undefined;
}

/**
 * Fine-tunes an encoder to classify texts: cross entropy of the logits that its own head has, over the pooled vector or the first token as the
 * architecture goes. A model without the head, or with other labels, gets a new one.
 * Rejects with a sentence for a decoder, a column that is not there, and fewer rows than a batch.
 */
export async function classificationTask(
  model: TrainableModel,
  data: TaskData,
  options: ClassificationOptions = {},
): Promise<Task> {
  const { text = 'text', pair, label = 'label', seed = 0 } = options;
  encoderFor(model, 'classifies texts');
  const parts = partsOf(data, options);
  const { names, numberOf } = await classesFor(model, 'sequence-classification', options.labels, () => {
    if (label !== null) return classesOf(parts.training, valuesOfField(label));
    throw new Error('Texts without a label need the names of the labels that there are (labels).');
  });
  const headed = withHead(model, 'sequence-classification', names, seed);
  const tokenizer = tokenizerOf(model);
  const layout = await layoutOf(headed, parts, options, { length: 128, batch: 16 });
  const encode = (row: DataRow): Sequence => {
    const texts = pair === undefined ? textOf(row, text) : ([textOf(row, text), textOf(row, pair)] as const);
    return classSequence(tokenizer, texts, label === null ? ignored : numberOf(fieldOf(row, label)), {
      maxLength: layout.length,
    });
  };
  const { forward, batchesOf } = encoderBatches(layout, { seed, pairs: pair !== undefined });
  const labels = input('labels', 'int64', ['rows']);
  const labelled: NonNullable<Task['labelled']> = (weights, config, tap) => ({
    logits: forward(weights, config, tapped(tap)).logits!,
    labels,
    counted: cast(onesLike(labels), 'float32'),
  });
  const labelling = { model: headed, labels: names, labelled, layout, rows: parts, seed, encode, batchesOf };
  return labelledTask('classification', labelling);
}
