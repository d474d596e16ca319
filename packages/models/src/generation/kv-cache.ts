import type { DeviceTensor, Runtime } from '@working-papers/runtime';
import type { CacheEntries, KVCache } from '../types.ts';

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

  constructor(runtime: Runtime, shape: CacheShape, capacity: number, rows: number) {
    if (!Number.isInteger(rows) || rows < 1) throw new Error(`A cache needs at least 1 row; got ${rows}.`);
    if (!Number.isInteger(capacity) || capacity < 1)
      throw new Error(`A cache must hold at least 1 token; got ${capacity}.`);
    if (capacity > shape.contextLength) {
      throw new Error(`A cache of ${capacity} tokens is longer than the model's context of ${shape.contextLength}.`);
    }
    this.rows = rows;
    this.capacity = capacity;
    this.layers = shape.layers;
    this.kvHeads = shape.kvHeads;
    this.headDim = shape.headDim;
    const make = () =>
      Array.from({ length: shape.layers }, () =>
        runtime.tensor('float32', [rows, shape.kvHeads, capacity, shape.headDim]),
      );
    this.keys = make();
    this.values = make();
    this.lengths = new Array<number>(rows).fill(0);
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

  private offset(row: number, head: number, token: number): number {
    return ((row * this.kvHeads + head) * this.capacity + token) * this.headDim;
  }
}
