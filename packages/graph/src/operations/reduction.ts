import { spreadOver } from '../broadcast.ts';
import type { Dimension } from '../dimensions.ts';
import { apply, checkAxis, describe, isFloat, type Rule, rule, ShapeError, type Tensor } from '../tensor.ts';
import { cast } from './cast.ts';
import { equal } from './comparison.ts';
import { div, mul } from './elementwise.ts';
import { dimensionOf } from './shape.ts';

interface Reduction {
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}

type One = readonly [Tensor];

function reduction(name: string, type: string, gradient: Rule<One, Reduction>['gradient']): Rule<One, Reduction> {
  return rule<One, Reduction>({
    name,
    infer: ([x], { axes, keepDims }) => {
      if (x.dtype === 'bool') throw new ShapeError(`${name} takes numbers; got ${describe(x)}. Use cast first.`);
      return [{ dtype: x.dtype, shape: reducedShape(x.shape, axes, keepDims) }];
    },
    gradient,
    onnx: {
      write: (writer, [x], { attributes: { axes, keepDims } }) =>
        writer.node(type, [x, writer.int64s(axes)], { attributes: { keepdims: { int: keepDims ? 1 : 0 } } }),
    },
  });
}

/** A shape without the given axes, or with them as 1. */
export function reducedShape(shape: readonly Dimension[], axes: readonly number[], keepDims: boolean): Dimension[] {
  return keepDims
    ? shape.map((dimension, axis) => (axes.includes(axis) ? 1 : dimension))
    : shape.filter((_, axis) => !axes.includes(axis));
}

/** How many elements each result of a reduction comes from, as a scalar of the tensor's type. */
function elementCount(x: Tensor, axes: readonly number[]): Tensor | number {
  const sizes = axes.map((axis) => x.shape[axis]!);
  let fixed = 1;
  let named: Tensor | undefined;
  for (const [position, size] of sizes.entries()) {
    if (typeof size === 'number') fixed *= size;
    else {
      const dimension = dimensionOf(x, axes[position]!);
      named = named ? mul(named, dimension) : dimension;
    }
  }
  return named ? mul(cast(named, x.dtype), fixed) : fixed;
}

// The gradient is shared equally among elements that tie for the extreme.
const extremeGradient: Rule<One, Reduction>['gradient'] = ({
  inputs: [x],
  output: y,
  gradient: g,
  attributes: { axes, keepDims },
}) => {
  const chosen = cast(equal(x, spreadOver(y, x, axes, keepDims)), x.dtype);
  const ties = reduceSum(chosen, axes, { keepDims: true });
  return [mul(div(chosen, ties), spreadOver(g, x, axes, keepDims))];
};

const sumRule = reduction('reduceSum', 'ReduceSum', ({ inputs: [x], gradient: g, attributes: { axes, keepDims } }) => [
  spreadOver(g, x, axes, keepDims),
]);
const meanRule = reduction(
  'reduceMean',
  'ReduceMean',
  ({ inputs: [x], gradient: g, attributes: { axes, keepDims } }) => [
    spreadOver(div(g, elementCount(x, axes)), x, axes, keepDims),
  ],
);
const maxRule = reduction('reduceMax', 'ReduceMax', extremeGradient);
const minRule = reduction('reduceMin', 'ReduceMin', extremeGradient);

/** Axes of a reduction (all when left out), counted from the front, in order and without repeats. */
export type Axes = number | readonly number[];

export interface ReductionOptions {
  /** Keep the reduced axes with size 1; false by default. */
  keepDims?: boolean;
}

function reduce(row: Rule<One, Reduction>, x: Tensor, axes: Axes | undefined, options: ReductionOptions = {}): Tensor {
  const list = axes === undefined ? x.shape.map((_, axis) => axis) : typeof axes === 'number' ? [axes] : axes;
  const checked = list.map((axis) => checkAxis(axis, x.shape.length, row.name));
  if (new Set(checked).size !== checked.length) {
    throw new ShapeError(`${row.name}: the axes ${list.join(', ')} of ${describe(x)} name one axis twice.`);
  }
  // ONNX reads an empty list of axes as all of them.
  if (checked.length === 0) return x;
  return apply(row, [x], { axes: checked.sort((a, b) => a - b), keepDims: options.keepDims ?? false });
}

/** Sum over axes. */
export const reduceSum = (x: Tensor, axes?: Axes, options?: ReductionOptions): Tensor =>
  reduce(sumRule, x, axes, options);
/** Arithmetic mean over axes. */
export function reduceMean(x: Tensor, axes?: Axes, options?: ReductionOptions): Tensor {
  if (!isFloat(x.dtype)) throw new ShapeError(`reduceMean takes floating-point numbers; got ${describe(x)}.`);
  return reduce(meanRule, x, axes, options);
}
/** Largest element over axes; ties share the gradient. */
export const reduceMax = (x: Tensor, axes?: Axes, options?: ReductionOptions): Tensor =>
  reduce(maxRule, x, axes, options);
/** Smallest element over axes; ties share the gradient. */
export const reduceMin = (x: Tensor, axes?: Axes, options?: ReductionOptions): Tensor =>
  reduce(minRule, x, axes, options);
