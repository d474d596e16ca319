/** A tag for every word of a text. */
import { input, reshape } from '@working-papers/graph';
import { type DataRow, fieldOf, textOf } from '../data/row.ts';
import type { Sequence } from '../data/sequence.ts';
import { taggedText, taggedWords } from '../data/tags.ts';
import { shown } from '../shown.ts';
import { classesOf } from './class-names.ts';
import { encoderBatches, encoderFor, tapped } from './encoder-batches.ts';
import { classesFor, withHead } from './heads.ts';
import { labelledTask } from './labelled-task.ts';
import { layoutOf, partsOf } from './layout.ts';
import type { Task, TaskOptions } from './task.ts';
import type { TaskData } from './task-data.ts';
import { type TrainableModel, tokenizerOf } from './trainable-model.ts';

export interface TokenOptions extends TaskOptions {
  /** The column of the words, a list or a text with spaces between them, and that of their tags, likewise. Default `tokens`, `tags`. */
  words?: string | undefined;
  tags?: string | undefined;
  /**
   * In place of words and tags: the column of texts and that of their spans, a list of `{ start, end, label }` in UTF-16 units; tags are
   * then `O`, `B-...` and `I-...`. Default none, `spans`.
   */
  text?: string | undefined;
  spans?: string | undefined;
  /** Names of the tags in the order of their numbers. Default: the model's own where it tags tokens and knows them all, else those of the data. */
  labels?: readonly string[] | undefined;
}

/**
 * Fine-tunes an encoder to tag words: cross entropy at the first token of each word (of spans at every token). A model without the head, or with
 * other tags, gets a new one. Rejects with a sentence for a decoder, a column that is not there, and fewer rows than a batch.
 */
export async function tokenTask(model: TrainableModel, data: TaskData, options: TokenOptions = {}): Promise<Task> {
  const { words = 'tokens', tags = 'tags', text, spans = 'spans', seed = 0 } = options;
  encoderFor(model, 'tags words');
  const parts = partsOf(data, options);
  const { names, numberOf } = await classesFor(model, 'token-classification', options.labels, () =>
    classesOf(parts.training, (row) => (text === undefined ? listOf(row, tags) : tagsOf(spansOf(row, spans)))),
  );
  const headed = withHead(model, 'token-classification', names, seed);
  const tokenizer = tokenizerOf(model);
  const layout = await layoutOf(headed, parts, options, { length: 128, batch: 16 });
  const { length: maxLength } = layout;
  const encode = (row: DataRow): Sequence => {
    if (text !== undefined)
      return taggedText(tokenizer, textOf(row, text), spansOf(row, spans), {
        tags: names,
        maxLength,
      });
    const numbers = listOf(row, tags).map(numberOf);
    return taggedWords(tokenizer, listOf(row, words).map(String), numbers, { tags: names, maxLength });
  };
  const { forward, batchesOf } = encoderBatches(layout, { seed });
  const labels = reshape(input('labels', 'int64', ['rows', 'length']), [-1]);
  const labelled: NonNullable<Task['labelled']> = (weights, config, tap) => ({
    logits: reshape(forward(weights, config, tapped(tap)).logits!, [-1, names.length]),
    labels,
  });
  const labelling = { model: headed, labels: names, labelled, layout, rows: parts, seed, encode, batchesOf };
  return labelledTask('token', labelling);
}

/** A list of a row, or the parts of a text between white space. */
function listOf(row: DataRow, name: string): unknown[] {
  const value = fieldOf(row, name);
  if (Array.isArray(value)) return value;
  if (typeof value === 'string') return value.split(/\s+/).filter((part) => part !== '');
  throw new Error(`the field "${name}" must be a list, or text with spaces between its parts; got ${shown(value)}.`);
}

interface Span {
  start: number;
  end: number;
  label: string;
}

function spansOf(row: DataRow, name: string): Span[] {
  const value = fieldOf(row, name);
  const isSpan = (one: unknown): one is Span => {
    const { start, end, label } = (one ?? {}) as Partial<Record<keyof Span, unknown>>;
    return [start, end].every(Number.isInteger) && typeof label === 'string';
  };
  if (Array.isArray(value) && value.every(isSpan)) return value;
  throw new Error(`the field "${name}" must be a list of { start, end, label }; got ${shown(value)}.`);
}

const tagsOf = (spans: readonly Span[]): string[] => [
  'O',
  ...spans.flatMap(({ label }) => (/^[BI]-/.test(label) ? [label] : [`B-${label}`, `I-${label}`])),
];
