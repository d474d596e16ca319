/** A map from pairs of whole numbers (0 to 2^31 - 1) to whole numbers, in typed arrays: a few bytes an entry, no objects. */
export class PairTable {
  private firsts: Int32Array;
  private seconds: Int32Array;
  private values: Int32Array;
  private count = 0;

  constructor(expected = 16) {
    const size = 2 ** Math.ceil(Math.log2(Math.max(16, expected * 2)));
    this.firsts = new Int32Array(size).fill(-1);
    this.seconds = new Int32Array(size);
    this.values = new Int32Array(size);
  }

  /** The value of a pair, or -1. */
  get(first: number, second: number): number {
    const slot = this.slotOf(first, second);
    return this.firsts[slot] === -1 ? -1 : this.values[slot]!;
  }

  set(first: number, second: number, value: number): void {
    if (this.count * 2 >= this.firsts.length) this.grow();
    const slot = this.slotOf(first, second);
    if (this.firsts[slot] === -1) {
      this.count++;
      this.firsts[slot] = first;
      this.seconds[slot] = second;
    }
    this.values[slot] = value;
  }

  private slotOf(first: number, second: number): number {
    const mask = this.firsts.length - 1;
    let hash = Math.imul(first, 0x9e3779b1) ^ Math.imul(second, 0x85ebca6b);
    hash ^= hash >>> 15;
    let slot = Math.imul(hash, 0x2c1b3c6d) & mask;
    while (this.firsts[slot] !== -1 && (this.firsts[slot] !== first || this.seconds[slot] !== second)) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  private grow(): void {
    const { firsts, seconds, values } = this;
    const size = firsts.length * 2;
    this.firsts = new Int32Array(size).fill(-1);
    this.seconds = new Int32Array(size);
    this.values = new Int32Array(size);
    this.count = 0;
    firsts.forEach((first, i) => {
      if (first !== -1) this.set(first, seconds[i]!, values[i]!);
    });
  }
}
