import { input, type Tensor } from '@working-papers/graph';
import type { Program, ProgramOptions, Runtime } from '@working-papers/runtime';
import { denseAttention } from '../architectures/attention.ts';
import { llama } from '../architectures/llama.ts';
import type { LlamaConfig } from '../architectures/llama-config.ts';
import { additiveMask } from '../architectures/masks.ts';
import type { LlamaParts } from '../architectures/parts.ts';
import type { ModelConfig } from '../formats/types.ts';
import type { DenseInput, DenseOutput, WeightSource } from '../types.ts';

/** The graph without a cache: any mask, any positions, and each layer's keys and values beside the logits. */
export function compileDense(
  runtime: Runtime,
  modelConfig: ModelConfig,
  config: LlamaConfig,
  weights: WeightSource,
  parts: Partial<LlamaParts> | undefined,
  options: ProgramOptions,
): Promise<Program> {
  const output = llama(modelConfig, weights, {
    ids: input('ids', 'int64', ['rows', 'sequence']),
    positions: input('positions', 'int64', ['rows', 'sequence']),
    mask: input('mask', 'float32', ['rows', 1, 'sequence', 'sequence']),
    parts: { ...parts, attention: parts?.attention ?? denseAttention },
    logitsAt: input('at', 'int64', ['wanted']),
  });
  const outputs: Record<string, Tensor> = { logits: output.logits };
  for (let layer = 0; layer < config.layers; layer++) {
    outputs[`key.${layer}`] = output.keys[layer]!;
    outputs[`value.${layer}`] = output.values[layer]!;
  }
  return runtime.compile(outputs, options);
}

/** One run of {@link compileDense}'s program. */
export async function runDense(program: Program, config: LlamaConfig, given: DenseInput): Promise<DenseOutput> {
  const { rows, sequence, ids, positions, mask } = rectangle(given, config.vocabulary, config.contextLength);
  const wanted = given.logitsAt ?? [];
  const odd = wanted.find((place) => !Number.isInteger(place) || place < 0 || place >= rows * sequence);
  if (odd !== undefined) {
    throw new Error(
      `Logits are wanted at place ${odd}; ${rows} rows of ${sequence} tokens have places 0 to ${rows * sequence - 1}.`,
    );
  }
  const layers = Array.from({ length: given.cache === false ? 0 : config.layers }, (_, layer) => layer);
  const answer = await program.run(
    {
      ids: { dtype: 'int64', shape: [rows, sequence], data: ids },
      positions: { dtype: 'int64', shape: [rows, sequence], data: positions },
      mask: { dtype: 'float32', shape: [rows, 1, sequence, sequence], data: mask },
      at: {
        dtype: 'int64',
        shape: [wanted.length || 1],
        data: BigInt64Array.from(wanted.length ? wanted : [0], BigInt),
      },
    },
    {
      outputs: [
        ...(wanted.length || layers.length === 0 ? ['logits'] : []),
        ...layers.flatMap((layer) => [`key.${layer}`, `value.${layer}`]),
      ],
      signal: given.signal,
    },
  );
  const keys = layers.map((layer) => answer[`key.${layer}`]!.data as Float32Array);
  const values = layers.map((layer) => answer[`value.${layer}`]!.data as Float32Array);
  const cut = (tensor: Float32Array, row: number, start: number, end: number): Float32Array => {
    const { kvHeads, headDim } = config;
    const width = (end - start) * headDim;
    const entries = new Float32Array(kvHeads * width);
    for (let head = 0; head < kvHeads; head++) {
      const from = ((row * kvHeads + head) * sequence + start) * headDim;
      entries.set(tensor.subarray(from, from + width), head * width);
    }
    return entries;
  };
  return {
    keys,
    values,
    logits: wanted.length ? (answer.logits!.data as Float32Array) : new Float32Array(0),
    entries(row, start, end) {
      if (!(row >= 0 && row < rows && start >= 0 && start <= end && end <= sequence)) {
        throw new Error(`Places ${start} to ${end} of row ${row} are not among ${rows} rows of ${sequence} tokens.`);
      }
      return {
        sequence: end - start,
        keys: keys.map((tensor) => cut(tensor, row, start, end)),
        values: values.map((tensor) => cut(tensor, row, start, end)),
      };
    },
  };
}

/** Ids, positions and mask as a program takes them; a sentence where they are not one rectangle. */
export function rectangle(
  given: Pick<DenseInput, 'ids' | 'positions' | 'mask'>,
  vocabulary: number,
  contextLength: number,
  bidirectional = false,
): { rows: number; sequence: number; ids: BigInt64Array; positions: BigInt64Array; mask: Float32Array } {
  const rows = given.ids.length;
  const sequence = given.ids[0]?.length ?? 0;
  if (rows === 0 || sequence === 0)
    throw new Error(`At least one row of one token is needed; got ${rows} rows of ${sequence}.`);
  const flatten = (table: readonly (readonly number[])[], what: string, below: number): BigInt64Array => {
    const flat = new BigInt64Array(rows * sequence);
    if (table.length !== rows) throw new Error(`There are ${rows} rows of ids and ${table.length} of ${what}.`);
    for (const [row, line] of table.entries()) {
      if (line.length !== sequence) {
        throw new Error(
          `Row ${row} of ${what} has ${line.length} tokens and row 0 of ids has ${sequence}; pad them to one length.`,
        );
      }
      for (let i = 0; i < sequence; i++) {
        const value = line[i]!;
        if (!Number.isInteger(value) || value < 0 || value >= below) {
          throw new Error(`Token ${i} of row ${row}: ${value} is not one of the model's ${below} ${what}.`);
        }
        flat[row * sequence + i] = BigInt(value);
      }
    }
    return flat;
  };
  const ids = flatten(given.ids, 'ids', vocabulary);
  const counted = Array.from({ length: sequence }, (_, place) => place);
  const positions = flatten(given.positions ?? given.ids.map(() => counted), 'positions', contextLength);
  const area = sequence * sequence;
  let mask = given.mask;
  if (!mask) {
    mask = new Float32Array(rows * area);
    if (!bidirectional) {
      const causal = additiveMask(sequence, (query, key) => key <= query);
      for (let row = 0; row < rows; row++) mask.set(causal, row * area);
    }
  }
  if (mask.length !== rows * area) {
    throw new Error(`The mask has ${mask.length} numbers; [${rows}, ${sequence}, ${sequence}] are ${rows * area}.`);
  }
  return { rows, sequence, ids, positions, mask };
}
