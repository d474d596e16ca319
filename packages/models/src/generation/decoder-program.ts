import {
  argMax,
  dimensionProduct,
  gatherElements,
  input,
  logSoftmax,
  neg,
  reshape,
  squeeze,
  type Tensor,
  unsqueeze,
} from '@working-papers/graph';
import type { Call, DeviceTensor, Program, ProgramOptions, Runtime } from '@working-papers/runtime';
import type { DecoderInput, DecoderOutput } from '../architectures/decoder.ts';
import type { DecoderConfig } from '../architectures/parts.ts';
import type { Tap } from '../types.ts';
import type { DeviceCache } from './kv-cache.ts';
import { BoundWatch, type Watch } from './watch.ts';

/** Tokens of a prompt that are computed at once, at most and at least. */
export const [mostAtOnce, leastAtOnce] = [512, 64] as const;
/** Multiplications and additions of a chunk, about a second's: so often a prompt shows its progress. */
const chunkOperations = 2e11;
/** Scores of one layer that exist at once: 128 MiB of them. */
const chunkScores = 2 ** 25;

/** Tokens of a prompt to compute at once behind `held` in the cache, at most `most`: few nodes for small models, bounded memory and progress for others. */
export function chunkLength(
  { layers, hidden, intermediate, heads, kvHeads, headDim }: DecoderConfig,
  held: number,
  most: number = mostAtOnce,
): number {
  const parameters = layers * hidden * (2 * (heads + kvHeads) * headDim + 3 * intermediate);
  let length = most;
  const fits = () => 2 * parameters * length <= chunkOperations && heads * length * (held + length) <= chunkScores;
  while (length > leastAtOnce && !fits()) length /= 2;
  return length;
}

/** What the graph of a step is given: new tokens after those in the cache. */
export interface StepInput {
  ids: Tensor;
  positions: Tensor;
  cache: NonNullable<DecoderInput['cache']>;
  logitsAt: Tensor;
  tap?: Tap | undefined;
}

/**
 * The graph of prefill and step: `sequence` new tokens after those in the cache. The most probable next token is chosen
 * inside; logits stay in the device's memory until somebody asks. `groups` are the dimensions whose product is the number of
 * rows, where the graph needs them apart.
 */
export async function compileStep(
  runtime: Runtime,
  config: DecoderConfig,
  build: (given: StepInput) => DecoderOutput,
  options: ProgramOptions,
  watch?: Watch,
  groups: readonly string[] = ['rows'],
): Promise<Program> {
  const rows = dimensionProduct(...groups);
  const shape = [rows, config.kvHeads, 'capacity', config.headDim] as const;
  const layers = Array.from({ length: config.layers }, (_, layer) => layer);
  const output = build({
    ids: reshape(input('ids', 'int64', [...groups, 'sequence']), [rows, 'sequence']),
    positions: input('positions', 'int64', [rows, 'sequence']),
    cache: {
      keys: layers.map((layer) => input(`key.${layer}`, 'float32', shape)),
      values: layers.map((layer) => input(`value.${layer}`, 'float32', shape)),
      last: input('last', 'int32', [rows]),
      total: input('total', 'int32', [1]),
    },
    logitsAt: input('at', 'int64', ['wanted']),
    tap: watch?.tap,
  });
  return runtime.compile(stepOutputs(output, watch), options);
}

/** Outputs of a prefill or step: logits, the most probable token, the cache after it and what is watched. */
export function stepOutputs(output: DecoderOutput, watch: Watch | undefined): Record<string, Tensor> {
  const outputs: Record<string, Tensor> = { logits: output.logits, next: argMax(output.logits, -1) };
  for (const layer of output.keys.keys()) {
    outputs[`newKey.${layer}`] = output.keys[layer]!;
    outputs[`newValue.${layer}`] = output.values[layer]!;
  }
  for (const [name, tensor] of watch?.read() ?? []) outputs[`tap.${name}`] = tensor;
  return outputs;
}

/** -ln p of given tokens from logits: `[wanted, vocabulary]` and int64 `[wanted]` to `[wanted]`. */
export function compileScorer(runtime: Runtime, vocabulary: number, options: ProgramOptions): Promise<Program> {
  const logits = input('logits', 'float32', ['wanted', vocabulary]);
  const targets = input('targets', 'int64', ['wanted']);
  const chosen = gatherElements(logSoftmax(logits, -1), unsqueeze(targets, [1]), 1);
  return runtime.compile({ nll: neg(squeeze(chosen, [1])) }, options);
}

/** What a step reads beside tokens and cache: a source, say. */
export interface Beside {
  inputs: Record<string, DeviceTensor>;
  /** The sizes of {@link compileStep}'s `groups`. */
  groups: readonly number[];
  /** Of the dimensions that these inputs name. */
  sizes: Record<string, number>;
  release(): void;
}

/** A run of the decoder over one cache with its small tensors: `sequence` new tokens a row, logits at `wanted` places. */
export class BoundRun {
  readonly sequence: number;
  readonly logits: DeviceTensor;
  readonly next: DeviceTensor;
  private readonly cache: DeviceCache;
  private readonly call: Call;
  private readonly ids: DeviceTensor;
  private readonly last: DeviceTensor;
  private readonly total: DeviceTensor;
  private readonly positions?: DeviceTensor;
  private readonly watch?: BoundWatch;
  private readonly tensors: { release(): void }[] = [];

  constructor(
    runtime: Runtime,
    program: Program,
    cache: DeviceCache,
    vocabulary: number,
    sequence: number,
    at: number[],
    watch?: Watch,
    beside?: Beside,
  ) {
    const { rows } = cache;
    this.cache = cache;
    this.sequence = sequence;
    this.ids = runtime.tensor('int64', [...(beside?.groups ?? [rows]), sequence]);
    this.last = runtime.tensor('int32', [rows]);
    this.total = runtime.tensor('int32', [1]);
    const places = runtime.tensor('int64', [at.length], BigInt64Array.from(at, BigInt));
    this.logits = runtime.tensor('float32', [at.length, vocabulary]);
    this.next = runtime.tensor('int64', [at.length]);
    const inputs: Record<string, DeviceTensor> = { ids: this.ids, last: this.last, total: this.total, at: places };
    const outputs: Record<string, DeviceTensor> = { logits: this.logits, next: this.next };
    if (program.inputs.some(({ name }) => name === 'positions')) {
      this.positions = runtime.tensor('int64', [rows, sequence]);
      inputs.positions = this.positions;
    }
    for (let layer = 0; layer < cache.layers; layer++) {
      // Past and present are one tensor: the kernel appends in place.
      inputs[`key.${layer}`] = outputs[`newKey.${layer}`] = cache.keys[layer]!;
      inputs[`value.${layer}`] = outputs[`newValue.${layer}`] = cache.values[layer]!;
    }
    if (beside) {
      Object.assign(inputs, beside.inputs);
      this.tensors.push(beside);
    }
    if (watch) {
      const own = { rows, sequence, wanted: at.length, capacity: cache.capacity };
      const sizes = new Map(Object.entries({ ...own, ...beside?.sizes }));
      this.watch = new BoundWatch(runtime, watch, sizes, {
        firstRow: cache.firstRow,
        allRows: cache.allRows,
        sequence,
        wanted: at,
      });
      Object.assign(inputs, this.watch.inputs);
      Object.assign(outputs, this.watch.outputs);
      this.tensors.push(this.watch);
    }
    this.call = program.bind(inputs, outputs);
    this.tensors.push(this.ids, this.last, this.total, places, this.logits, this.next);
    if (this.positions) this.tensors.push(this.positions);
  }

  /** Appends `ids` (`rows * sequence` of them, row by row) to the cache. */
  async run(ids: readonly number[], signal?: AbortSignal): Promise<void> {
    const { cache, sequence } = this;
    signal?.throwIfAborted();
    const idView = this.ids.view() as BigInt64Array;
    const lastView = this.last.view() as Int32Array;
    const positionView = this.positions?.view() as BigInt64Array | undefined;
    for (let i = 0; i < ids.length; i++) idView[i] = BigInt(ids[i]!);
    let longest = 0;
    for (let row = 0; row < cache.rows; row++) {
      const length = cache.lengths[row]! + sequence;
      if (length > cache.capacity) {
        throw new Error(`The cache holds ${cache.capacity} tokens and row ${row} needs ${length}. Make a larger one.`);
      }
      lastView[row] = length - 1;
      longest = Math.max(longest, length);
      if (positionView) {
        for (let i = 0; i < sequence; i++) positionView[row * sequence + i] = BigInt(length - sequence + i);
      }
    }
    (this.total.view() as Int32Array)[0] = longest;
    const starts = cache.lengths.slice();
    this.watch?.before(starts);
    await this.call.run(signal);
    this.watch?.after(starts, longest);
    for (let row = 0; row < cache.rows; row++) cache.lengths[row]! += sequence;
  }

  release(): void {
    this.call.release();
    for (const tensor of this.tensors) tensor.release();
  }
}
