/** What comes next: of running text, of a completion after its prompt, of an assistant in a conversation. */
import { input, reshape, slice } from '@working-papers/graph';
import {
  architectureOf,
  type ChatMessage,
  decoderOf,
  type ModelConfig,
  type Tap,
  trainingAttention,
  type WeightSource,
} from '@working-papers/models';
import { bucketed, padded } from '../data/batch.ts';
import { tensorsOf } from '../data/batch-source.ts';
import { chatSequence, completionSequence } from '../data/completions.ts';
import { chunked } from '../data/packing.ts';
import { type DataRow, fieldOf, textOf } from '../data/row.ts';
import { type Sequence, textSequence, tokenised } from '../data/sequence.ts';
import { shuffledBuffers } from '../data/shuffle.ts';
import { grouped, mapped } from '../data/stages.ts';
import type { Stream } from '../data/stream.ts';
import { chunkedCrossEntropy } from '../losses/chunked-cross-entropy.ts';
import { crossEntropy, labelledWeight } from '../losses/cross-entropy.ts';
import { shown } from '../shown.ts';
import type { StepInputs } from '../step/batch-calls.ts';
import { layoutOf, partsOf } from './layout.ts';
import { labelledPlaces } from './masked.ts';
import { type Task, type TaskOptions, tokensOfMask } from './task.ts';
import type { TaskData } from './task-data.ts';
import { type TrainableModel, tokenizerOf } from './trainable-model.ts';

export interface CausalOptions extends TaskOptions {
  /** The column of running text. Default `text`. */
  text?: string | undefined;
  /** In place of it: the columns of a prompt and of what is to follow, which alone is learnt. */
  prompt?: string | undefined;
  completion?: string | undefined;
  /** In place of both: the column of conversations, lists of `{ role, content }`; what the assistant says is learnt. */
  messages?: string | undefined;
}

/** Bytes of a batch's logits from which on those of one sequence exist at a time. */
const largeLogits = 2 ** 26;

/** Sequences of running text that are mixed at once, in batches. */
const mixedBatches = 64;

/**
 * Trains a decoder to go on. Running texts are laid end to end, the end-of-text token between them, and cut every `length` tokens; completions and
 * conversations stand alone, padded, and what is not learnt costs no logits.
 * Rejects with a sentence for an encoder, a column that is not there, and fewer rows than a batch of completions.
 */
export async function causalTask(model: TrainableModel, data: TaskData, options: CausalOptions = {}): Promise<Task> {
  decoderFor(model);
  const tokenizer = tokenizerOf(model);
  const parts = partsOf(data, options);
  const { text = 'text', prompt, completion = 'completion', messages, seed = 0 } = options;
  const running = prompt === undefined && messages === undefined;
  const layout = await layoutOf(model, parts, options, { length: 256, batch: 8 }, { countsRows: !running });
  const { length, batch } = layout;
  const [end] = tokenizer.eosIds;
  const encode = (row: DataRow): Sequence => {
    if (messages !== undefined) return chatSequence(tokenizer, messagesOf(row, messages), { maxLength: length });
    if (prompt !== undefined) {
      const both = { prompt: textOf(row, prompt), completion: textOf(row, completion) };
      return completionSequence(tokenizer, both, { maxLength: length, ...(end === undefined ? {} : { end }) });
    }
    return textSequence(tokenizer, textOf(row, text), { maxLength: Number.MAX_SAFE_INTEGER });
  };
  const batchesOf = (rows: Stream<DataRow>, epoch: number): Stream<StepInputs> => {
    const sequences = tokenised(rows, encode);
    if (!running) {
      const padding = { ...layout.padding, ...(end === undefined ? {} : { padId: end }) };
      return mapped(padded(bucketed(sequences, { rows: batch, seed, epoch }), padding), (made) =>
        labelledPlaces(made, 1),
      );
    }
    const pieces = chunked(sequences, { length, ...(end === undefined ? {} : { separator: end }) });
    const mixed = shuffledBuffers(pieces, { seed, epoch, items: mixedBatches * batch });
    return mapped(padded(grouped(mixed, batch), { length }), tensorsOf);
  };
  const ids = input('ids', 'int64', ['rows', 'length']);
  const following = running ? slice(input('labels', 'int64', ['rows', 'length']), 1, 1) : undefined;
  const labels = following ? reshape(following, [-1]) : input('labels', 'int64', ['wanted']);
  const at = running ? undefined : input('at', 'int64', ['wanted']);
  // Padding stands behind every token that counts, where none of them sees it.
  const through = (weights: WeightSource, config: ModelConfig, tap?: Tap) =>
    decoderOf(config).forward(
      config,
      weights,
      { ids },
      { tap, parts: { attention: trainingAttention() }, logitsAt: at },
    );
  const labelled = (weights: WeightSource, config: ModelConfig, tap?: Tap) => {
    const { logits } = through(weights, config, tap);
    return { logits: running ? reshape(slice(logits!, 1, 0, -1), [-1, config.vocab_size]) : logits!, labels };
  };
  const large = layout.batch * layout.length * model.config.vocab_size * 4 > largeLogits;
  return {
    kind: 'causal',
    model,
    rows: layout.rows,
    ...(running ? {} : { batch }),
    labelled,
    graph(weights, tap) {
      const count = labelledWeight(labels);
      if (!following || !large) {
        return { loss: crossEntropy(labelled(weights, model.config, tap).logits, labels), count };
      }
      // A tap that looks at the logits gets some, but cannot replace these.
      const { hidden } = through(weights, model.config, tap);
      const head = decoderOf(model.config).head(model.config, weights);
      return { loss: chunkedCrossEntropy(slice(hidden!, 1, 0, -1), following, head), count };
    },
    batches: (epoch) => batchesOf(parts.training.shuffled({ seed, epoch }), epoch),
    evaluation: parts.evaluation && batchesOf(parts.evaluation.inOrder(), 0),
    values: ({ loss }) => ({ loss: loss!, perplexity: Math.exp(loss!) }),
    tokensOf: tokensOfMask,
  };
}

/** Throws a sentence unless the model is a decoder. */
function decoderFor({ config, reference }: TrainableModel): void {
  if (architectureOf(config).kind === 'decoder') return;
  throw new Error(
    `${reference} is of the type '${config.model_type}', which does not continue texts. Take a decoder (Llama, GPT-2, ...), or find masked tokens (masked) with an encoder.`,
  );
}

function messagesOf(row: DataRow, name: string): ChatMessage[] {
  const value = fieldOf(row, name);
  const isMessage = (one: unknown): one is ChatMessage => {
    const { role, content } = (one ?? {}) as Partial<ChatMessage>;
    return typeof role === 'string' && typeof content === 'string';
  };
  if (Array.isArray(value) && value.every(isMessage)) return value;
  throw new Error(`the field "${name}" must be a list of { role, content }; got ${shown(value)}.`);
}
