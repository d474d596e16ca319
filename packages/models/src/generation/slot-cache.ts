import type { DeviceTensor, Runtime } from '@working-papers/runtime';
import { HeldTable, isSeen } from './held-table.ts';
import { DeviceCache } from './kv-cache.ts';
import type { ModelShape, SlotLayout } from './slot-layout.ts';
import type { HeldEntries, SlotCache, SlotCacheOptions, SlotEntries } from './slot-types.ts';
import type { KVCache } from './types.ts';

interface HeadOf {
  layer: number;
  head: number;
}

/** A cache of slots with the tensors that programs read and write: `[rows, kvHeads, slots, headDim]`, one a layer. */
export class DeviceSlotCache implements SlotCache {
  readonly rows: number;
  readonly capacity: number;
  readonly slots: number;
  readonly layers: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly options: Readonly<SlotCacheOptions>;
  readonly layout: SlotLayout;
  readonly keys: readonly DeviceTensor[];
  readonly values: readonly DeviceTensor[];
  /** One of all layers, or one a layer where heads are apart. */
  readonly tables: readonly HeldTable[];
  readonly lengths: number[];
  /** Where the next token of each row stands. */
  readonly nextPositions: number[];
  /** Released with the cache: calls that are bound to its tensors. */
  readonly owned: { release(): void }[] = [];
  private released = false;

  constructor(runtime: Runtime, shape: ModelShape, layout: SlotLayout, options: SlotCacheOptions) {
    this.rows = layout.rows;
    this.capacity = layout.capacity;
    this.slots = layout.slots;
    this.layers = shape.layers;
    this.kvHeads = shape.kvHeads;
    this.headDim = shape.headDim;
    this.layout = layout;
    this.options = Object.freeze({ ...options });
    const tensors = () =>
      Array.from({ length: shape.layers }, () =>
        runtime.tensor('float32', [layout.rows, shape.kvHeads, layout.slots, shape.headDim]),
      );
    this.keys = tensors();
    this.values = tensors();
    this.tables = Array.from(
      { length: layout.apart ? shape.layers : 1 },
      () => new HeldTable(runtime, layout, layout.apart ? shape.kvHeads : 1),
    );
    this.lengths = new Array<number>(layout.rows).fill(0);
    this.nextPositions = new Array<number>(layout.rows).fill(0);
  }

  get endless(): boolean {
    return this.layout.ring !== undefined && this.layout.embeddedPositions === Number.POSITIVE_INFINITY;
  }

  get bytes(): number {
    return 2 * 4 * this.layers * this.rows * this.kvHeads * this.slots * this.headDim;
  }

  held(row = 0, of?: HeadOf): HeldEntries {
    const { table, head } = this.one(row, of);
    return table.entries(row, head, this.lengths[row]);
  }

  drop(row: number, slots: readonly number[], of?: HeadOf): void {
    const { table, head } = this.one(row, of);
    for (const slot of this.among(row, slots, of)) table.clear(row, head, slot);
  }

  keep(row: number, slots: readonly number[], of?: HeadOf): void {
    const kept = this.among(row, slots, of);
    const { table, head } = this.one(row, of);
    for (const slot of table.entries(row, head).slots) if (!kept.has(slot)) table.clear(row, head, slot);
  }

  reposition(row: number, position: (place: number, position: number) => number, next?: number): void {
    const { unrotated, distances, ring, positionsHeld } = this.layout;
    this.one(row, this.layout.apart ? { layer: 0, head: 0 } : undefined);
    if (!unrotated && !positionsHeld) {
      throw new Error("Keys that are held rotated stand where they stood: give the cache keys: 'unrotated'.");
    }
    if (distances === 'cache' || ring) {
      throw new Error('In a ring, or where distances are counted in the cache, positions follow from what is held.');
    }
    const moved = this.everyHead(row).map(({ table, head }) => {
      const { slots, places, positions } = table.entries(row, head);
      const to = positions.map((own, i) => position(places[i]!, own));
      const odd = to.find((value) => !Number.isFinite(value));
      if (odd !== undefined) throw new Error(`A position must be a finite number; got ${odd}.`);
      return { table, head, slots, to };
    });
    let last = -1;
    for (const { table, head, slots, to } of moved) {
      for (const [i, slot] of slots.entries()) table.reposition(row, head, slot, to[i]!);
      last = Math.max(last, to.at(-1) ?? -1);
    }
    this.nextPositions[row] = next ?? last + 1;
  }

  truncate(row: number, length: number): void {
    const had = this.length(row);
    if (!Number.isInteger(length) || length < 0 || length > had) {
      throw new Error(`Row ${row} of the cache has had ${had} tokens; it cannot be cut to ${length}.`);
    }
    const { ring } = this.layout;
    if (ring && had > this.slots - 1 && had - length > this.slots - 1 - ring.pinned - ring.window) {
      throw new Error(
        `The ring has written over what place ${length} of row ${row} would see; it can go back by ${this.slots - 1 - ring.pinned - ring.window} tokens at most.`,
      );
    }
    for (const { table, head } of this.everyHead(row)) {
      const { slots, places } = table.entries(row, head);
      for (const [i, slot] of slots.entries()) if (places[i]! >= length) table.clear(row, head, slot);
    }
    this.endAt(row, length);
  }

  read(row = 0): SlotEntries {
    const length = this.length(row);
    const layers = Array.from({ length: this.layers }, (_, layer) => layer);
    const heads = Array.from({ length: this.kvHeads }, (_, head) => head);
    return {
      length,
      next: this.nextPositions[row]!,
      keys: this.layout.unrotated ? 'unrotated' : 'rotated',
      heads: layers.map((layer) =>
        heads.map((head) => {
          const { slots, places, positions } = this.entriesOf(row, layer, head);
          const copy = (tensor: DeviceTensor) => {
            const values = new Float32Array(slots.length * this.headDim);
            for (const { from, to, count } of runs(slots)) {
              const part = tensor.read(this.offset(row, head, from), count * this.headDim) as Float32Array;
              values.set(part, to * this.headDim);
            }
            return values;
          };
          return { places, positions, key: copy(this.keys[layer]!), value: copy(this.values[layer]!) };
        }),
      ),
    };
  }

  load(row: number, entries: SlotEntries): void {
    const { headDim } = this;
    this.length(row);
    if (entries.heads.length !== this.layers || entries.heads.some((heads) => heads.length !== this.kvHeads)) {
      throw new Error(`The entries are not of ${this.layers} layers of ${this.kvHeads} heads, as this model has them.`);
    }
    const odd = [entries.next ?? 0, ...entries.heads.flat().flatMap(({ positions }) => [...positions])].find(
      (value) => !Number.isFinite(value),
    );
    if (odd !== undefined) throw new Error(`A position must be a finite number; got ${odd}.`);
    for (const { places, positions, key, value } of entries.heads.flat()) {
      const count = places.length;
      if (positions.length !== count || key.length !== count * headDim || value.length !== count * headDim) {
        throw new Error(
          `A head's entries have ${count} places, ${positions.length} positions, ${key.length} and ${value.length} numbers; they must agree, ${headDim} numbers each.`,
        );
      }
    }
    this.take(row, {
      ...entries,
      held: (layer, head) => entries.heads[layer]![head]!,
      write: (layer, head, from, slot, count) => {
        const { key, value } = entries.heads[layer]![head]!;
        const part = (values: Float32Array) => values.subarray(from * headDim, (from + count) * headDim);
        this.keys[layer]!.write(part(key), this.offset(row, head, slot));
        this.values[layer]!.write(part(value), this.offset(row, head, slot));
      },
    });
  }

  copy(row: number, source: SlotCache | KVCache, sourceRow = 0): void {
    this.length(row);
    const length = source.lengths[sourceRow];
    if (!(source instanceof DeviceSlotCache || source instanceof DeviceCache) || length === undefined) {
      throw new Error(`There is no row ${sourceRow} of a cache of this model to copy from.`);
    }
    if (source.layers !== this.layers || source.kvHeads !== this.kvHeads || source.headDim !== this.headDim) {
      throw new Error('The cache to copy from is of another model: its layers, heads or head size differ.');
    }
    if (source === this && sourceRow === row) throw new Error(`Row ${row} cannot be copied onto itself.`);
    const inOrder = Array.from({ length: source instanceof DeviceCache ? length : 0 }, (_, place) => place);
    const known = new Map<string, HeldEntries>();
    const held = (layer: number, head: number): HeldEntries => {
      if (source instanceof DeviceCache) return { slots: inOrder, places: inOrder, positions: inOrder };
      const key = source.layout.apart ? `${layer}.${head}` : '';
      const entries = known.get(key) ?? source.entriesOf(sourceRow, layer, head);
      known.set(key, entries);
      return entries;
    };
    this.take(row, {
      length,
      ...(source instanceof DeviceSlotCache ? { next: source.nextPositions[sourceRow]! } : {}),
      keys: source instanceof DeviceSlotCache && source.layout.unrotated ? 'unrotated' : 'rotated',
      held,
      write: (layer, head, from, slot, count) => {
        const { slots } = held(layer, head);
        for (const part of runs(slots.slice(from, from + count))) {
          const [start, end] = [source.offset(sourceRow, head, part.from), this.offset(row, head, slot + part.to)];
          this.keys[layer]!.copy(source.keys[layer]!, start, end, part.count * this.headDim);
          this.values[layer]!.copy(source.values[layer]!, start, end, part.count * this.headDim);
        }
      },
    });
  }

  release(): void {
    if (this.released) return;
    this.released = true;
    for (const item of [...this.owned, ...this.tables, ...this.keys, ...this.values]) item.release();
  }

  /** A sentence where so many more tokens a row do not fit. */
  checkRoom(counts: readonly number[]): void {
    if (this.layout.ring) return;
    for (const [row, count] of counts.entries()) {
      for (const { table, head, layer } of this.everyHead(row)) {
        const held = table.count(row, head);
        if (held + count <= this.capacity) continue;
        const where = this.layout.apart ? `head ${head} of layer ${layer} of row ${row}` : `row ${row}`;
        throw new Error(
          `The cache holds ${this.capacity} tokens, ${held} are taken in ${where} and ${count} were to be added. Drop some, make a larger one, or take a ring.`,
        );
      }
    }
  }

  /** Puts what comes from elsewhere in place of what a row holds. */
  private take(
    row: number,
    given: Pick<SlotEntries, 'length' | 'next' | 'keys'> & {
      held(layer: number, head: number): { places: readonly number[]; positions: readonly number[] };
      /** Writes `count` entries from the `from`th on into slots from `slot` on. */
      write(layer: number, head: number, from: number, slot: number, count: number): void;
    },
  ): void {
    const { ring, apart, unrotated } = this.layout;
    const seen = (place: number) => isSeen(this.layout, place, given.length);
    if ((given.keys === 'unrotated') !== unrotated) {
      throw new Error(`Keys that were held ${given.keys} do not fit a cache of ${unrotated ? 'un' : ''}rotated ones.`);
    }
    for (let layer = 0; layer < this.layers; layer++) {
      for (let head = 0; head < this.kvHeads; head++) {
        const { places, positions } = given.held(layer, head);
        if (ring && places.some((place, i) => place !== positions[i])) {
          throw new Error('In a ring tokens stand at their places; these were given other positions.');
        }
        const rising = places.every(
          (place, i) => Number.isInteger(place) && place >= 0 && place < given.length && !(place <= places[i - 1]!),
        );
        if (!rising) throw new Error(`Places must rise from 0 to below the ${given.length} tokens of the text.`);
        if (!apart && places.join() !== given.held(0, 0).places.join()) {
          throw new Error("The heads to be copied hold different tokens; give the cache heads: 'apart'.");
        }
        if (!ring && places.length > this.capacity) {
          throw new Error(`${places.length} tokens do not fit into a cache of ${this.capacity}.`);
        }
      }
    }
    for (const table of this.tables) table.clearRow(row);
    for (let layer = 0; layer < this.layers; layer++) {
      for (let head = 0; head < this.kvHeads; head++) {
        const { places, positions } = given.held(layer, head);
        const own = this.tables[apart ? layer : 0]!;
        const first = apart || (layer === 0 && head === 0);
        const claimed: number[] = [];
        const taken: number[] = [];
        for (const [i, place] of places.entries()) {
          if (!seen(place)) continue;
          taken.push(i);
          if (first) claimed.push(own.claim(row, apart ? head : 0, place, positions[i]!));
        }
        const slots = first ? claimed : own.entries(row, 0).slots;
        for (const part of runs(slots, taken)) given.write(layer, head, taken[part.to]!, part.from, part.count);
      }
    }
    this.endAt(row, given.length);
    if (given.next !== undefined && !ring) this.nextPositions[row] = given.next;
  }

  /** The next token has this place, and stands behind the last one that is held as it does in the text. */
  private endAt(row: number, length: number): void {
    this.lengths[row] = length;
    const behind = this.everyHead(row).flatMap(({ table, head }) => {
      const { places, positions } = table.entries(row, head);
      return places.length ? [positions.at(-1)! + length - places.at(-1)!] : [];
    });
    this.nextPositions[row] = behind.length ? Math.max(...behind) : length;
  }

  private entriesOf(row: number, layer: number, head: number): HeldEntries {
    const { apart } = this.layout;
    return this.tables[apart ? layer : 0]!.entries(row, apart ? head : 0, this.lengths[row]);
  }

  private everyHead(row: number): { table: HeldTable; head: number; layer: number }[] {
    this.length(row);
    return this.tables.flatMap((table, layer) =>
      Array.from({ length: table.heads }, (_, head) => ({ table, head, layer })),
    );
  }

  private one(row: number, of?: HeadOf): { table: HeldTable; head: number } {
    this.length(row);
    if (this.layout.apart !== (of !== undefined)) {
      throw new Error(
        this.layout.apart
          ? 'Each head of this cache holds its own tokens: name the layer and the head.'
          : "All heads of this cache hold the same tokens: leave out layer and head, or give the cache heads: 'apart'.",
      );
    }
    const { layer, head } = of ?? { layer: 0, head: 0 };
    const table = this.tables[layer];
    if (!table || !(Number.isInteger(head) && head >= 0 && head < this.kvHeads)) {
      throw new Error(
        `There is no head ${head} of layer ${layer}; the cache has ${this.layers} layers of ${this.kvHeads}.`,
      );
    }
    return { table, head };
  }

  private among(row: number, slots: readonly number[], of?: HeadOf): Set<number> {
    const { table, head } = this.one(row, of);
    const odd = slots.find((slot) => !(table.place(row, head, slot) >= 0));
    if (odd !== undefined) throw new Error(`Slot ${odd} of row ${row} holds nothing; see held(${row}).`);
    return new Set(slots);
  }

  private length(row: number): number {
    const length = this.lengths[row];
    if (length === undefined) throw new Error(`The cache has ${this.rows} rows; there is no row ${row}.`);
    return length;
  }

  /** Where an entry begins in the tensors of keys and values. */
  offset(row: number, head: number, slot: number): number {
    return ((row * this.kvHeads + head) * this.slots + slot) * this.headDim;
  }
}

/** Stretches of slots that follow one another, and of what stands `beside` them: `count` slots from `from` on, at the `to`th place of the list. */
function runs(slots: readonly number[], beside?: readonly number[]): { from: number; to: number; count: number }[] {
  const parts: { from: number; to: number; count: number }[] = [];
  for (const [to, slot] of slots.entries()) {
    const last = parts.at(-1);
    const follows = last && slot === last.from + last.count;
    if (follows && (!beside || beside[to] === beside[last.to]! + last.count)) last.count++;
    else parts.push({ from: slot, to, count: 1 });
  }
  return parts;
}
