import type { CacheEntries, KVCache, PrefixCache } from './types.ts';

interface Kept {
  ids: readonly number[];
  /** One row, as long as the ids. */
  cache: KVCache;
}

/** Keys and values of sequences that were computed before, bounded in bytes, the longest unused given up first. */
export class LruPrefixCache implements PrefixCache {
  readonly limit: number;
  readonly #create: (capacity: number) => KVCache;
  /** Least recently used first. */
  #kept: Kept[] = [];
  #hits = 0;
  #reusedTokens = 0;

  constructor(create: (capacity: number) => KVCache, limit: number) {
    if (!(limit > 0)) throw new Error(`A cache of prefixes needs at least 1 byte; got ${limit}.`);
    this.#create = create;
    this.limit = limit;
  }

  get bytes(): number {
    return this.#kept.reduce((sum, { cache }) => sum + cache.bytes, 0);
  }

  get metrics() {
    return { sequences: this.#kept.length, bytes: this.bytes, hits: this.#hits, reusedTokens: this.#reusedTokens };
  }

  restore(ids: readonly number[], cache: KVCache, row = 0): number {
    let best: Kept | undefined;
    let longest = 0;
    for (const kept of this.#kept) {
      // The last token is left to be computed: its logits say what comes next.
      const common = commonPrefix(kept.ids, ids, ids.length - 1);
      if (common >= longest && common > 0) [best, longest] = [kept, common];
    }
    if (!best) return 0;
    cache.truncate(row, 0);
    cache.copy(row, best.cache, 0, 0, longest);
    this.#touch(best);
    this.#hits++;
    this.#reusedTokens += longest;
    return longest;
  }

  keep(ids: readonly number[], cache: KVCache, row = 0): void {
    this.#keep(ids, (own) => own.copy(0, cache, row, 0, ids.length));
  }

  add(ids: readonly number[], entries: CacheEntries): void {
    this.#keep(ids, (own) => own.load(0, entries));
  }

  *sequences(): Generator<{ ids: readonly number[]; entries(): CacheEntries }> {
    for (const { ids, cache } of this.#kept) yield { ids, entries: () => cache.read(0) };
  }

  clear(): void {
    for (const { cache } of this.#kept) cache.release();
    this.#kept = [];
  }

  #keep(ids: readonly number[], fill: (own: KVCache) => void): void {
    if (ids.length === 0) return;
    const longer = this.#kept.find((kept) => commonPrefix(kept.ids, ids, ids.length) === ids.length);
    if (longer) {
      this.#touch(longer);
      return;
    }
    const own = this.#create(ids.length);
    if (own.bytes > this.limit) {
      own.release();
      return;
    }
    try {
      fill(own);
    } catch (error) {
      own.release();
      throw error;
    }
    const shorter = this.#kept.filter((kept) => commonPrefix(kept.ids, ids, kept.ids.length) === kept.ids.length);
    for (const kept of shorter) this.#drop(kept);
    this.#kept.push({ ids: [...ids], cache: own });
    while (this.bytes > this.limit) this.#drop(this.#kept[0]!);
  }

  #touch(kept: Kept): void {
    this.#kept = [...this.#kept.filter((other) => other !== kept), kept];
  }

  #drop(kept: Kept): void {
    this.#kept = this.#kept.filter((other) => other !== kept);
    kept.cache.release();
  }
}

/** Tokens that both begin with, at most `most`. */
function commonPrefix(one: readonly number[], other: readonly number[], most: number): number {
  const end = Math.min(one.length, other.length, most);
  let length = 0;
  while (length < end && one[length] === other[length]) length++;
  return length;
}
