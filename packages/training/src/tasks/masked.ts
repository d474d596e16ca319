/** Tokens that are left out, to be found again. */
import { input } from '@working-papers/graph';
import type { HostTensor } from '@working-papers/runtime';
import { type Batch, bucketed, padded } from '../data/batch.ts';
import { tensorsOf } from '../data/batch-source.ts';
import { maskTokens } from '../data/masked-lm.ts';
import { type DataRow, textOf } from '../data/row.ts';
import { ignored, type Sequence, tokenised } from '../data/sequence.ts';
import { mapped } from '../data/stages.ts';
import type { Stream } from '../data/stream.ts';
import type { StepInputs } from '../step/batch-calls.ts';
import { encoderBatches, encoderFor, tapped } from './encoder-batches.ts';
import { withHead } from './heads.ts';
import { layoutOf, partsOf } from './layout.ts';
import { gradeLabelled, type Task, type TaskOptions, tokensOfMask } from './task.ts';
import type { Rows, TaskData } from './task-data.ts';
import { type TrainableModel, tokenizerOf } from './trainable-model.ts';

export interface MaskedOptions extends TaskOptions {
  /** The column of the text. Default `text`. */
  text?: string | undefined;
  /** Share of the tokens that are to be found again. Default 0.15. */
  share?: number | undefined;
}

/** Masks of an evaluation are those of an epoch that no training reaches. */
const evaluationEpoch = 2 ** 20;
/** Places with a label are filled up to a multiple, so that a step is laid out for few numbers of them. */
const placesStep = 32;

/**
 * Trains a masked language model (BERT, arXiv 1810.04805, section 3.1): each epoch leaves out other tokens, long texts are read in windows, logits
 * are computed where a token was left out alone. A model without the head gets a new one.
 * Rejects with a sentence for a decoder, a tokenizer without a mask, a column that is not there, and fewer rows than a batch.
 */
export async function maskedTask(model: TrainableModel, data: TaskData, options: MaskedOptions = {}): Promise<Task> {
  const { text = 'text', share, seed = 0 } = options;
  encoderFor(model, 'finds masked tokens');
  const tokenizer = tokenizerOf(model);
  const { maskId, vocabularySize } = tokenizer;
  if (maskId === undefined)
    throw new Error(`The tokenizer of ${model.reference} has no mask token, so nothing can be left out.`);
  const headed = withHead(model, 'masked-lm', [], seed);
  const parts = partsOf(data, options);
  const layout = await layoutOf(headed, parts, options, { length: 128, batch: 16 });
  const windows = (row: DataRow): Sequence[] => {
    const first = tokenizer.encode(textOf(row, text), { maxLength: layout.length, stride: 0 });
    return [first, ...(first.overflow ?? [])].map(({ ids, specialTokensMask }) => ({
      ids,
      special: specialTokensMask,
    }));
  };
  const { forward } = encoderBatches(layout, { seed });
  const at = input('at', 'int64', ['wanted']);
  const labels = input('labels', 'int64', ['wanted']);
  const batchesOf = (rows: ReturnType<Rows['inOrder']>, epoch: number): Stream<StepInputs> => {
    const masked = mapped(tokenised(rows, windows), (sequence, index) =>
      maskTokens(sequence, {
        seed,
        step: epoch * 2 ** 32 + index,
        maskId,
        vocabularySize,
        ...(share === undefined ? {} : { share }),
      }),
    );
    return mapped(padded(bucketed(masked, { rows: layout.batch, seed, epoch }), layout.padding), (batch) =>
      labelledPlaces(batch),
    );
  };
  const labelled: NonNullable<Task['labelled']> = (weights, config, tap) => ({
    logits: forward(weights, config, { ...tapped(tap), logitsAt: at }).logits!,
    labels,
  });
  return {
    kind: 'masked',
    model: headed,
    rows: layout.rows,
    batch: layout.batch,
    labelled,
    graph: (weights, tap) => gradeLabelled(labelled(weights, headed.config, tap)),
    batches: (epoch) => batchesOf(parts.training.shuffled({ seed, epoch }), epoch),
    evaluation: parts.evaluation && batchesOf(parts.evaluation.inOrder(), evaluationEpoch),
    values: ({ loss, ...others }) => ({ loss: loss!, perplexity: Math.exp(loss!), ...others }),
    tokensOf: tokensOfMask,
  };
}

/** A batch with the places of its labels, int64 `[wanted]`, and the labels there; filled up with places that count for nothing. */
export function labelledPlaces(batch: Batch, shift = 0): Record<string, HostTensor> {
  const { labels: all, length } = batch;
  const places: number[] = [];
  for (let place = 0; place < all.length; place++)
    if (all[place] !== BigInt(ignored) && place % length >= shift) places.push(place);
  const count = Math.max(1, Math.ceil(places.length / placesStep)) * placesStep;
  const [at, labels] = [new BigInt64Array(count), new BigInt64Array(count).fill(BigInt(ignored))];
  for (const [index, place] of places.entries()) {
    at[index] = BigInt(place - shift);
    labels[index] = all[place]!;
  }
  const vector = (data: BigInt64Array): HostTensor => ({ dtype: 'int64', shape: [count], data });
  return { ...tensorsOf(batch), at: vector(at), labels: vector(labels) };
}
