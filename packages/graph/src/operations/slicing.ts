import { checkSameType } from '../broadcast.ts';
import { type Dimension, dimensionDifference, dimensionSum, formatShape, isStatic, type Shape } from '../dimensions.ts';
import { apply, applyAll, checkAxis, checkShape, freshDimension, rule, ShapeError, type Tensor } from '../tensor.ts';
import { add } from './elementwise.ts';
import { expandLike, zerosLike } from './expand.ts';
import { scatterElements } from './indexing.ts';
import { range } from './range.ts';
import { dimensionOf, reshape, shapeOf } from './shape.ts';
import { constant, toTensor } from './sources.ts';

const concatRule = rule<readonly Tensor[], { axis: number }>({
  name: 'concat',
  infer: (inputs, { axis }) => {
    checkSameType('concat', ...inputs);
    const first = inputs[0]!;
    const odd = inputs.find(
      ({ shape }) =>
        shape.length !== first.shape.length ||
        shape.some((dimension, place) => place !== axis && dimension !== first.shape[place]),
    );
    if (odd) {
      throw new ShapeError(
        `concat cannot join ${formatShape(first.shape)} and ${formatShape(odd.shape)}: they may differ only along axis ${axis}.`,
      );
    }
    const size = dimensionSum(...inputs.map(({ shape }) => shape[axis]!));
    return [{ dtype: first.dtype, shape: first.shape.map((dimension, place) => (place === axis ? size : dimension)) }];
  },
  gradient: ({ inputs, gradient: g, attributes: { axis } }) => splitLike(g, inputs, axis),
  onnx: { type: 'Concat', attributes: ({ axis }) => ({ axis: { int: axis } }) },
});

/** Tensors joined along an axis. */
export function concat(tensors: readonly Tensor[], axis: number): Tensor {
  const first = tensors[0];
  if (!first) throw new ShapeError('concat takes at least one tensor; got none.');
  return tensors.length === 1
    ? first
    : apply(concatRule, tensors, { axis: checkAxis(axis, first.shape.length, 'concat') });
}

/** Inputs after the first are tensors whose sizes along the axis are the parts, where those are not all numbers. */
const splitRule = rule<readonly Tensor[], { axis: number; sizes: readonly Dimension[] }>({
  name: 'split',
  infer: (inputs, { axis, sizes }) => {
    const x = inputs[0]!;
    const total = dimensionSum(...sizes);
    if (total !== x.shape[axis]) {
      throw new ShapeError(
        `split: the parts ${sizes.join(' + ')} do not make up axis ${axis} of ${formatShape(x.shape)}.`,
      );
    }
    return sizes.map((size) => ({
      dtype: x.dtype,
      shape: x.shape.map((dimension, place) => (place === axis ? size : dimension)),
    }));
  },
  gradient: ({ gradients, attributes: { axis } }) => [concat(gradients as Tensor[], axis)],
  onnx: {
    write: (writer, [x, ...likes], { attributes: { axis, sizes } }) => {
      const end = { start: { int: axis }, end: { int: axis + 1 } };
      const parts = isStatic(sizes)
        ? writer.int64s(sizes)
        : likes.length > 0
          ? writer.node(
              'Concat',
              likes.map((like) => writer.node('Shape', [like], { attributes: end })[0]),
              { attributes: { axis: { int: 0 } } },
            )[0]
          : writer.shape(sizes);
      return writer.node('Split', [x, parts], { attributes: { axis: { int: axis } }, outputs: sizes.length });
    },
  },
});

/** `x` cut along an axis: into parts of the given sizes, or into a number of equal parts. */
export function split(x: Tensor, parts: number | readonly Dimension[], axis: number): Tensor[] {
  const place = checkAxis(axis, x.shape.length, 'split');
  if (typeof parts !== 'number') return applyAll(splitRule, [x], { axis: place, sizes: checkShape(parts, 'split') });
  const size = x.shape[place]!;
  if (typeof size !== 'number' || !Number.isInteger(size / parts)) {
    throw new ShapeError(`split: axis ${place} of ${formatShape(x.shape)} does not divide into ${parts} equal parts.`);
  }
  return applyAll(splitRule, [x], { axis: place, sizes: new Array<number>(parts).fill(size / parts) });
}

function splitLike(x: Tensor, likes: readonly Tensor[], axis: number): Tensor[] {
  const sizes = likes.map((like) => like.shape[axis]!);
  return applyAll(splitRule, isStatic(sizes) ? [x] : [x, ...likes], { axis, sizes });
}

/** Where a slice begins or ends: a number (negative: from the end), a named dimension, or an int64 scalar tensor. */
export type Bound = Dimension | Tensor;

export interface SliceOptions {
  /** Distance between the elements taken, at least 1. */
  step?: number;
  /** The name of the result's size, for bounds known only when the program runs. */
  dimension?: Dimension;
}

interface SliceAttributes {
  readonly axis: number;
  readonly start: Dimension | undefined;
  readonly end: Dimension | undefined;
  readonly step: number;
  readonly size: Dimension;
}

const toTheEnd = Number.MAX_SAFE_INTEGER;

const sliceRule = rule<readonly [Tensor, Tensor | undefined, Tensor | undefined], SliceAttributes>({
  name: 'slice',
  infer: ([x], { axis, size }) => [
    { dtype: x.dtype, shape: x.shape.map((dimension, place) => (place === axis ? size : dimension)) },
  ],
  gradient: ({ inputs: [x, start, end], gradient: g, attributes }) => {
    const around = padsAround(x.shape[attributes.axis]!, attributes);
    if (around)
      return [
        pad(
          g,
          g.shape.map((_, axis) => (axis === attributes.axis ? around : [0, 0])),
        ),
      ];
    // The positions that were taken, by the same slice; their gradients go back there, zeros elsewhere.
    const positions = apply(sliceRule, [range(0, dimensionOf(x, attributes.axis)), start, end], {
      ...attributes,
      axis: 0,
    });
    const column = g.shape.map((_, axis) => (axis === attributes.axis ? attributes.size : 1));
    const indices = expandLike(reshape(positions, column), g);
    return [scatterElements(zerosLike(x), indices, g, { axis: attributes.axis })];
  },
  onnx: {
    write: (writer, [x, start, end], { attributes }) => {
      const bound = (value: string | undefined, dimension: Dimension | undefined) => {
        if (value !== undefined) return writer.node('Reshape', [value, writer.int64s([1])])[0];
        return typeof dimension === 'number' ? writer.int64s([dimension]) : writer.dimension(dimension!);
      };
      return writer.node('Slice', [
        x,
        bound(start, attributes.start),
        bound(end, attributes.end),
        writer.int64s([attributes.axis]),
        ...(attributes.step === 1 ? [] : [writer.int64s([attributes.step])]),
      ]);
    },
  },
});

/** How much of an axis a slice leaves out before and behind, where that is known when the graph is built and nothing in between is. */
function padsAround(length: Dimension, { start, end, step, size }: SliceAttributes): [number, number] | undefined {
  if (step !== 1 || typeof length !== 'number' || typeof start !== 'number' || typeof size !== 'number')
    return undefined;
  if (typeof end !== 'number') return undefined;
  const before = Math.min(start < 0 ? Math.max(0, length + start) : start, length);
  return [before, length - before - size];
}

/**
 * Elements from `start` up to (not including) `end` along one axis. On a named axis a number as `end` is a promise that
 * the axis is at least that long. Without `end` the slice runs to the end of the axis.
 */
export function slice(x: Tensor, axis: number, start: Bound, end?: Bound, options: SliceOptions = {}): Tensor {
  const place = checkAxis(axis, x.shape.length, 'slice');
  const length = x.shape[place]!;
  const step = options.step ?? 1;
  if (!Number.isInteger(step) || step < 1) throw new RangeError(`slice: the step must be at least 1; got ${step}.`);
  const attributes: SliceAttributes = {
    axis: place,
    start: typeof start === 'object' ? undefined : start,
    end: end === undefined ? toTheEnd : typeof end === 'object' ? undefined : end,
    step,
    size: options.dimension ?? slicedSize(x.shape, place, start, end ?? length, step),
  };
  return apply(
    sliceRule,
    [x, typeof start === 'object' ? start : undefined, typeof end === 'object' ? end : undefined],
    attributes,
  );
}

function slicedSize(shape: Shape, axis: number, start: Bound, end: Bound, step: number): Dimension {
  if (typeof start === 'object' || typeof end === 'object') return freshDimension('slice');
  const length = shape[axis]!;
  const fromFront = (bound: Dimension): Dimension => {
    const place = typeof bound === 'number' && bound < 0 ? dimensionSum(length, bound) : bound;
    if (typeof place !== 'number' || typeof length !== 'number') return place;
    return Math.min(Math.max(place, 0), length);
  };
  const size = dimensionDifference(fromFront(end), fromFront(start));
  if (typeof size !== 'number') return step === 1 ? size : freshDimension('slice');
  if (size < 0) {
    throw new ShapeError(
      `slice of axis ${axis} of ${formatShape(shape)}: the end ${end} lies before the start ${start}.`,
    );
  }
  return Math.ceil(size / step);
}

const padRule = rule<readonly [Tensor, Tensor], { pads: readonly (readonly [number, number])[] }>({
  name: 'pad',
  infer: ([x], { pads }) => [
    { dtype: x.dtype, shape: x.shape.map((size, axis) => dimensionSum(size, ...pads[axis]!)) },
  ],
  gradient: ({ gradient: g, attributes: { pads } }) => {
    let inner = g;
    for (const [axis, [before, after]] of pads.entries()) {
      if (before !== 0 || after !== 0) inner = slice(inner, axis, before, after === 0 ? undefined : -after);
    }
    return [inner, undefined];
  },
  onnx: {
    write: (writer, [x, value], { attributes: { pads } }) =>
      writer.node('Pad', [
        x,
        writer.int64s([...pads.map(([before]) => before), ...pads.map(([, after]) => after)]),
        value,
      ]),
  },
});

/** `x` with a constant around it: for each axis how many before and after. */
export function pad(x: Tensor, pads: readonly (readonly [before: number, after: number])[], value = 0): Tensor {
  if (pads.length !== x.shape.length || pads.flat().some((size) => !Number.isInteger(size) || size < 0)) {
    throw new ShapeError(
      `pad takes two non-negative integers for each axis of ${formatShape(x.shape)}; got ${JSON.stringify(pads)}.`,
    );
  }
  return pads.flat().every((size) => size === 0) ? x : apply(padRule, [x, toTensor(value, x.dtype)], { pads });
}

const tileRule = rule<readonly [Tensor], { repeats: readonly number[] }>({
  name: 'tile',
  infer: ([x], { repeats }) => [
    { dtype: x.dtype, shape: x.shape.map((size, axis) => dimensionSum(...new Array(repeats[axis]!).fill(size))) },
  ],
  gradient: ({ inputs: [x], gradient: g, attributes: { repeats } }) => {
    let sum = g;
    for (const [axis, repeat] of repeats.entries()) {
      const copies = splitLike(sum, new Array<Tensor>(repeat).fill(x), axis);
      sum = copies.reduce((total, copy) => add(total, copy));
    }
    return [sum];
  },
  onnx: {
    write: (writer, [x], { attributes: { repeats } }) => writer.node('Tile', [x, writer.int64s(repeats)]),
  },
});

/** `x` repeated a number of times along each axis. */
export function tile(x: Tensor, repeats: readonly number[]): Tensor {
  if (repeats.length !== x.shape.length || repeats.some((repeat) => !Number.isInteger(repeat) || repeat < 1)) {
    throw new ShapeError(
      `tile takes a positive integer for each axis of ${formatShape(x.shape)}; got [${repeats.join(', ')}].`,
    );
  }
  return repeats.every((repeat) => repeat === 1) ? x : apply(tileRule, [x], { repeats });
}

/** The number of elements as an int64 scalar. */
export function sizeOf(x: Tensor): Tensor {
  if (isStatic(x.shape))
    return constant(
      x.shape.reduce((product, size) => product * size, 1),
      'int64',
      [],
    );
  return apply(sizeRule, [shapeOf(x)]);
}

const sizeRule = rule<readonly [Tensor]>({
  name: 'sizeOf',
  infer: () => [{ dtype: 'int64', shape: [] }],
  onnx: { write: (writer, [shape]) => writer.node('ReduceProd', [shape], { attributes: { keepdims: { int: 0 } } }) },
});
