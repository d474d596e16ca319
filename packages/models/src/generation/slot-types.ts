/** Caches of slots: what is held may be any selection of what a text has had, each entry with its place and its position. */
import type { KVCache } from './types.ts';

/** How keys and values are held in slots; see docs/caches.md. */
export interface SlotCacheOptions {
  /** Texts that step together. Default 1. */
  rows?: number;
  /** Tokens that each row can hold; this or `ring`. */
  capacity?: number;
  /**
   * The first `pinned` tokens and the last `window` of them (the newest itself included) are seen, however long the text becomes:
   * what the others took is written over.
   */
  ring?: { pinned: number; window: number };
  /**
   * `rotated` (the default): keys are held as they stand in the text. `unrotated`: before their rotation, and all of them are turned
   * at each step, so that where they stand can change; for models with rotary positions.
   */
  keys?: 'rotated' | 'unrotated';
  /**
   * How far a token is held to be from what it sees. `text`: as far as in the text. `cache`: by how much of what is seen lies
   * between, as if nothing had been left out (StreamingLLM, arXiv 2309.17453). `maximum`: as in the text, but never further than this
   * (LM-Infinite, arXiv 2308.16137). Default: `cache` for a ring where the model has distances, otherwise `text`.
   */
  distances?: 'text' | 'cache' | { maximum: number };
  /** `apart`: each layer and each head of it can hold other tokens. Default `together`. */
  heads?: 'together' | 'apart';
}

/** What a row holds, by rising place. */
export interface HeldEntries {
  /** Where they lie: the last dimension of the scores that are computed over the cache. */
  slots: number[];
  /** How many tokens of the text came before each. */
  places: number[];
  /** Where each stands for the model's positions; its place unless it was given another. */
  positions: number[];
}

/** A row's entries out of a cache: for each layer, each head's. */
export interface SlotEntries {
  /** Tokens that the text has had. */
  length: number;
  /** Where the next token stands, if not as far behind the last one as in the text. */
  next?: number;
  /** As they were held. */
  keys: 'rotated' | 'unrotated';
  /** `[layer][head]`; key and value are `[entries, headDim]`. */
  heads: { places: number[]; positions: number[]; key: Float32Array; value: Float32Array }[][];
}

/** Keys and values in slots, written and forgotten in place. */
export interface SlotCache {
  readonly rows: number;
  /** Tokens that each row (each head of it, where heads are apart) can hold or see. */
  readonly capacity: number;
  /** Slots of each row: some more than the capacity, so that a prompt can come many tokens at a time. */
  readonly slots: number;
  readonly layers: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Whether a text in it can go on for ever: a ring, where positions are not in the embeddings. */
  readonly endless: boolean;
  /** Bytes of all layers; they never grow. */
  readonly bytes: number;
  readonly options: Readonly<SlotCacheOptions>;
  /** Tokens that each row has had so far, those that it no longer holds included: the place of its next one. */
  readonly lengths: readonly number[];
  /** What a row (default 0) holds; of one layer and head where heads are apart. */
  held(row?: number, of?: { layer: number; head: number }): HeldEntries;
  /** Forgets what lies in these slots; in a ring too. */
  drop(row: number, slots: readonly number[], of?: { layer: number; head: number }): void;
  /** Forgets everything else. */
  keep(row: number, slots: readonly number[], of?: { layer: number; head: number }): void;
  /** Gives what is held new positions; for keys held before their rotation. The next token stands behind the last one, or at `next`. */
  reposition(row: number, position: (place: number, position: number) => number, next?: number): void;
  /** Forgets places from `length` on; the next token has that place. Throws where a ring has written over what is then needed. */
  truncate(row: number, length: number): void;
  /** A copy of what a row (default 0) holds. */
  read(row?: number): SlotEntries;
  /** Puts entries into a row in place of what it holds. */
  load(row: number, entries: SlotEntries): void;
  /**
   * Copies a row of another cache in place of what `row` holds, without the gaps; one of tokens in order too (`createCache`). A ring
   * takes what its next token sees. The memory is copied natively.
   */
  copy(row: number, source: SlotCache | KVCache, sourceRow?: number): void;
  release(): void;
}
