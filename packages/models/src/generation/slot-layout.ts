import type { SlotCacheOptions } from './slot-types.ts';

/** How a model makes places known, as far as its caches need to know. */
export interface PositionKinds {
  /** Queries and keys are turned. */
  rotates: boolean;
  /** Added to the scores. */
  biases: boolean;
  /** Added to the embeddings, so that a token's position cannot change. */
  embeds: boolean;
  /** Every layer sees the last tokens only. */
  windowed: boolean;
}

export interface ModelShape {
  layers: number;
  kvHeads: number;
  headDim: number;
  contextLength: number;
}

/** Which pairs are far, and what the graph needs for them. */
export type Far = 'none' | 'pinned' | 'pinned beyond' | 'all beyond';

/** {@link SlotCacheOptions}, checked, and what follows from them. */
export interface SlotLayout {
  rows: number;
  /** Tokens that a row can hold or see. */
  capacity: number;
  /** Slots of a row; the last one takes what nobody reads. */
  slots: number;
  /** Most tokens a row of one pass. */
  chunk: number;
  ring?: { pinned: number; window: number };
  unrotated: boolean;
  apart: boolean;
  distances: 'text' | 'cache' | { maximum: number };
  far: Far;
  /** Whether the graph reads where held keys stand. */
  positionsHeld: boolean;
  /** Most positions that the model has a table for. */
  embeddedPositions: number;
}

/** Most tokens a row that a pass over slots computes at once. */
const longestChunk = 256;
/** Most scores of one layer in such a pass. */
const mostScores = 1 << 24;

const atLeast = (what: string, value: number, least: number): void => {
  if (!Number.isInteger(value) || value < least) {
    throw new Error(`${what} must be a whole number of at least ${least}; got ${value}.`);
  }
};

/** Throws a sentence for options that make no sense for the model. */
export function slotLayout(
  options: SlotCacheOptions,
  shape: ModelShape & { heads: number },
  kinds: PositionKinds,
): SlotLayout {
  const { rows = 1, ring, keys = 'rotated', heads = 'together' } = options;
  const { contextLength } = shape;
  const moves = (kinds.rotates || kinds.biases) && !kinds.embeds;
  const distances = options.distances ?? (ring && moves ? 'cache' : 'text');
  atLeast('The rows of a cache', rows, 1);
  if ((ring === undefined) === (options.capacity === undefined)) {
    throw new Error('A cache of slots has a capacity or a ring: give one of the two.');
  }
  checkKinds({ keys, distances, heads }, kinds);
  const unrotated = keys === 'unrotated';
  const maximum = typeof distances === 'object' ? distances.maximum : undefined;
  if (maximum !== undefined) {
    atLeast('The maximum of the distances', maximum, 1);
    if (maximum > contextLength) {
      throw new Error(`A distance of at most ${maximum} is beyond the model's context of ${contextLength}.`);
    }
  }
  if (ring) {
    checkRing(ring, { distances, apart: heads === 'apart', contextLength });
    if (ring.pinned > 0 && kinds.windowed) {
      throw new Error(
        `Every layer of this model sees its last tokens only (a sliding window), so the ${ring.pinned} pinned tokens would never be seen: take a ring with pinned 0.`,
      );
    }
  } else {
    atLeast('The capacity of a cache', options.capacity!, 1);
    if (options.capacity! > contextLength && maximum === undefined) {
      throw new Error(
        `A cache of ${options.capacity} tokens is longer than the model's context of ${contextLength}. Take a ring, or give distances a maximum.`,
      );
    }
    if (distances === 'cache' && kinds.rotates && !unrotated) {
      throw new Error(
        "Distances counted in the cache change as entries are dropped, so keys must be turned anew at each step: choose keys: 'unrotated'.",
      );
    }
  }
  const far = farOf(distances, ring);
  if (far === 'all beyond' && kinds.rotates && !unrotated) {
    throw new Error(
      "A maximum of the distances that any key can be subject to needs keys that can be turned: choose keys: 'unrotated', or a ring whose window is no longer than the maximum + 1.",
    );
  }
  const capacity = ring ? ring.pinned + ring.window : options.capacity!;
  const widest = Math.max(1, Math.floor(mostScores / (rows * shape.heads * capacity)));
  const chunk = Math.min(longestChunk, widest, ring ? Math.ceil(ring.window / 4) : capacity);
  return {
    rows,
    capacity,
    // A ring of only the window would lose, to the last tokens of a pass, what its first ones still see.
    slots: capacity + (ring ? chunk - 1 : 0) + 1,
    chunk,
    ...(ring ? { ring } : {}),
    unrotated,
    apart: heads === 'apart',
    distances,
    far,
    positionsHeld: (unrotated && kinds.rotates) || kinds.biases || far.endsWith('beyond'),
    embeddedPositions: kinds.embeds ? contextLength : Number.POSITIVE_INFINITY,
  };
}

function checkKinds(
  { keys, distances, heads }: Required<Pick<SlotCacheOptions, 'keys' | 'distances' | 'heads'>>,
  { rotates, biases, embeds }: PositionKinds,
): void {
  if (keys === 'unrotated' && !rotates) {
    throw new Error(
      `This model does not turn its keys (${embeds ? 'its positions are in the embeddings' : biases ? 'its positions are added to the scores' : 'it has no positions'}), so there is nothing to leave unrotated: leave out keys: 'unrotated'.`,
    );
  }
  if (distances !== 'text' && embeds) {
    throw new Error(
      "This model's positions are in the embeddings, so distances cannot be changed afterwards: only distances: 'text' makes sense.",
    );
  }
  if (distances !== 'text' && !rotates && !biases) {
    throw new Error("This model has no distances: only distances: 'text' makes sense.");
  }
  if (heads === 'apart' && biases) {
    throw new Error(
      "A bias of positions is the same for all heads of a row, so they must hold the same tokens: heads: 'apart' is not for this model.",
    );
  }
}

function checkRing(
  { pinned, window }: { pinned: number; window: number },
  { distances, apart, contextLength }: { distances: SlotLayout['distances']; apart: boolean; contextLength: number },
): void {
  atLeast('The pinned tokens of a ring', pinned, 0);
  if (!Number.isInteger(window) || window < 1) {
    throw new Error(
      `A ring needs a window of at least 1 token, so that a token sees itself, beside its ${pinned} pinned ones; got ${window}.`,
    );
  }
  if (apart)
    throw new Error("A ring holds the same places in every head: heads: 'apart' needs a capacity in its place.");
  const widest = distances === 'cache' ? pinned + window : window;
  if (widest > contextLength) {
    throw new Error(
      `A ring of ${pinned} pinned tokens and a window of ${window} is longer than the model's context of ${contextLength}.`,
    );
  }
}

function farOf(distances: SlotLayout['distances'], ring: SlotLayout['ring']): Far {
  if (distances === 'text') return 'none';
  if (distances === 'cache') return ring && ring.pinned > 0 ? 'pinned' : 'none';
  if (!ring || ring.window - 1 > distances.maximum) return 'all beyond';
  return ring.pinned > 0 ? 'pinned beyond' : 'none';
}
