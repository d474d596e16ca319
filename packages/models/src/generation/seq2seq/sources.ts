import { input, type Tensor } from '@working-papers/graph';
import type { Call, DeviceTensor, Program, ProgramOptions, Runtime } from '@working-papers/runtime';
import { paddingMask } from '../../architectures/masks.ts';
import { places } from '../../architectures/positions.ts';
import type { CrossStates, Seq2SeqArchitecture, Seq2SeqConfig, Seq2SeqParts } from '../../architectures/seq2seq.ts';
import type { ModelConfig } from '../../formats/types.ts';
import type { WeightSource } from '../../types.ts';
import type { Beside } from '../decoder-program.ts';
import type { DeviceCache } from '../kv-cache.ts';
import { BoundWatch, type Watch } from '../watch.ts';
import type { EncodedSources } from './types.ts';

/** The graph of the encoder, with the keys and values that the decoder's layers see of its states. */
export function compileSources(
  runtime: Runtime,
  { architecture, config, weights }: { architecture: Seq2SeqArchitecture; config: ModelConfig; weights: WeightSource },
  parts: Partial<Seq2SeqParts> | undefined,
  options: ProgramOptions,
  watch?: Watch,
): Promise<Program> {
  const ids = input('ids', 'int64', ['rows', 'sequence']);
  const mask = paddingMask(input('mask', 'int64', ['rows', 'sequence']));
  const hidden = architecture.encode(config, weights, { ids, positions: places(ids), mask, parts, tap: watch?.tap });
  const { keys, values } = architecture.cross(config, weights, hidden);
  const outputs: Record<string, Tensor> = { hidden };
  for (const [layer, key] of keys.entries()) {
    outputs[`key.${layer}`] = key;
    outputs[`value.${layer}`] = values[layer]!;
  }
  for (const [name, tensor] of watch?.read() ?? []) outputs[`tap.${name}`] = tensor;
  return runtime.compile(outputs, options);
}

/** The same keys and values as inputs of the decoder's graph; `sources` is the dimension of their number. */
export function crossInputs(
  { layers, kvHeads, headDim }: Seq2SeqConfig['decoder'],
  sources: string,
): CrossStates & { mask: Tensor } {
  const shape = [sources, kvHeads, 'sourceSequence', headDim];
  const all = (kind: string) =>
    Array.from({ length: layers }, (_, layer) => input(`${kind}.${layer}`, 'float32', shape));
  return {
    keys: all('crossKey'),
    values: all('crossValue'),
    mask: paddingMask(input('sourceMask', 'int64', [sources, 'sourceSequence'])),
  };
}

/** The device's tensors of sources that were read; the shorter ones are padded and masked. */
export class DeviceSources implements EncodedSources {
  readonly rows: number;
  readonly lengths: readonly number[];
  /** Of the longest. */
  readonly sequence: number;
  private readonly runtime: Runtime;
  private readonly config: Seq2SeqConfig;
  private readonly states: DeviceTensor;
  private readonly mask: DeviceTensor;
  /** `[rows, kvHeads, sequence, headDim]`, one a layer. */
  private readonly cross: Record<string, DeviceTensor> = {};
  private readonly copies = new Map<number, DeviceSources>();
  private released = false;

  constructor(runtime: Runtime, config: Seq2SeqConfig, lengths: readonly number[]) {
    const [rows, sequence] = [lengths.length, Math.max(...lengths)];
    this.runtime = runtime;
    this.config = config;
    this.rows = rows;
    this.lengths = lengths;
    this.sequence = sequence;
    const { layers, kvHeads, headDim, hidden } = { ...config.decoder, hidden: config.encoder.hidden };
    this.states = runtime.tensor('float32', [rows, sequence, hidden]);
    const present = lengths.flatMap((length) => Array.from({ length: sequence }, (_, i) => (i < length ? 1n : 0n)));
    this.mask = runtime.tensor('int64', [rows, sequence], BigInt64Array.from(present));
    for (let layer = 0; layer < layers; layer++) {
      for (const kind of ['Key', 'Value'])
        this.cross[`cross${kind}.${layer}`] = runtime.tensor('float32', [rows, kvHeads, sequence, headDim]);
    }
  }

  get bytes(): number {
    return Object.values(this.cross).reduce((sum, { bytes }) => sum + bytes, this.states.bytes);
  }

  /** Runs the encoder into these tensors. */
  async fill(
    program: Program,
    sources: readonly (readonly number[])[],
    padId: number,
    watch: Watch | undefined,
    signal?: AbortSignal,
  ): Promise<void> {
    const { rows, sequence, runtime } = this;
    signal?.throwIfAborted();
    const flat = sources.flatMap((ids) => Array.from({ length: sequence }, (_, i) => BigInt(ids[i] ?? padId)));
    const ids = runtime.tensor('int64', [rows, sequence], BigInt64Array.from(flat));
    const outputs: Record<string, DeviceTensor> = { hidden: this.states };
    for (const [name, tensor] of Object.entries(this.cross)) {
      const [kind, layer] = name.split('.') as [string, string];
      outputs[`${kind === 'crossKey' ? 'key' : 'value'}.${layer}`] = tensor;
    }
    let bound: BoundWatch | undefined;
    let call: Call | undefined;
    try {
      if (watch) {
        const sizes = new Map(Object.entries({ rows, sequence }));
        bound = new BoundWatch(runtime, watch, sizes, { firstRow: 0, allRows: rows, sequence, wanted: [] });
      }
      call = program.bind({ ids, mask: this.mask, ...bound?.inputs }, { ...outputs, ...bound?.outputs });
      const starts = new Array<number>(rows).fill(0);
      bound?.before(starts);
      await call.run(signal);
      bound?.after(starts, sequence);
    } finally {
      call?.release();
      bound?.release();
      ids.release();
    }
  }

  /** What a run over a cache, or over some rows of one, reads: its rows' sources. `apart`: each row needs a source of its own. */
  beside(cache: DeviceCache, apart: boolean): Beside {
    if (this.released) throw new Error('These sources were released; encode them again.');
    const { rows, firstRow, allRows } = cache;
    const beams = allRows / this.rows;
    if (!Number.isInteger(beams)) {
      throw new Error(`A cache of ${allRows} rows does not fit ${this.rows} sources: each takes as many rows.`);
    }
    if (apart && beams > 1) return this.repeated(beams).beside(cache, apart);
    const first = Math.floor(firstRow / beams);
    // Some of the rows of one source, or all rows of several.
    const count = rows < beams ? 1 : rows / beams;
    if (!Number.isInteger(count) || (count > 1 && firstRow % beams > 0) || firstRow + rows > (first + count) * beams) {
      throw new Error(`Rows ${firstRow} to ${firstRow + rows} cut through the ${beams} rows of a source.`);
    }
    const { sequence } = this;
    const inputs = Object.fromEntries(
      Object.entries({ ...this.cross, sourceMask: this.mask }).map(([name, tensor]) => {
        const [, ...rest] = tensor.shape;
        return [name, tensor.reshape([count, ...rest], first * rest.reduce((product, size) => product * size, 1))];
      }),
    );
    return {
      inputs,
      groups: apart ? [count] : [count, rows / count],
      sizes: { sourceSequence: sequence },
      release() {
        for (const tensor of Object.values(inputs)) tensor.release();
      },
    };
  }

  hidden(row = 0): { data: Float32Array; shape: [number, number] } {
    const length = this.lengths[row];
    if (length === undefined) throw new Error(`There are ${this.rows} sources; there is no source ${row}.`);
    const { hidden } = this.config.encoder;
    const data = this.states.read(row * this.sequence * hidden, length * hidden) as Float32Array;
    return { data, shape: [length, hidden] };
  }

  release(): void {
    if (this.released) return;
    this.released = true;
    for (const copy of this.copies.values()) copy.release();
    for (const tensor of [this.states, this.mask, ...Object.values(this.cross)]) tensor.release();
  }

  /** Each source so many times, one after the other. */
  private repeated(times: number): DeviceSources {
    let copy = this.copies.get(times);
    if (!copy) {
      const lengths = this.lengths.flatMap((length) => new Array<number>(times).fill(length));
      copy = new DeviceSources(this.runtime, this.config, lengths);
      for (const [name, tensor] of Object.entries({ ...this.cross, states: this.states })) {
        const target = name === 'states' ? copy.states : copy.cross[name]!;
        const size = tensor.shape.slice(1).reduce((product, length) => product * length, 1);
        for (let row = 0; row < copy.rows; row++) target.copy(tensor, Math.floor(row / times) * size, row * size, size);
      }
      this.copies.set(times, copy);
    }
    return copy;
  }
}
