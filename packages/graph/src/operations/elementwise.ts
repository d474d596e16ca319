import { broadcastShapes, checkSameType, sumTo } from '../broadcast.ts';
import { apply, describe, isFloat, type Rule, rule, ShapeError, type Tensor } from '../tensor.ts';
import { cast } from './cast.ts';
import { equal, greater, less, where } from './comparison.ts';
import { type Operand, toTensor } from './sources.ts';
import { log, neg } from './unary.ts';

type Pair = readonly [Tensor, Tensor];

function binary(name: string, type: string, gradient: Rule<Pair, undefined>['gradient']): Rule<Pair, undefined> {
  return rule<Pair>({
    name,
    infer: ([a, b]) => {
      checkSameType(name, a, b);
      if (a.dtype === 'bool') throw new ShapeError(`${name} takes numbers; got ${describe(a)}. Use cast first.`);
      return [{ dtype: a.dtype, shape: broadcastShapes(a.shape, b.shape, name) }];
    },
    gradient,
    onnx: { type },
  });
}

/** Two operands of which at least one is a tensor, as tensors. */
export function pair(where: string, a: Operand, b: Operand): [Tensor, Tensor] {
  if (typeof a !== 'number') return [a, toTensor(b, a.dtype)];
  if (typeof b !== 'number') return [toTensor(a, b.dtype), b];
  throw new ShapeError(`${where} takes at least one tensor; got the numbers ${a} and ${b}.`);
}

const addRule = binary('add', 'Add', ({ inputs: [a, b], gradient: g }) => [sumTo(g, a), sumTo(g, b)]);

const subRule = binary('sub', 'Sub', ({ inputs: [a, b], gradient: g }) => [sumTo(g, a), sumTo(neg(g), b)]);

const mulRule = binary('mul', 'Mul', ({ inputs: [a, b], gradient: g }) => [sumTo(mul(g, b), a), sumTo(mul(g, a), b)]);

const divRule = binary('div', 'Div', ({ inputs: [a, b], output: y, gradient: g }) => [
  sumTo(div(g, b), a),
  sumTo(neg(div(mul(g, y), b)), b),
]);

const powRule = binary('pow', 'Pow', ({ inputs: [a, b], output: y, gradient: g }) => [
  sumTo(mul(g, mul(b, pow(a, sub(b, 1)))), a),
  sumTo(mul(g, mul(y, log(a))), b),
]);

// Where both are equal, each takes half: the mean of the two one-sided derivatives.
const share = (a: Tensor, b: Tensor, wins: Tensor): Tensor =>
  add(cast(wins, a.dtype), mul(cast(equal(a, b), a.dtype), 0.5));

const maxRule = binary('max', 'Max', ({ inputs: [a, b], gradient: g }) => [
  sumTo(mul(g, share(a, b, greater(a, b))), a),
  sumTo(mul(g, share(a, b, less(a, b))), b),
]);

const minRule = binary('min', 'Min', ({ inputs: [a, b], gradient: g }) => [
  sumTo(mul(g, share(a, b, less(a, b))), a),
  sumTo(mul(g, share(a, b, greater(a, b))), b),
]);

/** `a + b`, broadcast. */
export const add = (a: Operand, b: Operand): Tensor => apply(addRule, pair('add', a, b));
/** `a - b`, broadcast. */
export const sub = (a: Operand, b: Operand): Tensor => apply(subRule, pair('sub', a, b));
/** `a * b` elementwise, broadcast. */
export const mul = (a: Operand, b: Operand): Tensor => apply(mulRule, pair('mul', a, b));
/** `a / b`, broadcast; integers are divided towards zero. */
export const div = (a: Operand, b: Operand): Tensor => apply(divRule, pair('div', a, b));
/** `a ** b`, broadcast. Its gradient with respect to `b` needs a positive `a`. */
export const pow = (a: Operand, b: Operand): Tensor => apply(powRule, pair('pow', a, b));
/** The larger of `a` and `b`, broadcast; see reduceMax for the largest along an axis. */
export const max = (a: Operand, b: Operand): Tensor => apply(maxRule, pair('max', a, b));
/** The smaller of `a` and `b`, broadcast. */
export const min = (a: Operand, b: Operand): Tensor => apply(minRule, pair('min', a, b));

const clipRule = rule<readonly [Tensor, Tensor, Tensor]>({
  name: 'clip',
  infer: ([x]) => [x],
  gradient: ({ inputs: [x, low, high], gradient: g }) => [
    where(less(x, low), 0, where(greater(x, high), 0, g)),
    undefined,
    undefined,
  ],
  onnx: { type: 'Clip' },
});

/** `x` kept between two numbers; no gradient flows where it was outside. */
export function clip(x: Tensor, low: number, high: number): Tensor {
  if (!(low <= high)) throw new RangeError(`clip: the lower bound ${low} must not exceed the upper bound ${high}.`);
  return apply(clipRule, [x, toTensor(low, x.dtype), toTensor(high, x.dtype)]);
}

const modRule = rule<Pair>({
  name: 'mod',
  infer: ([a, b]) => {
    checkSameType('mod', a, b);
    if (isFloat(a.dtype)) throw new ShapeError(`mod takes integers; got ${describe(a)}.`);
    return [{ dtype: a.dtype, shape: broadcastShapes(a.shape, b.shape, 'mod') }];
  },
  onnx: { type: 'Mod' },
});

/** Remainder of integers with the sign of `b`, broadcast. */
export const mod = (a: Operand, b: Operand): Tensor => apply(modRule, pair('mod', a, b));
