import { input } from '@working-papers/graph';
import type { HostTensor } from '@working-papers/runtime';
import { rowsBesidePadding } from '../architectures/encoder.ts';
import type { EncoderHead } from '../architectures/encoder-heads.ts';
import { encoderOf } from '../architectures/index.ts';
import type { RunOptions } from '../heads/types.ts';
import type { ModelFacts } from '../model-facts.ts';
import type { WeightSource } from '../types.ts';
import { equalLengthBatches } from './batches.ts';
import { compilePacked, type PackedProgram } from './packed.ts';
import { neededBy, type ProgramParts, pool, type Row } from './parts.ts';

/** Texts through an encoder, each as it would be alone. */
export interface EncoderProgram {
  readonly head: EncoderHead | undefined;
  /** The last dimension of the head's logits. */
  readonly logitsWidth: number | undefined;
  /** The pooled hidden states `[dimensions]` of each row. */
  embeddings(rows: readonly Row[], options: RunOptions): Promise<Float32Array[]>;
  /**
   * The head's answer for each row: `[labels]`, or `[sequence, labels]`. Of a masked language model only those of `places`, for each
   * row which of its tokens are wanted: `[wanted, vocabulary]`; `take` sees each row's values, which are overwritten afterwards.
   */
  logits(
    rows: readonly Row[],
    options: RunOptions,
    take: (index: number, values: Float32Array, shape: readonly number[]) => void,
    places?: readonly (readonly number[])[],
  ): Promise<void>;
  release(): void;
}

/** Texts from which on a program of their own, for texts end to end, is worth its compiling. */
const manyTexts = 32;
/** Tokens of a run at most; bounds its memory whatever the batch. */
const runTokens = 4096;
/** Logits over a vocabulary of a run at most, where it has more than a row. */
const runLogits = 2 ** 24;

/** Compiles one program that ends in the pooled embedding and in the head's logits, so that both share their weights. */
export async function compileEncoder(
  facts: ModelFacts,
  parts: ProgramParts,
  weights: WeightSource = facts.graphWeights,
): Promise<EncoderProgram> {
  const { runtime, config: modelConfig } = facts;
  const architecture = encoderOf(modelConfig);
  const config = architecture.encoderConfig(modelConfig);
  const head = architecture.head(modelConfig, weights);
  const types = modelConfig.type_vocab_size ?? 2;
  const takesTypes =
    head !== undefined && types > 1 && architecture.inputs(modelConfig).optional.includes('tokenTypes');
  const ids = input('ids', 'int64', ['rows', 'sequence']);
  const built = architecture.build(modelConfig, weights, {
    ids,
    positions: input('positions', 'int64', ['rows', 'sequence']),
    positionRows: config.padding === undefined ? undefined : rowsBesidePadding(ids, config.padding),
    tokenTypes: takesTypes ? input('tokenTypes', 'int64', ['rows', 'sequence']) : undefined,
    logitsAt: head === 'masked-lm' ? input('at', 'int64', ['wanted']) : undefined,
  });
  const program = await runtime.compile(
    { embedding: pool(built.hidden, parts.pooling), ...(built.logits ? { logits: built.logits } : {}) },
    {
      threads: parts.threads,
      signal: parts.signal,
      label: `${facts.reference} encoder`,
    },
  );
  let packed: Promise<PackedProgram> | undefined;
  const packs = (rows: readonly Row[]) =>
    rows.length >= manyTexts && !config.embedsRows && rows.some(({ ids }) => ids.length !== rows[0]!.ids.length);
  const logits = program.outputs.find(({ name }) => name === 'logits')?.shape;

  const check = (rows: readonly Row[], { batchSize = 1 }: RunOptions) => {
    if (!Number.isInteger(batchSize) || batchSize < 1)
      throw new Error(`batchSize must be at least 1; got ${batchSize}.`);
    for (const [index, row] of rows.entries())
      checkRow(takesTypes ? row : { ids: row.ids }, index, {
        vocabulary: modelConfig.vocab_size,
        types,
        contextLength: config.contextLength,
      });
  };

  /** Batch after batch, longest first; `places` of a batch are those of its rows. */
  async function run(
    rows: readonly Row[],
    output: 'embedding' | 'logits',
    { batchSize = 32, signal, onProgress }: RunOptions,
    at: (index: number) => readonly number[],
    take: (answer: HostTensor, batch: readonly number[]) => void,
  ): Promise<void> {
    let done = 0;
    for (const batch of equalLengthBatches(
      rows.map(({ ids }) => ids),
      batchSize,
      runTokens,
    )) {
      signal?.throwIfAborted();
      const cells = cellsOf(
        batch.map((index) => rows[index]!),
        batch.map(at),
        config.contextLength,
      );
      const answer = await program.run(neededBy(program, cells), { outputs: [output], ...(signal ? { signal } : {}) });
      take(answer[output]!, batch);
      done += batch.length;
      onProgress?.({ done, total: rows.length });
    }
  }

  return {
    head,
    logitsWidth: logits?.at(-1) as number | undefined,
    async embeddings(rows, options) {
      check(rows, options);
      if (packs(rows)) {
        const { signal: _, ...own } = parts;
        packed ??= compilePacked(facts, own, weights, { tokenTypes: takesTypes });
        packed.catch(() => {
          packed = undefined;
        });
        return (await packed).embeddings(rows, options);
      }
      const embeddings = new Array<Float32Array>(rows.length);
      // One place's logits are computed in vain.
      await run(
        rows,
        'embedding',
        options,
        () => [],
        ({ data }, batch) => {
          for (const [row, index] of batch.entries())
            embeddings[index] = (data as Float32Array).slice(row * config.hidden, (row + 1) * config.hidden);
        },
      );
      return embeddings;
    },
    async logits(rows, options, take, places) {
      check(rows, options);
      const at = (index: number) => places?.[index] ?? rows[index]!.ids.map((_, place) => place);
      const most = rows.reduce((sum, _, index) => Math.max(sum, at(index).length), 1);
      const fitting = Math.max(1, Math.floor(runLogits / (most * modelConfig.vocab_size)));
      const { batchSize = 32 } = options;
      const within = head === 'masked-lm' ? { ...options, batchSize: Math.min(batchSize, fitting) } : options;
      await run(rows, 'logits', within, at, ({ data, shape }, batch) => {
        let start = 0;
        for (const index of batch) {
          const own = head === 'masked-lm' ? [at(index).length, shape[1]!] : shape.slice(1);
          const end = start + own.reduce((product, size) => product * size, 1);
          take(index, (data as Float32Array).subarray(start, end), own);
          start = end;
        }
      });
    },
    release() {
      program.release();
      packed?.then((made) => made.release()).catch(() => {});
    },
  };
}

function checkRow(
  { ids, typeIds }: Row,
  index: number,
  limits: { vocabulary: number; types: number; contextLength: number },
): void {
  if (ids.length === 0 || ids.length > limits.contextLength)
    throw new Error(`Text ${index} has ${ids.length} tokens; the encoder takes 1 to ${limits.contextLength}.`);
  const odd = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= limits.vocabulary);
  if (odd !== undefined) throw new Error(`${odd} is not a token id; the model has ${limits.vocabulary} tokens.`);
  if (!typeIds) return;
  if (typeIds.length !== ids.length)
    throw new Error(`Text ${index} has ${ids.length} tokens and ${typeIds.length} token types; give one a token.`);
  const type = typeIds.find((type) => !Number.isInteger(type) || type < 0 || type >= limits.types);
  if (type !== undefined)
    throw new Error(`${type} is not a token type of the model; it has ${limits.types}, counted from 0.`);
}

/** Rows of one length as inputs of the program, with the places whose logits are wanted counted through all rows. */
function cellsOf(rows: readonly Row[], at: readonly (readonly number[])[], contextLength: number) {
  const sequence = rows[0]!.ids.length;
  const count = rows.length * sequence;
  const [ids, positions, types] = [new BigInt64Array(count), new BigInt64Array(count), new BigInt64Array(count)];
  for (const [row, { ids: own, typeIds }] of rows.entries()) {
    for (const [place, id] of own.entries()) {
      const cell = row * sequence + place;
      ids[cell] = BigInt(id);
      positions[cell] = BigInt(Math.min(place, contextLength - 1));
      types[cell] = BigInt(typeIds?.[place] ?? 0);
    }
  }
  const wanted = at.flatMap((places, row) => places.map((place) => BigInt(row * sequence + place)));
  // No kernel is asked to work on nothing.
  if (wanted.length === 0) wanted.push(0n);
  const shape = [rows.length, sequence];
  return {
    ids: { dtype: 'int64', shape, data: ids },
    positions: { dtype: 'int64', shape, data: positions },
    tokenTypes: { dtype: 'int64', shape, data: types },
    at: { dtype: 'int64', shape: [wanted.length], data: BigInt64Array.from(wanted) },
  } as const;
}
