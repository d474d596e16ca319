import {
  type Dimension,
  dimensionProduct,
  dimensionQuotient,
  dimensionTerms,
  formatShape,
  isStatic,
  type Shape,
  sameShape,
} from '../dimensions.ts';
import { apply, checkAxis, checkShape, rule, ShapeError, type Tensor } from '../tensor.ts';
import { constant } from './sources.ts';

type One = readonly [Tensor];

const reshapeRule = rule<readonly [Tensor, Tensor | undefined], { shape: Shape }>({
  name: 'reshape',
  infer: ([x], { shape }) => {
    const [from, to] = [dimensionProduct(...x.shape), dimensionProduct(...shape)];
    if (contradict(from, to)) {
      throw new ShapeError(
        `reshape cannot turn ${formatShape(x.shape)} (${from} elements) into ${formatShape(shape)} (${to}).`,
      );
    }
    return [{ dtype: x.dtype, shape }];
  },
  gradient: ({ inputs: [x], gradient: g }) => [reshapeLike(g, x)],
  onnx: {
    write: (writer, [value, like], { inputs: [x], attributes: { shape } }) => {
      const constantTarget = like === undefined ? reshapeTarget(x.shape, shape) : undefined;
      if (constantTarget) return writer.node('Reshape', [value, writer.int64s(constantTarget)]);
      // Sizes that are read when the program runs may be 0 (an empty cache), which would otherwise mean 'copy'.
      const target = like === undefined ? writer.shape(shape) : writer.node('Shape', [like])[0];
      return writer.node('Reshape', [value, target], { attributes: { allowzero: { int: 1 } } });
    },
  },
});

/** True where no sizes of the names can make both products equal; the rest is checked when the program runs. */
function contradict(from: Dimension, to: Dimension): boolean {
  const [a, b] = [from, to].map((dimension) => dimensionTerms(String(dimension)));
  const names = (term: { names: string[] } | undefined) => term?.names.join('*') ?? '';
  return a!.length <= 1 && b!.length <= 1 && names(a![0]) === names(b![0]) && from !== to;
}

/** The constant form of a reshape's target, if it has one: 0 copies the axis at the same place, one -1 is computed. */
function reshapeTarget(from: Shape, to: Shape): number[] | undefined {
  let open = 0;
  const target = to.map((dimension, axis) => {
    if (typeof dimension === 'number') return dimension;
    if (dimension === from[axis]) return 0;
    open += 1;
    return -1;
  });
  return open <= 1 && !to.includes(0) ? target : undefined;
}

/**
 * `x` with the same elements in another shape. One dimension may be -1: it is computed. Named dimensions may stand
 * anywhere: `reshape(x, ['batch', 'sequence', 9, 64])`.
 */
export function reshape(x: Tensor, shape: readonly Dimension[]): Tensor {
  const open = shape.filter((dimension) => dimension === -1).length;
  if (open > 1) throw new ShapeError(`reshape: only one dimension of ${formatShape(shape)} may be -1.`);
  if (open === 0) return reshapeTo(x, checkShape(shape, 'reshape'));
  const known = dimensionProduct(...shape.filter((dimension) => dimension !== -1));
  const rest = dimensionQuotient(dimensionProduct(...x.shape), known);
  if (rest === undefined) {
    throw new ShapeError(
      `reshape cannot turn ${formatShape(x.shape)} into ${formatShape(shape)}: ${known} does not divide its ${dimensionProduct(...x.shape)} elements.`,
    );
  }
  return reshapeTo(
    x,
    checkShape(
      shape.map((dimension) => (dimension === -1 ? rest : dimension)),
      'reshape',
    ),
  );
}

function reshapeTo(x: Tensor, shape: Shape): Tensor {
  return sameShape(x.shape, shape) ? x : apply(reshapeRule, [x, undefined], { shape });
}

/** `x` in the shape of another tensor. */
export function reshapeLike(x: Tensor, like: Tensor): Tensor {
  if (sameShape(x.shape, like.shape)) return x;
  return apply(reshapeRule, [x, isStatic(like.shape) ? undefined : like], { shape: like.shape });
}

const transposeRule = rule<One, { permutation: readonly number[] }>({
  name: 'transpose',
  infer: ([x], { permutation }) => [{ dtype: x.dtype, shape: permutation.map((axis) => x.shape[axis]!) }],
  gradient: ({ gradient: g, attributes: { permutation } }) => [
    transpose(
      g,
      permutation.map((_, axis) => permutation.indexOf(axis)),
    ),
  ],
  onnx: { type: 'Transpose', attributes: ({ permutation }) => ({ perm: { ints: permutation } }) },
});

/** `x` with its axes in another order: axis `i` of the result is axis `permutation[i]` of `x`. */
export function transpose(x: Tensor, permutation: readonly number[]): Tensor {
  const rank = x.shape.length;
  const axes = permutation.map((axis) => checkAxis(axis, rank, 'transpose'));
  if (axes.length !== rank || new Set(axes).size !== rank) {
    throw new ShapeError(`transpose: [${permutation.join(', ')}] does not order the axes of ${formatShape(x.shape)}.`);
  }
  return axes.every((axis, position) => axis === position) ? x : apply(transposeRule, [x], { permutation: axes });
}

/** `x` with its last two axes exchanged. */
export function matrixTranspose(x: Tensor): Tensor {
  const rank = x.shape.length;
  if (rank < 2) throw new ShapeError(`matrixTranspose takes at least two dimensions; got ${formatShape(x.shape)}.`);
  return transpose(
    x,
    [...x.shape.keys()].map((axis) => (axis < rank - 2 ? axis : 2 * rank - 3 - axis)),
  );
}

const squeezeRule = rule<One, { axes: readonly number[] }>({
  name: 'squeeze',
  infer: ([x], { axes }) => [{ dtype: x.dtype, shape: x.shape.filter((_, axis) => !axes.includes(axis)) }],
  gradient: ({ gradient: g, attributes: { axes } }) => [unsqueeze(g, axes)],
  onnx: { write: (writer, [x], { attributes: { axes } }) => writer.node('Squeeze', [x, writer.int64s(axes)]) },
});

/** `x` without the given axes, each of size 1. */
export function squeeze(x: Tensor, axes: number | readonly number[]): Tensor {
  const list = (typeof axes === 'number' ? [axes] : axes).map((axis) => checkAxis(axis, x.shape.length, 'squeeze'));
  const wide = list.find((axis) => x.shape[axis] !== 1);
  if (wide !== undefined) {
    throw new ShapeError(`squeeze: axis ${wide} of ${formatShape(x.shape)} has size ${x.shape[wide]}, not 1.`);
  }
  return list.length === 0 ? x : apply(squeezeRule, [x], { axes: [...new Set(list)].sort((a, b) => a - b) });
}

const unsqueezeRule = rule<One, { axes: readonly number[] }>({
  name: 'unsqueeze',
  infer: ([x], { axes }) => {
    const rest = [...x.shape];
    const rank = x.shape.length + axes.length;
    return [
      { dtype: x.dtype, shape: Array.from({ length: rank }, (_, axis) => (axes.includes(axis) ? 1 : rest.shift()!)) },
    ];
  },
  gradient: ({ gradient: g, attributes: { axes } }) => [squeeze(g, axes)],
  onnx: { write: (writer, [x], { attributes: { axes } }) => writer.node('Unsqueeze', [x, writer.int64s(axes)]) },
});

/** `x` with new axes of size 1; the numbers are places in the result. */
export function unsqueeze(x: Tensor, axes: number | readonly number[]): Tensor {
  const given = typeof axes === 'number' ? [axes] : axes;
  const rank = x.shape.length + given.length;
  const list = given.map((axis) => checkAxis(axis, rank, 'unsqueeze')).sort((a, b) => a - b);
  if (new Set(list).size !== list.length) {
    throw new ShapeError(`unsqueeze: the axes ${given.join(', ')} name one place twice.`);
  }
  return list.length === 0 ? x : apply(unsqueezeRule, [x], { axes: list });
}

const shapeRule = rule<One>({
  name: 'shapeOf',
  infer: ([x]) => [{ dtype: 'int64', shape: [x.shape.length] }],
  onnx: { type: 'Shape' },
});

/** The shape as an int64 tensor `[rank]`; a constant where it is known. */
export function shapeOf(x: Tensor): Tensor {
  return isStatic(x.shape) ? constant(x.shape, 'int64', [x.shape.length]) : apply(shapeRule, [x]);
}

const dimensionRule = rule<One, { axis: number }>({
  name: 'dimensionOf',
  infer: () => [{ dtype: 'int64', shape: [] }],
  onnx: {
    write: (writer, [x], { attributes: { axis } }) => {
      const [size] = writer.node('Shape', [x], { attributes: { start: { int: axis }, end: { int: axis + 1 } } });
      return writer.node('Squeeze', [size, writer.int64s([0])]);
    },
  },
});

/** The size of one axis as an int64 scalar; a constant where it is known. */
export function dimensionOf(x: Tensor, axis: number): Tensor {
  const place = checkAxis(axis, x.shape.length, 'dimensionOf');
  const size = x.shape[place]!;
  return typeof size === 'number' ? constant(size, 'int64', []) : apply(dimensionRule, [x], { axis: place });
}

const nameRule = rule<One, { shape: Shape }>({
  name: 'nameDimensions',
  infer: ([x], { shape }) => [{ dtype: x.dtype, shape }],
  gradient: ({ inputs: [x], gradient: g }) => [nameDimensions(g, x.shape)],
  onnx: { write: (_, [x]) => [x!] },
});

/**
 * The same tensor under other dimension names: a promise that the sizes agree, for sizes the shape rules cannot derive
 * (a slice with computed ends). Nothing is computed.
 */
export function nameDimensions(x: Tensor, shape: Shape): Tensor {
  const names = checkShape(shape, 'nameDimensions');
  const contradicts = (from: Dimension, to: Dimension | undefined) =>
    typeof from === 'number' && typeof to === 'number' && from !== to;
  if (names.length !== x.shape.length || x.shape.some((dimension, axis) => contradicts(dimension, names[axis]))) {
    throw new ShapeError(`nameDimensions: ${formatShape(x.shape)} cannot be ${formatShape(shape)}.`);
  }
  return sameShape(x.shape, names) ? x : apply(nameRule, [x], { shape: names });
}
