import type { DeviceTensor, Runtime } from '@working-papers/runtime';
import type { SlotLayout } from './slot-layout.ts';
import type { HeldEntries } from './slot-types.ts';

/** Larger tensors cannot be viewed; they are written an element at a time. */
const largestView = 1 << 20;

/**
 * What the slots of one layer hold, or of all layers where they hold the same: place and position of each, here and in the device's
 * memory, where -1 is the place of nothing.
 */
export class HeldTable {
  /** 1 where all heads hold the same. */
  readonly heads: number;
  readonly placesTensor: DeviceTensor;
  readonly positionsTensor?: DeviceTensor;
  private readonly layout: SlotLayout;
  private readonly places: Float64Array;
  private readonly positions: Float64Array;
  /** By row and head: entries, and where the search for a free slot goes on. */
  private readonly counts: Int32Array;
  private readonly cursors: Int32Array;

  constructor(runtime: Runtime, layout: SlotLayout, heads: number) {
    const { rows, slots } = layout;
    this.layout = layout;
    this.heads = heads;
    this.places = new Float64Array(rows * heads * slots).fill(-1);
    this.positions = new Float64Array(rows * heads * slots);
    this.counts = new Int32Array(rows * heads);
    this.cursors = new Int32Array(rows * heads);
    const shape = [rows, heads, slots];
    this.placesTensor = runtime.tensor('int64', shape, new BigInt64Array(this.places.length).fill(-1n));
    if (layout.positionsHeld) this.positionsTensor = runtime.tensor('float32', shape);
  }

  count(row: number, head: number): number {
    return this.counts[row * this.heads + head]!;
  }

  /** Puts a token into the slot that is its own in a ring, or else into a free one, and says which. */
  claim(row: number, head: number, place: number, position: number): number {
    const { ring, capacity } = this.layout;
    const at = row * this.heads + head;
    let slot = ring ? ringSlot(this.layout, place) : this.cursors[at]!;
    if (!ring) {
      while (this.place(row, head, slot) >= 0) slot = (slot + 1) % capacity;
      this.cursors[at] = (slot + 1) % capacity;
    }
    this.set(row, head, slot, place, position);
    return slot;
  }

  clear(row: number, head: number, slot: number): void {
    this.set(row, head, slot, -1, 0);
  }

  clearRow(row: number): void {
    for (let head = 0; head < this.heads; head++) {
      for (let slot = 0; slot < this.layout.slots; slot++) {
        if (this.place(row, head, slot) >= 0) this.clear(row, head, slot);
      }
      this.cursors[row * this.heads + head] = 0;
    }
  }

  place(row: number, head: number, slot: number): number {
    return this.places[this.index(row, head, slot)]!;
  }

  reposition(row: number, head: number, slot: number, position: number): void {
    this.positions[this.index(row, head, slot)] = position;
    this.standAt(row, head, slot, position);
  }

  /** What is held, by rising place; where `length` is given, what a token of that place sees of it. */
  entries(row: number, head: number, length?: number): HeldEntries {
    const slots: number[] = [];
    for (let slot = 0; slot < this.layout.slots - 1; slot++) {
      const place = this.place(row, head, slot);
      if (place >= 0 && (length === undefined || isSeen(this.layout, place, length))) slots.push(slot);
    }
    slots.sort((a, b) => this.place(row, head, a) - this.place(row, head, b));
    return {
      slots,
      places: slots.map((slot) => this.place(row, head, slot)),
      positions: slots.map((slot) => this.positions[this.index(row, head, slot)]!),
    };
  }

  /** Tells the device where a held key stands in the next pass. */
  standAt(row: number, head: number, slot: number, position: number): void {
    if (this.positionsTensor) put(this.positionsTensor, this.index(row, head, slot), position);
  }

  release(): void {
    this.placesTensor.release();
    this.positionsTensor?.release();
  }

  private set(row: number, head: number, slot: number, place: number, position: number): void {
    const index = this.index(row, head, slot);
    this.counts[row * this.heads + head]! += Number(place >= 0) - Number(this.places[index]! >= 0);
    this.places[index] = place;
    this.positions[index] = position;
    put(this.placesTensor, index, place);
    if (this.positionsTensor) put(this.positionsTensor, index, position);
  }

  private index(row: number, head: number, slot: number): number {
    return (row * this.heads + head) * this.layout.slots + slot;
  }
}

/** Whether the token of place `length` sees a place before it. */
export const isSeen = ({ ring }: SlotLayout, place: number, length: number): boolean =>
  place < length && (!ring || place < ring.pinned || place > length - ring.window);

/** Where a place lies in a ring: the pinned ones first, the others in turn. */
function ringSlot({ ring, slots }: SlotLayout, place: number): number {
  const { pinned } = ring!;
  return place < pinned ? place : pinned + ((place - pinned) % (slots - 1 - pinned));
}

function put(tensor: DeviceTensor, index: number, value: number): void {
  const whole = tensor.dtype === 'int64';
  if (tensor.bytes <= largestView) {
    if (whole) (tensor.view() as BigInt64Array)[index] = BigInt(value);
    else (tensor.view() as Float32Array)[index] = value;
  } else tensor.write(whole ? BigInt64Array.of(BigInt(value)) : Float32Array.of(value), index);
}
