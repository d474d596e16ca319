import { argMax, gatherElements, input, logSoftmax, neg, squeeze, type Tensor, unsqueeze } from '@working-papers/graph';
import type { Call, DeviceTensor, Program, ProgramOptions, Runtime } from '@working-papers/runtime';
import { llama } from '../architectures/llama.ts';
import type { LlamaConfig } from '../architectures/llama-config.ts';
import type { LlamaParts } from '../architectures/parts.ts';
import type { ModelConfig } from '../formats/types.ts';
import type { WeightSource } from '../types.ts';
import type { DeviceCache } from './kv-cache.ts';

/** Tokens of a prompt that are computed at once: bounds the memory of a prefill and the wait for a cancelled one. */
export const chunkLength = 256;

/**
 * The graph of prefill and step: `sequence` new tokens after those in the cache. The most probable next token is chosen
 * inside; logits stay in the device's memory until somebody asks.
 */
export async function compileDecoder(
  runtime: Runtime,
  modelConfig: ModelConfig,
  config: LlamaConfig,
  weights: WeightSource,
  parts: Partial<LlamaParts> | undefined,
  options: ProgramOptions,
): Promise<Program> {
  const shape = ['rows', config.kvHeads, 'capacity', config.headDim] as const;
  const layers = Array.from({ length: config.layers }, (_, layer) => layer);
  const needsPositions = parts?.positions !== undefined || parts?.attention !== undefined;
  const output = llama(modelConfig, weights, {
    ids: input('ids', 'int64', ['rows', 'sequence']),
    positions: needsPositions ? input('positions', 'int64', ['rows', 'sequence']) : undefined,
    cache: {
      keys: layers.map((layer) => input(`key.${layer}`, 'float32', shape)),
      values: layers.map((layer) => input(`value.${layer}`, 'float32', shape)),
      last: input('last', 'int32', ['rows']),
      total: input('total', 'int32', [1]),
    },
    parts,
    logitsAt: input('at', 'int64', ['wanted']),
  });
  const outputs: Record<string, Tensor> = { logits: output.logits, next: argMax(output.logits, -1) };
  for (const layer of layers) {
    outputs[`newKey.${layer}`] = output.keys[layer]!;
    outputs[`newValue.${layer}`] = output.values[layer]!;
  }
  return runtime.compile(outputs, options);
}

/** -ln p of given tokens from logits: `[wanted, vocabulary]` and int64 `[wanted]` to `[wanted]`. */
export function compileScorer(runtime: Runtime, vocabulary: number, options: ProgramOptions): Promise<Program> {
  const logits = input('logits', 'float32', ['wanted', vocabulary]);
  const targets = input('targets', 'int64', ['wanted']);
  const chosen = gatherElements(logSoftmax(logits, -1), unsqueeze(targets, [1]), 1);
  return runtime.compile({ nll: neg(squeeze(chosen, [1])) }, options);
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
  private readonly tensors: DeviceTensor[] = [];

  constructor(
    runtime: Runtime,
    program: Program,
    cache: DeviceCache,
    vocabulary: number,
    sequence: number,
    at: number[],
  ) {
    const { rows } = cache;
    this.cache = cache;
    this.sequence = sequence;
    this.ids = runtime.tensor('int64', [rows, sequence]);
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
    await this.call.run(signal);
    for (let row = 0; row < cache.rows; row++) cache.lengths[row]! += sequence;
  }

  release(): void {
    this.call.release();
    for (const tensor of this.tensors) tensor.release();
  }
}
