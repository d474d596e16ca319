import { checkSameType } from '../broadcast.ts';
import { type Dimension, formatShape, sameShape } from '../dimensions.ts';
import { apply, applyAll, checkAxis, describe, freshDimension, rule, ShapeError, type Tensor } from '../tensor.ts';
import { add, mod, mul } from './elementwise.ts';
import { expandLike, zerosLike } from './expand.ts';
import { reducedShape } from './reduction.ts';
import { dimensionOf, reshape } from './shape.ts';
import { constant, toTensor } from './sources.ts';

function checkIndices(where: string, indices: Tensor): void {
  if (indices.dtype !== 'int64' && indices.dtype !== 'int32') {
    throw new ShapeError(`${where} takes int64 or int32 indices; got ${describe(indices)}. Use cast first.`);
  }
}

const gatherRule = rule<readonly [Tensor, Tensor], { axis: number }>({
  name: 'gather',
  infer: ([x, indices], { axis }) => {
    checkIndices('gather', indices);
    return [{ dtype: x.dtype, shape: [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)] }];
  },
  // ScatterElements adds rows that occur twice in a fixed order; ScatterND loses some of them when two threads meet.
  gradient: ({ inputs: [x, indices], gradient: g, attributes: { axis } }) => {
    const rows = reshape(g, [...x.shape.slice(0, axis), -1, ...x.shape.slice(axis + 1)]);
    const column = reshape(
      indices,
      rows.shape.map((_, place) => (place === axis ? -1 : 1)),
    );
    return [scatterElements(zerosLike(x), expandLike(column, rows), rows, { axis, reduction: 'add' }), undefined];
  },
  onnx: { type: 'Gather', attributes: ({ axis }) => ({ axis: { int: axis } }) },
});

/**
 * Slices of `x` along an axis at the given indices: `gather(embedding, ids)` with `[vocabulary, hidden]` and
 * `[batch, sequence]` gives `[batch, sequence, hidden]`. A single number drops the axis. Negative indices count from the end.
 */
export function gather(x: Tensor, indices: Tensor | number, axis = 0): Tensor {
  return apply(gatherRule, [x, toTensor(indices, 'int64')], { axis: checkAxis(axis, x.shape.length, 'gather') });
}

function checkElementIndices(where: string, x: Tensor, indices: Tensor, axis: number): void {
  checkIndices(where, indices);
  if (indices.shape.length !== x.shape.length) {
    throw new ShapeError(
      `${where}: the indices ${formatShape(indices.shape)} must have as many dimensions as ${formatShape(x.shape)}.`,
    );
  }
  const wide = indices.shape.findIndex((size, place) => {
    const own = x.shape[place]!;
    return place !== axis && typeof size === 'number' && typeof own === 'number' && size > own;
  });
  if (wide >= 0) {
    throw new ShapeError(
      `${where}: the indices ${formatShape(indices.shape)} exceed ${formatShape(x.shape)} on axis ${wide}.`,
    );
  }
}

const gatherElementsRule = rule<readonly [Tensor, Tensor], { axis: number }>({
  name: 'gatherElements',
  infer: ([x, indices], { axis }) => {
    checkElementIndices('gatherElements', x, indices, axis);
    return [{ dtype: x.dtype, shape: indices.shape }];
  },
  gradient: ({ inputs: [x, indices], gradient: g, attributes: { axis } }) => [
    scatterElements(zerosLike(x), indices, g, { axis, reduction: 'add' }),
    undefined,
  ],
  onnx: { type: 'GatherElements', attributes: ({ axis }) => ({ axis: { int: axis } }) },
});

/** One element of `x` for each index, along an axis; all other places are the index's own. */
export function gatherElements(x: Tensor, indices: Tensor, axis = 0): Tensor {
  return apply(gatherElementsRule, [x, indices], { axis: checkAxis(axis, x.shape.length, 'gatherElements') });
}

const scatterElementsRule = rule<readonly [Tensor, Tensor, Tensor], { axis: number; reduction: 'none' | 'add' }>({
  name: 'scatterElements',
  infer: ([x, indices, updates], { axis }) => {
    checkSameType('scatterElements', x, updates);
    checkElementIndices('scatterElements', x, indices, axis);
    if (!sameShape(indices.shape, updates.shape)) {
      throw new ShapeError(
        `scatterElements: the updates ${formatShape(updates.shape)} must have the shape of the indices ${formatShape(indices.shape)}.`,
      );
    }
    return [x];
  },
  gradient: ({ inputs: [, indices, updates], gradient: g, attributes: { axis, reduction } }) => [
    reduction === 'add' ? g : scatterElements(g, indices, zerosLike(updates), { axis }),
    undefined,
    gatherElements(g, indices, axis),
  ],
  onnx: {
    type: 'ScatterElements',
    attributes: ({ axis, reduction }) => ({ axis: { int: axis }, reduction: { text: reduction } }),
  },
});

/** `x` with `updates` written (or added) at the indices along an axis. Without 'add' an index may occur only once. */
export function scatterElements(
  x: Tensor,
  indices: Tensor,
  updates: Tensor,
  options: { axis?: number; reduction?: 'none' | 'add' } = {},
): Tensor {
  const axis = checkAxis(options.axis ?? 0, x.shape.length, 'scatterElements');
  return apply(scatterElementsRule, [x, indices, updates], { axis, reduction: options.reduction ?? 'none' });
}

const scatterNDRule = rule<readonly [Tensor, Tensor, Tensor]>({
  name: 'scatterND',
  infer: ([x, indices, updates]) => {
    checkSameType('scatterND', x, updates);
    if (indices.dtype !== 'int64') {
      throw new ShapeError(`scatterND takes int64 indices; got ${describe(indices)}. Use cast first.`);
    }
    const depth = indices.shape.at(-1);
    if (typeof depth !== 'number' || depth < 1 || depth > x.shape.length) {
      throw new ShapeError(
        `scatterND: the last dimension of the indices ${formatShape(indices.shape)} must be a number from 1 to the ${x.shape.length} dimensions of ${formatShape(x.shape)}.`,
      );
    }
    const wanted = [...indices.shape.slice(0, -1), ...x.shape.slice(depth)];
    if (!sameShape(updates.shape, wanted)) {
      throw new ShapeError(
        `scatterND: the updates ${formatShape(updates.shape)} must be ${formatShape(wanted)}, a slice for each of the indices ${formatShape(indices.shape)}.`,
      );
    }
    return [x];
  },
  gradient: ({ inputs: [, indices, updates], gradient: g }) => [
    scatterND(g, indices, zerosLike(updates)),
    undefined,
    slicesAt(g, indices),
  ],
  onnx: { type: 'ScatterND' },
});

/**
 * `x` with slices of it written anew: `indices` `[..., k]` name places along the first k dimensions, `updates` `[..., rest]` hold
 * what is written there. With `x` and the result bound to one tensor nothing else is copied. A place may occur only once.
 */
export function scatterND(x: Tensor, indices: Tensor, updates: Tensor): Tensor {
  return apply(scatterNDRule, [x, indices, updates]);
}

/** The slices of `x` at places `[..., k]` along its first k dimensions, negative ones counted from the end: `[..., rest]`. */
function slicesAt(x: Tensor, places: Tensor): Tensor {
  const depth = places.shape.at(-1) as number;
  // One index for the k dimensions, as if they were one.
  const flat = Array.from({ length: depth }, (_, axis) => {
    const place = gather(places, toTensor(axis, 'int64'), -1);
    return mod(place, dimensionOf(x, axis));
  }).reduce((index, place, axis) => add(mul(index, dimensionOf(x, axis)), place));
  return gather(reshape(x, [-1, ...x.shape.slice(depth)]), flat, 0);
}

interface ArgAttributes {
  readonly axis: number;
  readonly keepDims: boolean;
}

const argRule = (name: string, type: string) =>
  rule<readonly [Tensor], ArgAttributes>({
    name,
    infer: ([x], { axis, keepDims }) => [{ dtype: 'int64', shape: reducedShape(x.shape, [axis], keepDims) }],
    onnx: {
      type,
      attributes: ({ axis, keepDims }) => ({ axis: { int: axis }, keepdims: { int: keepDims ? 1 : 0 } }),
    },
  });

const argMaxRule = argRule('argMax', 'ArgMax');
const argMinRule = argRule('argMin', 'ArgMin');

/** Index of the largest element along an axis (the first of several), int64. */
export function argMax(x: Tensor, axis: number, options: { keepDims?: boolean } = {}): Tensor {
  const place = checkAxis(axis, x.shape.length, 'argMax');
  return apply(argMaxRule, [x], { axis: place, keepDims: options.keepDims ?? false });
}

/** Index of the smallest element along an axis (the first of several), int64. */
export function argMin(x: Tensor, axis: number, options: { keepDims?: boolean } = {}): Tensor {
  const place = checkAxis(axis, x.shape.length, 'argMin');
  return apply(argMinRule, [x], { axis: place, keepDims: options.keepDims ?? false });
}

interface TopKAttributes {
  readonly axis: number;
  readonly size: Dimension;
  readonly largest: boolean;
  readonly sorted: boolean;
}

const topKRule = rule<readonly [Tensor, Tensor], TopKAttributes>({
  name: 'topK',
  infer: ([x], { axis, size }) => {
    const own = x.shape[axis]!;
    if (typeof own === 'number' && typeof size === 'number' && size > own) {
      throw new ShapeError(`topK: ${size} elements are more than axis ${axis} of ${formatShape(x.shape)} holds.`);
    }
    const shape = x.shape.map((dimension, place) => (place === axis ? size : dimension));
    return [
      { dtype: x.dtype, shape },
      { dtype: 'int64', shape },
    ];
  },
  gradient: ({ inputs: [x], outputs: [, indices], gradient: g, attributes: { axis } }) => [
    scatterElements(zerosLike(x), indices!, g, { axis }),
    undefined,
  ],
  onnx: {
    write: (writer, [x, k], { attributes: { axis, largest, sorted } }) =>
      writer.node('TopK', [x, writer.node('Reshape', [k, writer.int64s([1])])[0]], {
        attributes: {
          axis: { int: axis },
          largest: { int: largest ? 1 : 0 },
          sorted: { int: sorted ? 1 : 0 },
        },
        outputs: 2,
      }),
  },
});

/** The `k` largest (or smallest) elements along an axis and their int64 indices; `k` may be an int64 scalar tensor. */
export function topK(
  x: Tensor,
  k: number | Tensor,
  axis = -1,
  options: { largest?: boolean; sorted?: boolean; dimension?: Dimension } = {},
): { values: Tensor; indices: Tensor } {
  const [values, indices] = applyAll(topKRule, [x, toTensor(k, 'int64')], {
    axis: checkAxis(axis, x.shape.length, 'topK'),
    size: options.dimension ?? (typeof k === 'number' ? k : freshDimension('top')),
    largest: options.largest ?? true,
    sorted: options.sorted ?? true,
  });
  return { values: values!, indices: indices! };
}

const cumSumRule = rule<readonly [Tensor], { axis: number; exclusive: boolean; reverse: boolean }>({
  name: 'cumSum',
  infer: ([x]) => [x],
  gradient: ({ gradient: g, attributes: { axis, exclusive, reverse } }) => [
    cumSum(g, axis, { exclusive, reverse: !reverse }),
  ],
  onnx: {
    write: (writer, [x], { attributes: { axis, exclusive, reverse } }) =>
      writer.node('CumSum', [x, writer.scalar(axis, 'int64')], {
        attributes: { exclusive: { int: exclusive ? 1 : 0 }, reverse: { int: reverse ? 1 : 0 } },
      }),
  },
});

/** Running sum along an axis; `exclusive` leaves the element itself out, `reverse` runs from the end. */
export function cumSum(x: Tensor, axis: number, options: { exclusive?: boolean; reverse?: boolean } = {}): Tensor {
  return apply(cumSumRule, [x], {
    axis: checkAxis(axis, x.shape.length, 'cumSum'),
    exclusive: options.exclusive ?? false,
    reverse: options.reverse ?? false,
  });
}

const triluRule = rule<readonly [Tensor, Tensor], { upper: boolean }>({
  name: 'trilu',
  infer: ([x]) => {
    if (x.shape.length < 2) throw new ShapeError(`trilu takes matrices; got ${formatShape(x.shape)}.`);
    return [x];
  },
  gradient: ({ inputs: [, diagonal], gradient: g, attributes }) => [
    trilu(g, { upper: attributes.upper, diagonal }),
    undefined,
  ],
  onnx: { type: 'Trilu', attributes: ({ upper }) => ({ upper: { int: upper ? 1 : 0 } }) },
});

/** The lower (or upper) triangle of each matrix, zeros elsewhere; `diagonal` moves its edge to the right. */
export function trilu(x: Tensor, options: { upper?: boolean; diagonal?: number | Tensor } = {}): Tensor {
  const diagonal = options.diagonal ?? 0;
  return apply(triluRule, [x, typeof diagonal === 'number' ? constant(diagonal, 'int64', []) : diagonal], {
    upper: options.upper ?? false,
  });
}
