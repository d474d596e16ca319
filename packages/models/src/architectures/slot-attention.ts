import {
  add,
  concat,
  constant,
  type Dimension,
  dimensionProduct,
  gather,
  greater,
  range,
  reshape,
  rotaryEmbedding,
  scatterND,
  slice,
  squeeze,
  sub,
  type Tensor,
  unsqueeze,
  where,
  zerosLike,
} from '@working-papers/graph';
import { mixed, needed, scaledProducts, shownHeads } from './attention.ts';
import { slotsMask } from './masks.ts';
import type { Attention, AttentionConfig, AttentionInput, FarPositions, LayerSlots, Positions } from './parts.ts';

/**
 * Attention over keys and values in slots, in plain operations: the new ones are written into theirs in place, then every query
 * sees what the places allow, wherever it lies. What is held may be any selection of a text, another one for each layer and
 * head; keys may be held before their rotation and turned to where they stand now. The first slots, or all, can be met at other
 * distances (StreamingLLM, arXiv 2309.17453; LM-Infinite, arXiv 2308.16137).
 */
export const slotAttention: Attention = (input) => {
  const { slots, config, positions, positionIds, window } = input;
  if (!slots) throw new Error('slotAttention needs slots; use selfAttention, which takes what it is given.');
  if (input.mask) throw new Error('slotAttention knows by places what a token sees and takes no mask.');
  const heads = shownHeads(input);
  const newKey = slots.unrotated ? heads.key : shownTurned(input, 'rotatedKey', heads.key);
  const key = scatterND(slots.key, slots.writeAt, newKey);
  const value = scatterND(slots.value, slots.writeAt, heads.value);

  const standing = slots.unrotated ? turnedKeys(input, slots, key) : key;
  let scores = scaledProducts(config, shownTurned(input, 'rotatedQuery', heads.query), standing);
  if (positions.bias) scores = add(scores, positions.bias(needed(positionIds), perRow(held(slots))));
  if (slots.far && (positions.rotate || positions.bias)) {
    scores = withFar(input, slots, slots.far, { query: heads.query, key, near: scores });
  }
  scores = add(scores, perHead(maskOf(slots, window), config));
  return { output: mixed(input, scores, value).output, key, value };
};

const masks = new WeakMap<Tensor, Map<number | undefined, Tensor>>();

/** One tensor for all layers that hold the same and look as far. */
function maskOf({ places, heldPlaces, pinned, window }: LayerSlots, layerWindow: number | undefined): Tensor {
  const known = masks.get(heldPlaces) ?? new Map<number | undefined, Tensor>();
  masks.set(heldPlaces, known);
  let mask = known.get(layerWindow);
  if (!mask) {
    mask = slotsMask(places, heldPlaces, { pinned, window, layerWindow });
    known.set(layerWindow, mask);
  }
  return mask;
}

/** `[rows, kvHeads, ...]` for each head of the queries; `[rows, 1, ...]` as it is. */
function perHead(x: Tensor, { heads, kvHeads }: AttentionConfig): Tensor {
  if (x.shape[1] !== kvHeads || kvHeads === heads) return x;
  const own = Array.from({ length: heads }, (_, head) => Math.floor((head * kvHeads) / heads));
  return gather(x, constant(own, 'int64'), 1);
}

function held({ heldPositions }: LayerSlots): Tensor {
  if (!heldPositions) throw new Error('These slots need positions of what they hold; the graph was given none.');
  return heldPositions;
}

const rows = new WeakMap<Tensor, Tensor>();

/** `[rows, 1, slots]` as `[rows, slots]`; one tensor for all layers. */
function perRow(heldPositions: Tensor): Tensor {
  let row = rows.get(heldPositions);
  if (!row) {
    if (heldPositions.shape[1] !== 1) {
      throw new Error('A bias of positions needs slots that hold the same in every head.');
    }
    row = squeeze(heldPositions, [1]);
    rows.set(heldPositions, row);
  }
  return row;
}

const eachHead = new WeakMap<Tensor, Tensor>();

/** `[rows, kvHeads, slots]` as `[rows * kvHeads, slots]`; one tensor however often it is asked for. */
function perKeyHead(heldPositions: Tensor): Tensor {
  const known = eachHead.get(heldPositions) ?? reshape(heldPositions, [-1, heldPositions.shape[2]!]);
  eachHead.set(heldPositions, known);
  return known;
}

interface Turn {
  /** `[rows * sequence, half]`, and the row of it that each place is turned by, int64 `[rows, sequence]`. */
  cos: Tensor;
  sin: Tensor;
  rowOf: Tensor;
}

const turns = new WeakMap<Tensor, Turn>();

/** `[rows, heads, sequence, headDim]` turned to positions of any value, in one kernel where it is plain rotary embedding. */
function turned({ rotate, angles }: Positions, x: Tensor, at: Tensor): Tensor {
  if (!rotate) return x;
  if (!angles) return rotate(x, at);
  let turn = turns.get(at);
  if (!turn) {
    const { cos, sin } = angles(at);
    const [rows, sequence, half] = cos.shape as [Dimension, Dimension, number];
    const flat = (values: Tensor) => reshape(values, [-1, half]);
    const rowOf = reshape(range(0, dimensionProduct(rows, sequence)), [rows, sequence]);
    turn = { cos: flat(cos), sin: flat(sin), rowOf };
    turns.set(at, turn);
  }
  const width = 2 * (turn.cos.shape[1] as number);
  return rotaryEmbedding(x, turn.rowOf, turn.cos, turn.sin, {
    heads: x.shape[1] as number,
    ...(width < (x.shape[3] as number) ? { rotaryDimensions: width } : {}),
  });
}

const shownTurned = ({ positions, positionIds, tap }: AttentionInput, name: string, x: Tensor): Tensor =>
  positions.rotate ? tap(name, turned(positions, x, needed(positionIds))) : x;

/** Keys that are held before their rotation, turned to where they stand. */
function turnedKeys(input: AttentionInput, slots: LayerSlots, key: Tensor): Tensor {
  const { positions, tap, config } = input;
  if (!positions.rotate) return key;
  const at = held(slots);
  if (at.shape[1] === 1) return tap('rotatedKey', turned(positions, key, perRow(at)));
  const [count, , length] = key.shape as [Dimension, Dimension, Dimension];
  const apart = reshape(key, [-1, 1, length, config.headDim]); // [rows * kvHeads, 1, slots, headDim]
  const each = turned(positions, apart, perKeyHead(at));
  return tap('rotatedKey', reshape(each, [count, config.kvHeads, length, config.headDim]));
}

/** Scores `near` `[rows, heads, sequence, slots]` with those of the far pairs in their place. */
function withFar(
  { config, positions, positionIds }: AttentionInput,
  slots: LayerSlots,
  far: FarPositions,
  { query, key, near }: { query: Tensor; key: Tensor; near: Tensor },
): Tensor {
  const count = far.keys?.shape[1];
  const first = (x: Tensor, axis: number) => (count === undefined ? x : slice(x, axis, 0, count));
  const keys = first(key, 2);
  let scores = scaledProducts(
    config,
    turned(positions, query, far.queries),
    far.turns ? turned(positions, keys, far.turns) : keys,
  );
  if (positions.bias) scores = add(scores, positions.bias(far.queries, far.keys ?? zerosLike(perRow(held(slots)))));
  if (far.beyond) {
    const distance = sub(unsqueeze(needed(positionIds), [1, 3]), unsqueeze(first(held(slots), 2), [2]));
    scores = where(perHead(greater(distance, far.beyond), config), scores, first(near, 3));
  }
  return count === undefined ? scores : concat([scores, slice(near, 3, count)], 3);
}
