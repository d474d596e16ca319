import { input, type Tensor } from '@working-papers/graph';
import type { HostTensor, Program, ProgramOptions, Runtime } from '@working-papers/runtime';
import { denseAttention, isPrompt, promptAttention } from '../architectures/attention.ts';
import { decoderOf } from '../architectures/index.ts';
import { additiveMask } from '../architectures/masks.ts';
import type { Attention, DecoderConfig, DecoderParts } from '../architectures/parts.ts';
import { queryBlockAttention } from '../architectures/query-block-attention.ts';
import { segmentedAttention, segmentInputs } from '../architectures/segments.ts';
import type { ModelConfig } from '../formats/types.ts';
import type { WeightSource } from '../types.ts';
import { runInto } from './run-into.ts';
import { laySegments } from './segments.ts';
import type { DenseInput, DenseOutput } from './types.ts';

/** From so many tokens on, a causal pass goes by blocks of queries: nothing of the size sequence x sequence is built. */
export const blocksFrom = 512;

/**
 * The graph without a cache, and each layer's keys and values beside the logits: under any mask and any positions, causally by
 * blocks of queries, or within so many segments alone.
 */
export function compileDense(
  runtime: Runtime,
  modelConfig: ModelConfig,
  config: DecoderConfig,
  weights: WeightSource,
  parts: Partial<DecoderParts> | undefined,
  options: ProgramOptions,
  form: 'masked' | 'blocks' | number,
): Promise<Program> {
  const positions = input('positions', 'int64', ['rows', 'sequence']);
  const output = decoderOf(modelConfig).build(modelConfig, weights, {
    ids: input('ids', 'int64', ['rows', 'sequence']),
    ...(form === 'masked'
      ? {
          positions,
          mask: input('mask', 'float32', ['rows', 1, 'sequence', 'sequence']),
          parts: { ...parts, attention: parts?.attention ?? denseAttention },
        }
      : form === 'blocks'
        ? { positions, parts: { ...parts, attention: queryBlockAttention() } }
        : {
            parts: {
              ...parts,
              attention: segmentedAttention(parts?.attention ?? withinSegment, segmentInputs(form)),
            },
          }),
    logitsAt: input('at', 'int64', ['wanted']),
  });
  const outputs: Record<string, Tensor> = { logits: output.logits };
  for (let layer = 0; layer < config.layers; layer++) {
    outputs[`key.${layer}`] = output.keys[layer]!;
    outputs[`value.${layer}`] = output.values[layer]!;
  }
  return runtime.compile(outputs, options);
}

/** The fused kernel where it knows these positions, plain operations elsewhere. */
const withinSegment: Attention = (input) => (isPrompt(input) ? promptAttention(input) : denseAttention(input));

/** One run of {@link compileDense}'s program for masks, or, without one, for blocks. */
export function runDense(
  runtime: Runtime,
  program: Program,
  config: DecoderConfig,
  given: DenseInput,
): Promise<DenseOutput> {
  const { rows, sequence, ids, positions } = rectangle(given, config.vocabulary, config.contextLength);
  const takes = new Set(program.inputs.map(({ name }) => name));
  return runWith(runtime, program, config, given, {
    inputs: {
      ids: { dtype: 'int64', shape: [rows, sequence], data: ids },
      // A model without positions has no such input.
      ...(takes.has('positions') && { positions: { dtype: 'int64', shape: [rows, sequence], data: positions } }),
      ...(takes.has('mask') && {
        mask: {
          dtype: 'float32',
          shape: [rows, 1, sequence, sequence],
          data: additiveMasks(given.mask, rows, sequence),
        },
      }),
    },
    places: rows * sequence,
    cacheRows: rows,
    cacheLength: sequence,
    locate(row, start, end) {
      if (!(row >= 0 && row < rows && start >= 0 && start <= end && end <= sequence)) {
        throw new Error(`Places ${start} to ${end} of row ${row} are not among ${rows} rows of ${sequence} tokens.`);
      }
      return { row, start };
    },
  });
}

/** One run of {@link compileDense}'s program for `count` segments. */
export function runSegments(
  runtime: Runtime,
  program: Program,
  config: DecoderConfig,
  given: DenseInput,
  count: number,
): Promise<DenseOutput> {
  const { rows, sequence, ids } = rectangle({ ids: given.ids }, config.vocabulary, Number.POSITIVE_INFINITY);
  const laid = laySegments(given, { rows, sequence, count, contextLength: config.contextLength });
  return runWith(runtime, program, config, given, {
    inputs: { ids: { dtype: 'int64', shape: [rows, sequence], data: ids }, ...laid.inputs },
    places: rows * sequence,
    cacheRows: 1,
    cacheLength: laid.length,
    locate: (row, start, end) => ({ row: 0, start: laid.locate(row, start, end) }),
  });
}

interface Laid {
  inputs: Record<string, HostTensor>;
  /** rows * sequence */
  places: number;
  /** Keys and values come out as `[cacheRows, kvHeads, cacheLength, headDim]`. */
  cacheRows: number;
  cacheLength: number;
  /** Where in them the places `[start, end)` of a row lie. */
  locate(row: number, start: number, end: number): { row: number; start: number };
}

async function runWith(
  runtime: Runtime,
  program: Program,
  config: DecoderConfig,
  given: DenseInput,
  laid: Laid,
): Promise<DenseOutput> {
  const wanted = given.logitsAt ?? [];
  const odd = wanted.find((place) => !Number.isInteger(place) || place < 0 || place >= laid.places);
  if (odd !== undefined) {
    throw new Error(`Logits are wanted at place ${odd}; the rows have places 0 to ${laid.places - 1}.`);
  }
  const { kvHeads, headDim } = config;
  const layers = Array.from({ length: given.cache === false ? 0 : config.layers }, (_, layer) => layer);
  const cacheShape = [laid.cacheRows, kvHeads, laid.cacheLength, headDim];
  const at = BigInt64Array.from(wanted.length ? wanted : [0], BigInt);
  const answer = await runInto(
    runtime,
    program,
    { ...laid.inputs, at: { dtype: 'int64', shape: [at.length], data: at } },
    {
      ...(wanted.length || layers.length === 0 ? { logits: [at.length, config.vocabulary] } : {}),
      ...Object.fromEntries(
        layers.flatMap((layer) => [`key.${layer}`, `value.${layer}`].map((name) => [name, cacheShape])),
      ),
    },
    given.signal,
  );
  const whole = (kind: 'key' | 'value') =>
    layers.map((layer) => answer.tensors[`${kind}.${layer}`]!.read() as Float32Array);
  const logits = wanted.length ? (answer.tensors.logits!.read() as Float32Array) : new Float32Array(0);
  return {
    get keys() {
      return whole('key');
    },
    get values() {
      return whole('value');
    },
    logits,
    entries(row, start, end) {
      const from = laid.locate(row, start, end);
      const width = (end - start) * headDim;
      const cut = (kind: 'key' | 'value') =>
        layers.map((layer) => {
          const entries = new Float32Array(kvHeads * width);
          for (let head = 0; head < kvHeads && width > 0; head++) {
            const offset = ((from.row * kvHeads + head) * laid.cacheLength + from.start) * headDim;
            entries.set(answer.tensors[`${kind}.${layer}`]!.read(offset, width) as Float32Array, head * width);
          }
          return entries;
        });
      return { sequence: end - start, keys: cut('key'), values: cut('value') };
    },
    release: answer.release,
  };
}

/** Ids and positions as a program takes them; a sentence where they are not one rectangle. */
export function rectangle(
  given: Pick<DenseInput, 'ids' | 'positions'>,
  vocabulary: number,
  contextLength: number,
): { rows: number; sequence: number; ids: BigInt64Array; positions: BigInt64Array } {
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
  return { rows, sequence, ids, positions };
}

/** `mask` checked to be `[rows, sequence, sequence]`; without one, a causal mask for every row, or none at all. */
export function additiveMasks(
  mask: Float32Array | undefined,
  rows: number,
  sequence: number,
  bidirectional = false,
): Float32Array {
  const area = sequence * sequence;
  if (!mask) {
    const masks = new Float32Array(rows * area);
    if (bidirectional) return masks;
    const causal = additiveMask(sequence, (query, key) => key <= query);
    for (let row = 0; row < rows; row++) masks.set(causal, row * area);
    return masks;
  }
  if (mask.length !== rows * area) {
    throw new Error(`The mask has ${mask.length} numbers; [${rows}, ${sequence}, ${sequence}] are ${rows * area}.`);
  }
  return mask;
}
