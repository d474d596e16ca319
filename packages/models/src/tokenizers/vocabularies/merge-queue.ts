const places = 2 ** 26;

/** Pairs that may be merged: the lowest rank first, of equal ones the leftmost (a binary heap of numbers). */
export class MergeQueue {
  private readonly heap: number[] = [];
  /** Of the pair that {@link pop} took. */
  rank = 0;
  place = 0;

  /** Places are below 2^26, ranks below 2^27. */
  push(rank: number, place: number): void {
    const { heap } = this;
    const key = rank * places + place;
    let at = heap.push(key) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent]! <= key) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = key;
  }

  /** Takes the first pair; false when there is none. */
  pop(): boolean {
    const { heap } = this;
    const first = heap[0];
    if (first === undefined) return false;
    const key = heap.pop()!;
    if (heap.length > 0) {
      let at = 0;
      for (let child = 1; child < heap.length; child = 2 * at + 1) {
        if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child++;
        if (heap[child]! >= key) break;
        heap[at] = heap[child]!;
        at = child;
      }
      heap[at] = key;
    }
    this.rank = Math.floor(first / places);
    this.place = first % places;
    return true;
  }
}
