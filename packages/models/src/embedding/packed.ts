import { concat, input } from '@working-papers/graph';
import type { HostTensor } from '@working-papers/runtime';
import { encoderAttention } from '../architectures/encoder.ts';
import { encoderOf } from '../architectures/index.ts';
import { segmentedEncoderAttention, segmentInputs, takeSegments } from '../architectures/segments.ts';
import type { RunOptions } from '../heads/types.ts';
import type { ModelFacts } from '../model-facts.ts';
import type { WeightSource } from '../types.ts';
import { packedBatches } from './batches.ts';
import { neededBy, type ProgramParts, pool, type Row } from './parts.ts';

/** Stacks of texts of one length that a run takes. */
const stacks = 8;
/** Tokens of a run: products of so many rows keep the processor's threads busy, and pass through its caches still. */
const runTokens = 1024;

/** Embeddings of many texts at once. */
export interface PackedProgram {
  /** The pooled hidden states `[dimensions]` of each row, as it would be alone. */
  embeddings(rows: readonly Row[], options: RunOptions): Promise<Float32Array[]>;
  release(): void;
}

/**
 * Compiles the encoder over texts of several lengths end to end, `[1, tokens]`: products and norms see all tokens at once, the attention
 * each text alone. So nothing is padded, and the products are large however the lengths are spread.
 */
export async function compilePacked(
  { runtime, config: modelConfig, reference }: ModelFacts,
  { pooling, threads, signal }: ProgramParts,
  weights: WeightSource,
  { tokenTypes }: { tokenTypes: boolean },
): Promise<PackedProgram> {
  const architecture = encoderOf(modelConfig);
  const { hidden: width, padding } = architecture.encoderConfig(modelConfig);
  const inputs = segmentInputs(stacks, { stacked: true });
  const whole = (name: string) => input(name, 'int64', [1, 'sequence']);
  const { hidden } = architecture.build(modelConfig, weights, {
    ids: whole('ids'),
    positions: whole('positions'),
    positionRows: padding === undefined ? undefined : whole('positionRows'),
    tokenTypes: tokenTypes ? whole('tokenTypes') : undefined,
    parts: { attention: segmentedEncoderAttention(encoderAttention, inputs) },
  });
  const embedding = concat(
    takeSegments(hidden, inputs).map((stack) => pool(stack, pooling)),
    0,
  );
  const program = await runtime.compile({ embedding }, { threads, signal, label: `${reference} packed texts` });

  return {
    async embeddings(rows, { batchSize = Number.POSITIVE_INFINITY, signal, onProgress }) {
      const embeddings = new Array<Float32Array>(rows.length);
      const limits = { stacks, tokens: runTokens, texts: batchSize };
      let done = 0;
      for (const run of packedBatches(
        rows.map(({ ids }) => ids),
        limits,
      )) {
        signal?.throwIfAborted();
        const cells = cellsOf(
          run.map((stack) => stack.map((index) => rows[index]!)),
          padding,
        );
        const answer = await program.run(neededBy(program, cells), signal ? { signal } : {});
        const data = answer.embedding!.data as Float32Array;
        for (const [row, index] of run.flat().entries()) embeddings[index] = data.slice(row * width, (row + 1) * width);
        done += run.flat().length;
        onProgress?.({ done, total: rows.length });
      }
      return embeddings;
    },
    release: () => program.release(),
  };
}

/** Stacks of rows as inputs of the program. A stack that is not needed is the first token once more, behind all others. */
function cellsOf(run: readonly (readonly Row[])[], padding = 0): Record<string, HostTensor> {
  const rows = run.flat();
  const count = rows.reduce((sum, { ids }) => sum + ids.length, 0);
  const column = () => new BigInt64Array(count);
  const cells = {
    ids: column(),
    positions: column(),
    positionRows: column(),
    tokenTypes: column(),
    order: column(),
  };
  let cell = 0;
  for (const { ids, typeIds } of rows) {
    let position = 0;
    for (const [place, id] of ids.entries()) {
      cells.ids[cell] = BigInt(id);
      cells.positions[cell] = BigInt(place);
      // As rowsBesidePadding counts them.
      cells.positionRows[cell] = BigInt(id === padding ? padding : padding + ++position);
      cells.tokenTypes[cell] = BigInt(typeIds?.[place] ?? 0);
      cells.order[cell] = BigInt(cell);
      cell++;
    }
  }
  const given: Record<string, HostTensor> = {};
  for (const [name, data] of Object.entries(cells)) given[name] = { dtype: 'int64', shape: [1, count], data };
  let first = 0;
  for (let stack = 0; stack < stacks; stack++) {
    const texts = run[stack] ?? [];
    const shape = texts[0] ? [texts.length, texts[0].ids.length] : [1, 1];
    const size = shape[0]! * shape[1]!;
    const start = texts[0] ? first : 0;
    const data = BigInt64Array.from({ length: size }, (_, i) => BigInt(start + i));
    given[`segment.${stack}`] = { dtype: 'int64', shape, data };
    first += size;
  }
  return given;
}
