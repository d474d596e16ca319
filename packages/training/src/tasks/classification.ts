/** Whole texts, or pairs of them, and a label each. */
import { input } from '@working-papers/graph';
import { denseEncoderAttention, encoderOf } from '@working-papers/models';
import { bucketed, padded } from '../data/batch.ts';
import { tensorsOf } from '../data/batch-source.ts';
import { type DataRow, fieldOf, textOf } from '../data/row.ts';
import type { Sequence } from '../data/sequence.ts';
import { tokenised } from '../data/sequence.ts';
import { mapped } from '../data/stages.ts';
import type { Stream } from '../data/stream.ts';
import { classSequence } from '../data/tags.ts';
import { crossEntropy } from '../losses/cross-entropy.ts';
import { classesOf, namedClasses, valuesOfField } from './class-names.ts';
import { labelsOfHead, withHead } from './heads.ts';
import { type Layout, layoutOf, partsOf } from './layout.ts';
import { accuracyOf, labelledCount, type Task, type TaskOptions, tokensOfMask } from './task.ts';
import type { TaskData } from './task-data.ts';
import { type TrainableModel, tokenizerOf } from './trainable-model.ts';

export interface ClassificationOptions extends TaskOptions {
  /** The columns: of the text, of a second text that is read with it, of the label. Default `text`, none, `label`. */
  text?: string | undefined;
  pair?: string | undefined;
  label?: string | undefined;
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
  const classes = options.labels ? namedClasses(options.labels) : await classesOf(parts.training, valuesOfField(label));
  const own = labelsOfHead(model);
  const known = !options.labels && classes.names.every((name) => own.includes(name)) && own.length > 0;
  const { names, numberOf } = known ? namedClasses(own) : classes;
  const headed = withHead(model, 'sequence-classification', names, seed);
  const tokenizer = tokenizerOf(model);
  const layout = await layoutOf(headed, parts, options, { length: 128, batch: 16 });
  const encode = (row: DataRow): Sequence => {
    const texts = pair === undefined ? textOf(row, text) : ([textOf(row, text), textOf(row, pair)] as const);
    return classSequence(tokenizer, texts, numberOf(fieldOf(row, label)), { maxLength: layout.length });
  };
  const { forward, batchesOf } = encoderBatches(headed, layout, seed);
  const labels = input('labels', 'int64', ['rows']);
  const labelled: NonNullable<Task['labelled']> = (weights, config) => ({
    logits: forward(weights, config).logits!,
    labels,
  });
  return {
    kind: 'classification',
    model: headed,
    labels: names,
    rows: layout.rows,
    notes: layout.notes,
    labelled,
    graph(weights) {
      const placed = labelled(weights, headed.config);
      return {
        loss: crossEntropy(placed.logits, labels),
        count: labelledCount(labels),
        metrics: { accuracy: accuracyOf(placed) },
      };
    },
    batches: (epoch) => batchesOf(tokenised(parts.training.shuffled({ seed, epoch }), encode), epoch),
    evaluation: parts.evaluation && batchesOf(tokenised(parts.evaluation.inOrder(), encode), 0),
    values: (means) => means,
    tokensOf: tokensOfMask,
  };
}

/** Throws a sentence unless the model is an encoder of texts. */
export function encoderFor(model: TrainableModel, does: string): void {
  try {
    encoderOf(model.config);
  } catch (error) {
    throw new Error(
      `${model.reference} is of the type '${model.config.model_type}'; what ${does} here is an encoder (BERT and its kin). Take one of those.`,
      { cause: error },
    );
  }
}

/** A whole pass of an encoder over the inputs of batches, and batches of sequences of about one length. */
export function encoderBatches({ config }: TrainableModel, layout: Layout, seed: number) {
  const { inputs } = encoderOf(config);
  const ids = input('ids', 'int64', ['rows', 'length']);
  const mask = input('mask', 'int64', ['rows', 'length']);
  const tokenTypes = inputs(config).optional.includes('tokenTypes')
    ? input('tokenTypes', 'int64', ['rows', 'length'])
    : undefined;
  return {
    ids,
    mask,
    forward(weights: Parameters<Task['graph']>[0], ofModel: TrainableModel['config']) {
      const reads = encoderOf(ofModel);
      const typed = tokenTypes && reads.inputs(ofModel).optional.includes('tokenTypes') ? { tokenTypes } : {};
      const given = { ids, mask, ...typed };
      return reads.forward(ofModel, weights, given, { parts: { attention: denseEncoderAttention } });
    },
    batchesOf: (sequences: Stream<Sequence>, epoch: number) =>
      mapped(padded(bucketed(sequences, { rows: layout.batch, seed, epoch }), layout.padding), tensorsOf),
  };
}
