import { gather, input, reduceMax, reduceMean, type Tensor } from '@working-papers/graph';
import type { Program, ProgramOptions } from '@working-papers/runtime';
import { bert, flashAttention } from '../architectures/bert.ts';
import { bertConfig } from '../architectures/bert-config.ts';
import { segmentedBertAttention, segmentInputs } from '../architectures/segments.ts';
import { additiveMasks, rectangle } from '../generation/dense.ts';
import { laySegments, segmentCountFor } from '../generation/segments.ts';
import type { ModelFacts } from '../model-facts.ts';
import type { EmbedOptions, EncoderModel } from '../types.ts';
import { equalLengthBatches } from './batches.ts';

export interface EncoderParts {
  pooling: 'mean' | 'cls' | 'max';
  /** Tokens that the model was made for, special tokens included. */
  maxSequenceLength?: number;
  threads?: number;
  signal?: AbortSignal;
}

/** Tokens of a run at most; bounds its memory whatever the batch. */
const runTokens = 4096;

/** Puts an encoder together: one program that ends in the pooled embedding; those with a mask or segments are compiled when asked for. */
export async function createEncoder(facts: ModelFacts, parts: EncoderParts): Promise<EncoderModel> {
  const { runtime, graphWeights, tokenizer } = facts;
  const config = bertConfig(facts.config);
  const contextLength = Math.min(parts.maxSequenceLength ?? config.contextLength, config.contextLength);
  const options: ProgramOptions = { threads: parts.threads, label: `${facts.reference} encoder` };
  const ids = input('ids', 'int64', ['rows', 'sequence']);
  const positions = input('positions', 'int64', ['rows', 'sequence']);
  const embedder = await runtime.compile(
    { embedding: pool(bert(facts.config, graphWeights, { ids, positions }).hidden, parts.pooling) },
    { ...options, signal: parts.signal },
  );
  /** Programs for hidden states by their number of segments; 0 takes a mask. */
  const hiddenPrograms = new Map<number, Promise<Program>>();

  const tokenize: EncoderModel['tokenize'] = (texts, { maxTokens } = {}) => {
    const limit = Math.min(maxTokens ?? contextLength, contextLength);
    if (!Number.isInteger(limit) || limit < 3)
      throw new Error(`maxTokens must be a whole number of at least 3; got ${maxTokens}.`);
    return texts.map((text) => tokenizer.encode(text, { maxLength: limit }));
  };

  const embedIds: EncoderModel['embedIds'] = async (texts, given: EmbedOptions = {}) => {
    const { normalise = true, batchSize = 32, signal, onProgress } = given;
    if (!Number.isInteger(batchSize) || batchSize < 1)
      throw new Error(`batchSize must be at least 1; got ${batchSize}.`);
    const long = texts.findIndex((text) => text.length === 0 || text.length > config.contextLength);
    if (long >= 0) {
      throw new Error(
        `Text ${long} has ${texts[long]!.length} tokens; the encoder takes 1 to ${config.contextLength}.`,
      );
    }
    const embeddings = new Array<Float32Array>(texts.length);
    let done = 0;
    for (const batch of equalLengthBatches(texts, batchSize, runTokens)) {
      signal?.throwIfAborted();
      const cells = rectangleIds(
        batch.map((index) => texts[index]!),
        facts.config.vocab_size,
        config.contextLength,
      );
      const { embedding } = await embedder.run(cells, { signal });
      const values = embedding!.data as Float32Array;
      for (const [row, index] of batch.entries()) {
        const one = values.slice(row * config.hidden, (row + 1) * config.hidden);
        embeddings[index] = normalise ? scaleToOne(one) : one;
      }
      done += batch.length;
      onProgress?.({ done, total: texts.length });
    }
    return embeddings;
  };

  const hiddenProgram = (segments: number): Promise<Program> => {
    const known = hiddenPrograms.get(segments);
    if (known) return known;
    const within =
      segments === 0
        ? { mask: input('mask', 'float32', ['rows', 1, 'sequence', 'sequence']) }
        : { parts: { attention: segmentedBertAttention(flashAttention, segmentInputs(segments)) } };
    const program = runtime.compile(
      { hidden: bert(facts.config, graphWeights, { ids, positions, ...within }).hidden },
      { ...options, label: `${facts.reference} hidden states` },
    );
    hiddenPrograms.set(segments, program);
    program.catch(() => hiddenPrograms.delete(segments));
    return program;
  };

  const hidden: EncoderModel['hidden'] = async (given) => {
    const longest = given.segments ? Number.POSITIVE_INFINITY : config.contextLength;
    const { rows, sequence, ids, positions } = rectangle(given, facts.config.vocab_size, longest);
    const count = given.segments ? segmentCountFor(given.segments.length) : 0;
    const { contextLength } = config;
    const laid = given.segments && laySegments(given, { rows, sequence, count, contextLength });
    const answer = await (await hiddenProgram(count)).run(
      {
        ids: { dtype: 'int64', shape: [rows, sequence], data: ids },
        positions: { dtype: 'int64', shape: [rows, sequence], data: laid?.positions ?? positions },
        ...(laid?.inputs ?? {
          mask: {
            dtype: 'float32',
            shape: [rows, 1, sequence, sequence],
            data: additiveMasks(given.mask, rows, sequence, true),
          },
        }),
      },
      { signal: given.signal },
    );
    return { hidden: answer.hidden!.data as Float32Array, shape: [rows, sequence, config.hidden] };
  };

  return {
    ...facts,
    kind: 'encoder',
    contextLength,
    dimensions: config.hidden,
    pooling: parts.pooling,
    tokenize,
    embed: (texts, given = {}) =>
      embedIds(
        tokenize(texts, given).map((text) => text.ids),
        given,
      ),
    embedIds,
    hidden,
    close: () => {
      embedder.release();
      for (const made of hiddenPrograms.values()) made.then((program) => program.release()).catch(() => {});
      facts.close();
    },
  };
}

/** One vector a row out of `[rows, sequence, hidden]`; there is no padding to leave out. */
function pool(hidden: Tensor, pooling: EncoderParts['pooling']): Tensor {
  if (pooling === 'cls') return gather(hidden, 0, 1);
  return pooling === 'max' ? reduceMax(hidden, [1]) : reduceMean(hidden, [1]);
}

function rectangleIds(rows: readonly (readonly number[])[], vocabulary: number, contextLength: number) {
  const sequence = rows[0]!.length;
  const cell = { ids: new BigInt64Array(rows.length * sequence), positions: new BigInt64Array(rows.length * sequence) };
  for (const [row, ids] of rows.entries()) {
    for (const [place, id] of ids.entries()) {
      if (!Number.isInteger(id) || id < 0 || id >= vocabulary)
        throw new Error(`${id} is not a token id; the model has ${vocabulary} tokens.`);
      cell.ids[row * sequence + place] = BigInt(id);
      cell.positions[row * sequence + place] = BigInt(Math.min(place, contextLength - 1));
    }
  }
  const shape = [rows.length, sequence];
  return {
    ids: { dtype: 'int64', shape, data: cell.ids },
    positions: { dtype: 'int64', shape, data: cell.positions },
  } as const;
}

/** Scaled to length 1; zeros stay zeros. */
function scaleToOne(values: Float32Array): Float32Array {
  let squares = 0;
  for (const value of values) squares += value * value;
  const factor = squares > 0 ? 1 / Math.sqrt(squares) : 0;
  return values.map((value) => value * factor);
}
