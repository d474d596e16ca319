import type { DeviceTensor, Runtime } from '@working-papers/runtime';
import type { CacheEntries, KVCache } from './types.ts';

export interface CacheShape {
  layers: number;
  kvHeads: number;
  headDim: number;
  contextLength: number;
}

/** A cache with the tensors that programs read and write: `[rows, kvHeads, capacity, headDim]`, one a layer. */
export class DeviceCache implements KVCache {
  readonly rows: number;
  readonly capacity: number;
  readonly layers: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly keys: readonly DeviceTensor[];
  readonly values: readonly DeviceTensor[];
  readonly lengths: number[];
  /** Released with the cache: calls that are bound to its tensors. */
  readonly owned: { release(): void }[] = [];
  private released = false;

  /** Of a cache that is a part of another: its first row there, and the rows of the whole. */
  readonly firstRow: number;
  readonly allRows: number;
  private readonly runtime: Runtime;
  private readonly shape: CacheShape;
  private readonly views = new Map<string, DeviceCache>();

  /** `part`: the rows of another cache from `start` on, their memory and their lengths. */
  constructor(
    runtime: Runtime,
    shape: CacheShape,
    capacity: number,
    rows: number,
    part?: { of: DeviceCache; start: number },
  ) {
    if (!Number.isInteger(rows) || rows < 1) throw new Error(`A cache needs at least 1 row; got ${rows}.`);
    if (!Number.isInteger(capacity) || capacity < 1)
      throw new Error(`A cache must hold at least 1 token; got ${capacity}.`);
    if (capacity > shape.contextLength) {
      throw new Error(`A cache of ${capacity} tokens is longer than the model's context of ${shape.contextLength}.`);
    }
    this.runtime = runtime;
    this.shape = shape;
    this.rows = rows;
    this.firstRow = part ? part.of.firstRow + part.start : 0;
    this.allRows = part ? part.of.allRows : rows;
    this.capacity = capacity;
    this.layers = shape.layers;
    this.kvHeads = shape.kvHeads;
    this.headDim = shape.headDim;
    const tensorShape = [rows, shape.kvHeads, capacity, shape.headDim];
    const make = (whole: readonly DeviceTensor[] | undefined) =>
      Array.from({ length: shape.layers }, (_, layer) =>
        part && whole
          ? whole[layer]!.reshape(tensorShape, part.of.offset(part.start, 0, 0))
          : runtime.tensor('float32', tensorShape),
      );
    this.keys = make(part?.of.keys);
    this.values = make(part?.of.values);
    this.lengths = part ? sharedPart(part.of.lengths, part.start, rows) : new Array<number>(rows).fill(0);
  }

  get bytes(): number {
    return 2 * 4 * this.layers * this.rows * this.kvHeads * this.capacity * this.headDim;
  }

  read(row = 0, start = 0, end?: number): CacheEntries {
    const length = this.length(row);
    const stop = end ?? length;
    if (start < 0 || start > stop || stop > length) {
      throw new Error(`Row ${row} of the cache holds ${length} tokens; places ${start} to ${stop} are not among them.`);
    }
    const copy = (tensor: DeviceTensor): Float32Array => {
      const width = (stop - start) * this.headDim;
      const entries = new Float32Array(this.kvHeads * width);
      for (let head = 0; head < this.kvHeads && width > 0; head++) {
        entries.set(tensor.read(this.offset(row, head, start), width) as Float32Array, head * width);
      }
      return entries;
    };
    return { sequence: stop - start, keys: this.keys.map(copy), values: this.values.map(copy) };
  }

  load(row: number, entries: CacheEntries, start = 0): void {
    const length = this.length(row);
    const end = start + entries.sequence;
    if (start < 0 || start > length) {
      throw new Error(`Row ${row} of the cache holds ${length} tokens; loading at place ${start} would leave a hole.`);
    }
    if (end > this.capacity) {
      throw new Error(`${entries.sequence} tokens from place ${start} do not fit into a cache of ${this.capacity}.`);
    }
    const width = entries.sequence * this.headDim;
    for (const [tensors, sources] of [
      [this.keys, entries.keys],
      [this.values, entries.values],
    ] as const) {
      if (sources.length !== this.layers) {
        throw new Error(`Cache entries of ${sources.length} layers do not fit a model of ${this.layers}.`);
      }
      for (const [layer, source] of sources.entries()) {
        if (source.length !== this.kvHeads * width) {
          throw new Error(
            `Layer ${layer} of the cache entries has ${source.length} numbers; [${this.kvHeads}, ${entries.sequence}, ${this.headDim}] are ${this.kvHeads * width}.`,
          );
        }
        for (let head = 0; head < this.kvHeads && width > 0; head++) {
          tensors[layer]!.write(source.subarray(head * width, (head + 1) * width), this.offset(row, head, start));
        }
      }
    }
    this.lengths[row] = end;
  }

  view(start: number, rows = 1): KVCache {
    if (!Number.isInteger(start) || !Number.isInteger(rows) || start < 0 || rows < 1 || start + rows > this.rows) {
      throw new Error(`The cache has ${this.rows} rows; ${rows} from row ${start} on are not among them.`);
    }
    const key = `${start}+${rows}`;
    let view = this.views.get(key);
    if (!view) {
      view = new DeviceCache(this.runtime, this.shape, this.capacity, rows, { of: this, start });
      this.views.set(key, view);
      this.owned.push(view);
    }
    return view;
  }

  copy(row: number, source: KVCache, sourceRow = 0, start = 0, end?: number): void {
    const [held, given] = [this.length(row), source.lengths[sourceRow]];
    if (!(source instanceof DeviceCache) || given === undefined)
      throw new Error(`There is no row ${sourceRow} of a cache of this model to copy from.`);
    if (source.layers !== this.layers || source.kvHeads !== this.kvHeads || source.headDim !== this.headDim) {
      throw new Error('The cache to copy from is of another model: its layers, heads or head size differ.');
    }
    const stop = end ?? given;
    if (!Number.isInteger(start) || !Number.isInteger(stop) || start < 0 || start > stop || stop > given)
      throw new Error(`Row ${sourceRow} holds ${given} tokens; places ${start} to ${stop} are not among them.`);
    if (start > held) {
      throw new Error(`Row ${row} of the cache holds ${held} tokens; copying to place ${start} would leave a hole.`);
    }
    if (stop > this.capacity) throw new Error(`${stop} tokens do not fit into a cache of ${this.capacity}.`);
    const width = (stop - start) * this.headDim;
    if (!(source === this && sourceRow === row)) {
      for (let layer = 0; layer < this.layers; layer++) {
        for (let head = 0; head < this.kvHeads; head++) {
          const [from, to] = [source.offset(sourceRow, head, start), this.offset(row, head, start)];
          this.keys[layer]!.copy(source.keys[layer]!, from, to, width);
          this.values[layer]!.copy(source.values[layer]!, from, to, width);
        }
      }
    }
    this.lengths[row] = stop;
  }

  truncate(row: number, length: number): void {
    const held = this.length(row);
    if (!Number.isInteger(length) || length < 0 || length > held) {
      throw new Error(`Row ${row} of the cache holds ${held} tokens; it cannot be cut to ${length}.`);
    }
    this.lengths[row] = length;
  }

  release(): void {
    if (this.released) return;
    this.released = true;
    for (const item of [...this.owned, ...this.keys, ...this.values]) item.release();
  }

  private length(row: number): number {
    const length = this.lengths[row];
    if (length === undefined) throw new Error(`The cache has ${this.rows} rows; there is no row ${row}.`);
    return length;
  }

  /** Where the entry of a token begins in the tensors of keys and values. */
  offset(row: number, head: number, token: number): number {
    return ((row * this.kvHeads + head) * this.capacity + token) * this.headDim;
  }
}

/** Numbers `[start, start + count)` of another array, read and written there. */
function sharedPart(whole: number[], start: number, count: number): number[] {
  const part: number[] = [];
  for (let i = 0; i < count; i++) {
    Object.defineProperty(part, i, {
      enumerable: true,
      get: () => whole[start + i],
      set: (value: number) => {
        whole[start + i] = value;
      },
    });
  }
  return part;
}
