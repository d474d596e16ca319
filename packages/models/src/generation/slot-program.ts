import { input } from '@working-papers/graph';
import type { Call, DeviceTensor, Program, ProgramOptions, Runtime } from '@working-papers/runtime';
import { decoderOf } from '../architectures/index.ts';
import type { DecoderConfig, DecoderParts, FarPositions, LayerSlots } from '../architectures/parts.ts';
import type { ModelConfig } from '../formats/types.ts';
import type { WeightSource } from '../types.ts';
import { stepOutputs } from './decoder-program.ts';
import type { DeviceSlotCache } from './slot-cache.ts';
import type { SlotLayout } from './slot-layout.ts';
import { BoundWatch, type Watch } from './watch.ts';

/** What of a layout the graph depends on; layouts with the same are served by one program. */
export const programKey = ({ unrotated, apart, far, positionsHeld }: SlotLayout): string =>
  JSON.stringify([unrotated, apart, far, positionsHeld]);

/** The graph of prefill and step over slots: as `compileDecoder`'s, with what each slot holds as further inputs. */
export async function compileSlots(
  runtime: Runtime,
  modelConfig: ModelConfig,
  config: DecoderConfig,
  weights: WeightSource,
  parts: Partial<DecoderParts> | undefined,
  layout: SlotLayout,
  options: ProgramOptions,
  watch?: Watch,
): Promise<Program> {
  const output = decoderOf(modelConfig).build(modelConfig, weights, {
    ids: input('ids', 'int64', ['rows', 'sequence']),
    positions: input('positions', 'float32', ['rows', 'sequence']),
    slots: slotInputs(layout, config),
    parts,
    logitsAt: input('at', 'int64', ['wanted']),
    tap: watch?.tap,
  });
  return runtime.compile(stepOutputs(output, watch), options);
}

function slotInputs(layout: SlotLayout, config: DecoderConfig): LayerSlots[] {
  const { unrotated, apart, positionsHeld } = layout;
  const heads = apart ? config.kvHeads : 1;
  const shape = ['rows', config.kvHeads, 'slots', config.headDim] as const;
  const table = (index: number) => ({
    writeAt: input(`writeAt.${index}`, 'int64', ['rows', config.kvHeads, 'sequence', 3]),
    heldPlaces: input(`heldPlaces.${index}`, 'int64', ['rows', heads, 'slots']),
    ...(positionsHeld ? { heldPositions: input(`heldPositions.${index}`, 'float32', ['rows', heads, 'slots']) } : {}),
  });
  const tables = Array.from({ length: apart ? config.layers : 1 }, (_, index) => table(index));
  const shared = {
    unrotated,
    places: input('places', 'int64', ['rows', 'sequence']),
    pinned: input('pinned', 'int64', []),
    window: input('window', 'int64', []),
    ...(layout.far === 'none' ? {} : { far: farInputs(layout.far) }),
  };
  return Array.from({ length: config.layers }, (_, layer) => ({
    key: input(`key.${layer}`, 'float32', shape),
    value: input(`value.${layer}`, 'float32', shape),
    ...shared,
    ...tables[apart ? layer : 0]!,
  }));
}

function farInputs(far: SlotLayout['far']): FarPositions {
  return {
    queries: input('farQueries', 'float32', ['rows', 'sequence']),
    ...(far === 'all beyond'
      ? {}
      : {
          keys: input('farKeys', 'float32', ['rows', 'pinned']),
          turns: input('farTurns', 'float32', ['rows', 'pinned']),
        }),
    ...(far === 'pinned' ? {} : { beyond: input('beyond', 'float32', []) }),
  };
}

/** Without a ring every place is within the window. */
const noWindow = 2 ** 40;

const product = (shape: readonly number[]): number => shape.reduce((size, next) => size * next, 1);

/** A run of that program over one cache: up to `sequence` new tokens a row, aligned right. */
export class SlotRun {
  readonly sequence: number;
  readonly logits: DeviceTensor;
  readonly next: DeviceTensor;
  private readonly cache: DeviceSlotCache;
  private readonly call: Call;
  private readonly watch?: BoundWatch;
  /** Inputs that are written before each run, here and in the device's memory. */
  private readonly own: Record<string, { tensor: DeviceTensor; data: BigInt64Array | Float32Array }> = {};

  constructor(
    runtime: Runtime,
    program: Program,
    cache: DeviceSlotCache,
    vocabulary: number,
    sequence: number,
    watch?: Watch,
  ) {
    const { rows, layout } = cache;
    this.cache = cache;
    this.sequence = sequence;
    const at = Array.from({ length: rows }, (_, row) => (row + 1) * sequence - 1);
    this.logits = runtime.tensor('float32', [rows, vocabulary]);
    this.next = runtime.tensor('int64', [rows]);
    const inputs: Record<string, DeviceTensor> = {};
    const outputs: Record<string, DeviceTensor> = { logits: this.logits, next: this.next };
    for (let layer = 0; layer < cache.layers; layer++) {
      // One tensor before and after: what is new is written in place.
      inputs[`key.${layer}`] = outputs[`newKey.${layer}`] = cache.keys[layer]!;
      inputs[`value.${layer}`] = outputs[`newValue.${layer}`] = cache.values[layer]!;
    }
    for (const [index, table] of cache.tables.entries()) {
      inputs[`heldPlaces.${index}`] = table.placesTensor;
      if (table.positionsTensor) inputs[`heldPositions.${index}`] = table.positionsTensor;
    }
    const known = new Set(program.inputs.map(({ name }) => name));
    const small = (name: string, dtype: 'int64' | 'float32', shape: number[], values?: readonly number[]) => {
      // A model without positions has no such input.
      if (!known.has(name)) return;
      const data = dtype === 'int64' ? new BigInt64Array(product(shape)) : new Float32Array(product(shape));
      for (const [i, value] of values?.entries() ?? []) data[i] = dtype === 'int64' ? BigInt(value) : value;
      const tensor = runtime.tensor(dtype, shape, data);
      inputs[name] = tensor;
      this.own[name] = { tensor, data };
    };
    const { pinned = 0, window = noWindow } = layout.ring ?? {};
    small('ids', 'int64', [rows, sequence]);
    small('positions', 'float32', [rows, sequence]);
    small('places', 'int64', [rows, sequence]);
    small('at', 'int64', [rows], at);
    small('pinned', 'int64', [], [pinned]);
    small('window', 'int64', [], [window]);
    small('farQueries', 'float32', [rows, sequence]);
    small('farKeys', 'float32', [rows, pinned]);
    small('farTurns', 'float32', [rows, pinned]);
    if (typeof layout.distances === 'object') small('beyond', 'float32', [], [layout.distances.maximum]);
    for (const index of cache.tables.keys()) {
      small(`writeAt.${index}`, 'int64', [rows, cache.kvHeads, sequence, 3]);
    }
    if (watch) {
      const sizes = new Map(Object.entries({ rows, sequence, wanted: rows, slots: cache.slots }));
      this.watch = new BoundWatch(runtime, watch, sizes, { firstRow: 0, allRows: rows, sequence, wanted: at });
      Object.assign(inputs, this.watch.inputs);
      Object.assign(outputs, this.watch.outputs);
    }
    this.call = program.bind(inputs, outputs);
  }

  /** Appends the tokens of each row, at most `sequence` and any number down to none, at these positions. */
  async run(
    ids: readonly (readonly number[])[],
    positions?: readonly (readonly number[])[],
    signal?: AbortSignal,
  ): Promise<void> {
    const { cache, sequence } = this;
    signal?.throwIfAborted();
    cache.checkRoom(ids.map(({ length }) => length));
    const standing = ids.map((row, index) => positions?.[index] ?? row.map((_, i) => cache.nextPositions[index]! + i));
    for (const [row, own] of standing.entries()) checkPositions(cache.layout, row, own);
    const undo = this.write(ids, standing);
    const starts = ids.map((row, index) => cache.lengths[index]! + row.length - sequence);
    this.watch?.before(starts);
    try {
      await this.call.run(signal);
    } catch (error) {
      undo();
      throw error;
    }
    for (const [row, { length }] of ids.entries()) {
      cache.lengths[row]! += length;
      if (length > 0) cache.nextPositions[row] = standing[row]!.at(-1)! + 1;
    }
    this.watch?.after(starts, Math.max(...cache.lengths));
  }

  release(): void {
    this.call.release();
    this.watch?.release();
    for (const tensor of [this.logits, this.next]) tensor.release();
    for (const { tensor } of Object.values(this.own)) tensor.release();
  }

  /** Lays everything out for a run, and says how to take the new tokens back. */
  private write(ids: readonly (readonly number[])[], positions: readonly (readonly number[])[]): () => void {
    const { cache, sequence } = this;
    const claimed: (() => void)[] = [];
    for (let row = 0; row < cache.rows; row++) {
      const padding = sequence - ids[row]!.length;
      for (let column = 0; column < sequence; column++) {
        const token = column - padding;
        const place = token < 0 ? -1 : cache.lengths[row]! + token;
        this.set('ids', row * sequence + column, token < 0 ? 0 : ids[row]![token]!);
        this.set('places', row * sequence + column, place);
        for (const [index, table] of cache.tables.entries()) {
          // Padding goes where nobody reads.
          let slot = cache.slots - 1;
          for (let head = 0; head < cache.kvHeads; head++) {
            if (place >= 0 && head < table.heads) {
              slot = table.claim(row, head, place, positions[row]![token]!);
              const own = slot;
              claimed.push(() => table.clear(row, head, own));
            }
            const at = 3 * ((row * cache.kvHeads + head) * sequence + column);
            for (const [i, value] of [row, head, slot].entries()) this.set(`writeAt.${index}`, at + i, value);
          }
        }
      }
      this.writePositions(row, padding, positions[row]!);
    }
    for (const { tensor, data } of Object.values(this.own)) tensor.write(data);
    return () => {
      for (const clear of claimed) clear();
    };
  }

  /** Where the queries of a row stand, and the keys that are far from them. */
  private writePositions(row: number, padding: number, positions: readonly number[]): void {
    const { cache, sequence } = this;
    const { ring, distances, unrotated } = cache.layout;
    const base = distances === 'cache' && !ring ? this.standByRank(row, positions) : this.standFrom(row, positions);
    const farthest = typeof distances === 'object' ? distances.maximum : undefined;
    for (let column = padding; column < sequence; column++) {
      const position = positions[column - padding]!;
      this.set('positions', row * sequence + column, position - base);
      const { pinned, window } = ring ?? { pinned: 0, window: Number.POSITIVE_INFINITY };
      this.set('farQueries', row * sequence + column, farthest ?? Math.min(position, pinned + window - 1));
    }
    for (let slot = 0; slot < (ring?.pinned ?? 0); slot++) {
      const stands = farthest === undefined ? slot : 0;
      this.set('farKeys', row * ring!.pinned + slot, stands);
      this.set('farTurns', row * ring!.pinned + slot, unrotated ? stands : stands - slot);
    }
  }

  /** Sets a number of an input, where the program has it. */
  private set(name: string, index: number, value: number): void {
    const data = this.own[name]?.data;
    if (data instanceof BigInt64Array) data[index] = BigInt(value);
    else if (data) data[index] = value;
  }

  /** Distances are those of the text: only differences count, so a ring without end counts from where it begins. */
  private standFrom(row: number, positions: readonly number[]): number {
    const { ring, unrotated, distances } = this.cache.layout;
    if (!ring || !unrotated || positions.length === 0) return 0;
    const base = Math.max(0, positions[0]! - ring.window - ring.pinned);
    for (const table of this.cache.tables) {
      const held = table.entries(row, 0);
      for (const [i, slot] of held.slots.entries()) {
        const stays = distances === 'cache' && held.places[i]! < ring.pinned;
        table.standAt(row, 0, slot, stays ? held.positions[i]! : held.positions[i]! - base);
      }
    }
    return base;
  }

  /** What is held stands closely together, the newest of every head at one position. */
  private standByRank(row: number, positions: readonly number[]): number {
    const { tables } = this.cache;
    const heads = tables.flatMap((table) => Array.from({ length: table.heads }, (_, head) => ({ table, head })));
    const all = heads.map(({ table, head }) => ({ table, head, ...table.entries(row, head) }));
    const most = Math.max(...all.map(({ slots }) => slots.length));
    for (const { table, head, slots } of all) {
      for (const [rank, slot] of slots.entries()) table.standAt(row, head, slot, most - slots.length + rank);
    }
    return positions.length === 0 ? 0 : positions.at(-1)! - (most - 1);
  }
}

function checkPositions({ embeddedPositions }: SlotLayout, row: number, positions: readonly number[]): void {
  for (const position of positions) {
    if (!Number.isFinite(position)) throw new Error(`A position must be a finite number; row ${row} has ${position}.`);
    const inTable = Number.isInteger(position) && position >= 0 && position < embeddedPositions;
    if (embeddedPositions !== Number.POSITIVE_INFINITY && !inTable) {
      throw new Error(
        `Row ${row} comes to position ${position}; this model's positions are whole numbers below ${embeddedPositions}, for each of which it has learned a vector.`,
      );
    }
  }
}
