import { broadcastShapes, checkSameType, sumTo } from '../broadcast.ts';
import { apply, describe, type Rule, rule, ShapeError, type Tensor } from '../tensor.ts';
import { pair } from './elementwise.ts';
import type { Operand } from './sources.ts';

type Pair = readonly [Tensor, Tensor];

function compare(name: string, type: string): Rule<Pair, undefined> {
  return rule<Pair>({
    name,
    infer: ([a, b]) => {
      checkSameType(name, a, b);
      return [{ dtype: 'bool', shape: broadcastShapes(a.shape, b.shape, name) }];
    },
    onnx: { type },
  });
}

const equalRule = compare('equal', 'Equal');
const lessRule = compare('less', 'Less');
const greaterRule = compare('greater', 'Greater');
const lessOrEqualRule = compare('lessOrEqual', 'LessOrEqual');
const greaterOrEqualRule = compare('greaterOrEqual', 'GreaterOrEqual');

/** `a == b`, broadcast; bool. */
export const equal = (a: Operand, b: Operand): Tensor => apply(equalRule, pair('equal', a, b));
/** `a < b`, broadcast; bool. */
export const less = (a: Operand, b: Operand): Tensor => apply(lessRule, pair('less', a, b));
/** `a > b`, broadcast; bool. */
export const greater = (a: Operand, b: Operand): Tensor => apply(greaterRule, pair('greater', a, b));
/** `a <= b`, broadcast; bool. */
export const lessOrEqual = (a: Operand, b: Operand): Tensor => apply(lessOrEqualRule, pair('lessOrEqual', a, b));
/** `a >= b`, broadcast; bool. */
export const greaterOrEqual = (a: Operand, b: Operand): Tensor =>
  apply(greaterOrEqualRule, pair('greaterOrEqual', a, b));

function logical(name: string, type: string): Rule<Pair, undefined> {
  return rule<Pair>({
    name,
    infer: ([a, b]) => {
      if (a.dtype !== 'bool' || b.dtype !== 'bool') {
        throw new ShapeError(`${name} takes bool tensors; got ${describe(a)} and ${describe(b)}.`);
      }
      return [{ dtype: 'bool', shape: broadcastShapes(a.shape, b.shape, name) }];
    },
    onnx: { type },
  });
}

const andRule = logical('and', 'And');
const orRule = logical('or', 'Or');

export const and = (a: Tensor, b: Tensor): Tensor => apply(andRule, [a, b]);
export const or = (a: Tensor, b: Tensor): Tensor => apply(orRule, [a, b]);

const notRule = rule<readonly [Tensor]>({
  name: 'not',
  infer: ([x]) => {
    if (x.dtype !== 'bool') throw new ShapeError(`not takes a bool tensor; got ${describe(x)}.`);
    return [x];
  },
  onnx: { type: 'Not' },
});

export const not = (x: Tensor): Tensor => apply(notRule, [x]);

const whereRule = rule<readonly [Tensor, Tensor, Tensor]>({
  name: 'where',
  infer: ([condition, a, b]) => {
    if (condition.dtype !== 'bool') {
      throw new ShapeError(`where takes a bool condition; got ${describe(condition)}. Compare or cast it first.`);
    }
    checkSameType('where', a, b);
    const shape = broadcastShapes(condition.shape, broadcastShapes(a.shape, b.shape, 'where'), 'where');
    return [{ dtype: a.dtype, shape }];
  },
  gradient: ({ inputs: [condition, a, b], gradient: g }) => [
    undefined,
    sumTo(where(condition, g, 0), a),
    sumTo(where(condition, 0, g), b),
  ],
  onnx: { type: 'Where' },
});

/** `a` where the condition holds, else `b`; all broadcast. One of the two may be a number. */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  const [x, y] = pair('where', a, b);
  return apply(whereRule, [condition, x, y]);
}
