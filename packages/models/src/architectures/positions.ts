import {
  add,
  cast,
  clip,
  concat,
  constant,
  cos,
  gather,
  initializer,
  mul,
  range,
  sin,
  split,
  sub,
  type Tensor,
  transpose,
  unsqueeze,
} from '@working-papers/graph';
import type { WeightSource } from '../types.ts';
import type { Positions } from './parts.ts';
import { type RotaryFrequencies, rotaryTables } from './rotary.ts';

/** 0, 1, 2, ... for ids `[rows, sequence]`: `[1, sequence]`, the same for every row. */
export const places = (ids: Tensor): Tensor => unsqueeze(range(0, ids.shape[1]!), [0]);

/** No positions at all (NoPE, arXiv 2305.19466). */
export const noPositions: Positions = {};

/** Kept so that models of one graph share their tables; those asked for last, as many as models live beside each other at most. */
const known = new Map<string, Positions>();
const mostKnown = 16;

/** Positions of that key, made where they are not known. */
function shared(key: string, make: () => Positions): Positions {
  const positions = known.get(key) ?? make();
  // The first of a map is what was asked for longest ago.
  known.delete(key);
  known.set(key, positions);
  if (known.size > mostKnown) known.delete(known.keys().next().value!);
  return positions;
}

/** Numbers of a table of positions at most: 256 MiB, a context of a million tokens with heads of 128. */
const largestTable = 2 ** 26;

/** Refuses a table whose size a configuration alone decides, before anything is allocated for it. */
function checkTable(capacity: number, width: number): void {
  if (capacity * width <= largestTable) return;
  throw new Error(
    `A context of ${capacity} tokens needs tables of positions of ${capacity} x ${width} numbers; at most ${largestTable} are made. Set max_position_embeddings in config.json to the tokens that you need.`,
  );
}

/**
 * Rotary position embedding (RoFormer, arXiv 2104.09864) in the layout of Hugging Face's models: dimension i turns with
 * dimension i + half, where half is the number of frequencies; dimensions behind 2 * half stay as they are (a part of each
 * head turns). Positions are int64 below `capacity`, or float32 of any value. The same tables are one initialiser wherever they are asked
 * for, so that several models in one graph share them.
 */
export function rotaryPositions(
  frequencies: RotaryFrequencies,
  capacity: number,
  headDim = 2 * frequencies.length,
): Positions {
  const key = `${capacity}:${headDim}:${frequencies.join()}`;
  return shared(key, () => makePositions(frequencies, capacity, headDim));
}

function makePositions(frequencies: RotaryFrequencies, capacity: number, headDim: number): Positions {
  const half = frequencies.length;
  checkTable(capacity, half);
  // Stretched frequencies can begin or end alike, so the sum tells them apart too.
  const named = [capacity, half, frequencies.at(-1), frequencies.reduce((sum, value) => sum + value, 0)].join('.');
  const table = (name: 'cos' | 'sin') =>
    initializer(`rotary.${name}.${named}`, 'float32', [capacity, half], () => {
      const values = rotaryTables(frequencies, capacity)[name];
      return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    });
  const tables = { cos: table('cos'), sin: table('sin') };
  const inverse = constant(Float32Array.from(frequencies), 'float32');
  const anglesAt = (positionIds: Tensor) => {
    if (positionIds.dtype === 'int64') {
      return {
        cos: unsqueeze(gather(tables.cos, positionIds, 0), [1]), // [rows, 1, sequence, half]
        sin: unsqueeze(gather(tables.sin, positionIds, 0), [1]),
      };
    }
    return overHeads(anglesOf(positionIds, inverse));
  };
  return {
    ...(headDim === 2 * half ? { tables } : {}),
    rotate: rotation(anglesAt, half),
    angles: (positionIds) => anglesOf(positionIds, inverse),
  };
}

/** Rotary positions whose frequencies `[half]` are a weight of the checkpoint. */
export function storedRotaryPositions(frequencies: Tensor): Positions {
  const angles = (positionIds: Tensor) => anglesOf(positionIds, frequencies);
  return { rotate: rotation((positionIds) => overHeads(angles(positionIds)), frequencies.shape[0] as number), angles };
}

interface Angles {
  cos: Tensor;
  sin: Tensor;
}

/** `[rows, sequence, half]` */
function anglesOf(positionIds: Tensor, frequencies: Tensor): Angles {
  const angle = mul(unsqueeze(cast(positionIds, 'float32'), [2]), frequencies);
  return { cos: cos(angle), sin: sin(angle) };
}

/** `[rows, 1, sequence, half]` */
const overHeads = (angles: Angles): Angles => ({ cos: unsqueeze(angles.cos, [1]), sin: unsqueeze(angles.sin, [1]) });

/** Angles are computed once for all layers. */
function rotation(anglesAt: (positionIds: Tensor) => Angles, half: number): NonNullable<Positions['rotate']> {
  const angles = new WeakMap<Tensor, Angles>();
  return (tensor, positionIds) => {
    let at = angles.get(positionIds);
    if (!at) {
      at = anglesAt(positionIds);
      angles.set(positionIds, at);
    }
    return turn(tensor, at.cos, at.sin, half);
  };
}

/** (a, b) to (a cos - b sin, b cos + a sin), a and b the first and second `half` of the last dimension; the rest stays. */
function turn(tensor: Tensor, cos: Tensor, sin: Tensor, half: number): Tensor {
  const rest = (tensor.shape[3] as number) - 2 * half;
  // Split and not sliced: its gradient is one concatenation, where each slice's scatters into zeros.
  const [a, b, ...behind] = split(tensor, rest > 0 ? [half, half, rest] : [half, half], 3) as [Tensor, Tensor];
  return concat([sub(mul(a, cos), mul(b, sin)), add(mul(b, cos), mul(a, sin)), ...behind], 3);
}

/**
 * Rows of a table `[positions, hidden]` added to the embeddings (arXiv 1706.03762); position p is row p + `offset`. Throws a
 * sentence where the table has not `count` rows, if that is given.
 */
export function learnedPositions(weights: WeightSource, table: string, offset = 0, count?: number): Positions {
  return {
    embed(hidden, positionIds) {
      const rows = weights.get(table);
      if (count !== undefined && rows.shape[0] !== count) {
        throw new Error(
          `The table '${table}' has the shape [${rows.shape.join(', ')}]; the model needs ${count} rows, one a position.`,
        );
      }
      const row = cast(positionIds, 'int64');
      return add(hidden, gather(rows, offset === 0 ? row : add(row, offset), 0));
    },
  };
}

/**
 * ALiBi (arXiv 2108.12409, section 3): each head adds -slope * distance to its scores; slopes are 2^(-8/n), 2^(-16/n), ... for
 * n heads, with those of twice the heads put between where n is no power of two.
 */
export function alibiPositions(heads: number): Positions {
  const slopes = constant(alibiSlopes(heads), 'float32');
  return {
    causal: true,
    bias(queryPositions, keyPositions) {
      const distance = sub(unsqueeze(keyPositions, [1]), unsqueeze(queryPositions, [2])); // [rows, queries, keys]
      return mul(unsqueeze(cast(distance, 'float32'), [1]), unsqueeze(slopes, [1, 2])); // [rows, heads, queries, keys]
    },
  };
}

export function alibiSlopes(heads: number): Float32Array {
  const whole = 2 ** Math.floor(Math.log2(heads));
  const slopes = Array.from({ length: whole }, (_, head) => 2 ** ((-8 * (head + 1)) / whole));
  for (let head = 0; slopes.length < heads; head++) slopes.push(2 ** ((-4 * (2 * head + 1)) / whole));
  return Float32Array.from(slopes);
}

/** How distances fall into buckets. */
export interface RelativeBuckets {
  /** Rows of the table. */
  buckets: number;
  /** From here on every distance falls into the last bucket. */
  maxDistance: number;
  /** Keys after the query have half of the buckets; otherwise all of them count as distance 0. */
  bidirectional: boolean;
}

/**
 * Relative positions of T5 (arXiv 1910.10683, section 2.1): each head adds what it learned for the bucket of the distance.
 * `table` is `[buckets, heads]`. The same two tensors of positions give the same bias, so that layers share it.
 */
export function relativePositions(table: Tensor, buckets: RelativeBuckets): Positions {
  const { maxDistance } = buckets;
  const distances = Array.from({ length: 2 * maxDistance + 1 }, (_, place) => place - maxDistance);
  const bucketOf = relativeBucket(buckets);
  // One row a distance, -maxDistance first: [2 maxDistance + 1, heads].
  const byDistance = gather(table, constant(distances.map(bucketOf), 'int64'), 0);
  const known = new WeakMap<Tensor, WeakMap<Tensor, Tensor>>();
  return {
    causal: !buckets.bidirectional,
    bias(queryPositions, keyPositions) {
      const ofQueries = known.get(queryPositions) ?? new WeakMap<Tensor, Tensor>();
      known.set(queryPositions, ofQueries);
      let bias = ofQueries.get(keyPositions);
      if (!bias) {
        const distance = sub(unsqueeze(keyPositions, [1]), unsqueeze(queryPositions, [2])); // [rows, queries, keys]
        const row = add(clip(cast(distance, 'int64'), -maxDistance, maxDistance), maxDistance);
        bias = transpose(gather(byDistance, row, 0), [0, 3, 1, 2]); // [rows, heads, queries, keys]
        ofQueries.set(keyPositions, bias);
      }
      return bias;
    },
  };
}

/** The bucket of a distance, key less query: near distances have their own, far ones share them by their logarithm. */
export function relativeBucket({ buckets, maxDistance, bidirectional }: RelativeBuckets): (distance: number) => number {
  const count = bidirectional ? Math.floor(buckets / 2) : buckets;
  const exact = Math.floor(count / 2);
  // In float32, as the reference rounds.
  const whole = Math.fround(Math.log(maxDistance / exact));
  return (distance) => {
    const after = bidirectional && distance > 0 ? count : 0;
    const steps = bidirectional ? Math.abs(distance) : Math.max(-distance, 0);
    if (steps < exact) return after + steps;
    const part = Math.fround(Math.fround(Math.log(Math.fround(steps / exact))) / whole);
    return after + Math.min(exact + Math.trunc(Math.fround(part * (count - exact))), count - 1);
  };
}

/**
 * Sinusoidal positions (arXiv 1706.03762, section 3.5) in the layout of Marian: all sines, then all cosines, added
 * to the embeddings.
 */
export function sinusoidalPositions(capacity: number, hidden: number): Positions {
  const key = `sinusoidal.${capacity}.${hidden}`;
  return shared(key, () => makeSinusoidal(key, capacity, hidden));
}

function makeSinusoidal(name: string, capacity: number, hidden: number): Positions {
  checkTable(capacity, hidden);
  const table = initializer(name, 'float32', [capacity, hidden], () => {
    const half = Math.ceil(hidden / 2);
    const values = new Float32Array(capacity * hidden);
    for (let position = 0; position < capacity; position++) {
      for (let i = 0; i < hidden; i++) {
        const pair = i < half ? i : i - half;
        const angle = position / 10000 ** ((2 * pair) / hidden);
        values[position * hidden + i] = i < half ? Math.sin(angle) : Math.cos(angle);
      }
    }
    return new Uint8Array(values.buffer);
  });
  return { embed: (hidden, positionIds) => add(hidden, gather(table, cast(positionIds, 'int64'), 0)) };
}
