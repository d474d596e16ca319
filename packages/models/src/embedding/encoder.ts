import { input } from '@working-papers/graph';
import type { Program } from '@working-papers/runtime';
import { looking } from '../activations/looking.ts';
import { type EncoderInput, encoderAttention } from '../architectures/encoder.ts';
import { encoderOf } from '../architectures/index.ts';
import { segmentedEncoderAttention, segmentInputs } from '../architectures/segments.ts';
import { additiveMasks, rectangle } from '../generation/dense.ts';
import { laySegments, segmentCountFor } from '../generation/segments.ts';
import { createHeads } from '../heads/index.ts';
import type { ModelFacts } from '../model-facts.ts';
import type { EmbedOptions, EncoderModel } from '../types.ts';
import { neededBy, type ProgramParts } from './parts.ts';
import { compileEncoder } from './program.ts';
import { tokenizing } from './tokenize.ts';

export interface EncoderOptions extends ProgramParts {
  /** Tokens that the model was made for, special tokens included. */
  maxSequenceLength?: number | undefined;
}

/**
 * Puts an encoder together: one program that ends in the pooled embedding and in the head's logits; those with a mask or segments are
 * compiled when asked for.
 */
export async function createEncoder(facts: ModelFacts, parts: EncoderOptions): Promise<EncoderModel> {
  const { runtime, graphWeights } = facts;
  const architecture = encoderOf(facts.config);
  const config = architecture.encoderConfig(facts.config);
  const contextLength = Math.min(parts.maxSequenceLength ?? config.contextLength, config.contextLength);
  const { weights } = facts.prompt ? await facts.prompt() : { weights: graphWeights };
  const program = await compileEncoder(facts, parts, weights);
  const { tokenize, limitOf } = tokenizing(facts.tokenizer, contextLength);
  const look = looking(facts, parts);
  const ids = input('ids', 'int64', ['rows', 'sequence']);
  const positions = input('positions', 'int64', ['rows', 'sequence']);
  const build = (input: Omit<EncoderInput, 'ids' | 'positions'>) =>
    architecture.build(facts.config, weights, { ids, positions, ...input }).hidden;
  /** Programs for hidden states by their number of segments; 0 takes a mask. */
  const hiddenPrograms = new Map<number, Promise<Program>>();

  const embedRows = async (
    rows: readonly { ids: readonly number[] }[],
    { normalise = true, ...given }: EmbedOptions = {},
  ): Promise<Float32Array[]> => {
    const embeddings = await program.embeddings(
      rows.map(({ ids }) => ({ ids })),
      given,
    );
    return normalise ? embeddings.map(scaleToOne) : embeddings;
  };

  const hiddenProgram = (segments: number): Promise<Program> => {
    const known = hiddenPrograms.get(segments);
    if (known) return known;
    const within =
      segments === 0
        ? { mask: input('mask', 'float32', ['rows', 1, 'sequence', 'sequence']) }
        : { parts: { attention: segmentedEncoderAttention(encoderAttention, segmentInputs(segments)) } };
    const program = runtime.compile(
      { hidden: build(within) },
      { threads: parts.threads, label: `${facts.reference} hidden states` },
    );
    hiddenPrograms.set(segments, program);
    program.catch(() => hiddenPrograms.delete(segments));
    return program;
  };

  const hidden: EncoderModel['hidden'] = async (given) => {
    const longest = given.segments ? Number.POSITIVE_INFINITY : config.contextLength;
    const { rows, sequence, ids, positions } = rectangle(given, facts.config.vocab_size, longest);
    if (given.segments && config.embedsRows) {
      throw new Error(
        `The embeddings of '${facts.config.model_type}' with token_dropout depend on the whole row, so segments would not be alone. Give each text a row.`,
      );
    }
    const count = given.segments ? segmentCountFor(given.segments.length) : 0;
    const { contextLength } = config;
    const laid = given.segments && laySegments(given, { rows, sequence, count, contextLength });
    const cells = {
      ids: { dtype: 'int64', shape: [rows, sequence], data: ids },
      positions: { dtype: 'int64', shape: [rows, sequence], data: laid?.positions ?? positions },
      ...(laid?.inputs ?? {
        mask: {
          dtype: 'float32',
          shape: [rows, 1, sequence, sequence],
          data: additiveMasks(given.mask, rows, sequence, true),
        },
      }),
    } as const;
    const program = await hiddenProgram(count);
    const answer = await program.run(neededBy(program, cells), { signal: given.signal });
    return { hidden: answer.hidden!.data as Float32Array, shape: [rows, sequence, config.hidden] };
  };

  return {
    ...facts,
    ...createHeads({ facts, program, limitOf, tokenize }),
    kind: 'encoder',
    taps: look.taps,
    activations: look.activations,
    contextLength,
    dimensions: config.hidden,
    pooling: parts.pooling,
    tokenize,
    embed: (texts, given) => embedRows(tokenize(texts, given), given),
    embedIds: (texts, given) =>
      embedRows(
        texts.map((ids) => ({ ids })),
        given,
      ),
    hidden,
    close: () => {
      program.release();
      look.release();
      for (const made of hiddenPrograms.values()) made.then((program) => program.release()).catch(() => {});
      facts.close();
    },
  };
}

/** Scaled to length 1; zeros stay zeros. */
export function scaleToOne(values: Float32Array): Float32Array {
  let squares = 0;
  for (const value of values) squares += value * value;
  const factor = squares > 0 ? 1 / Math.sqrt(squares) : 0;
  return values.map((value) => value * factor);
}
