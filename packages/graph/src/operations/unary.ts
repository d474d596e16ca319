import { apply, describe, isFloat, type Rule, rule, ShapeError, type Tensor } from '../tensor.ts';
import { greater, where } from './comparison.ts';
import { add, div, mul, sub } from './elementwise.ts';
import { erfByQuadrature } from './erf.ts';

type One = readonly [Tensor];

function unary(
  name: string,
  onnx: Rule<One, undefined>['onnx'],
  gradient: Rule<One, undefined>['gradient'],
  takes: 'floats' | 'numbers' = 'floats',
): Rule<One, undefined> {
  return rule<One>({
    name,
    infer: ([x]) => {
      if (takes === 'floats' ? !isFloat(x.dtype) : x.dtype === 'bool') {
        throw new ShapeError(
          `${name} takes ${takes === 'floats' ? 'floating-point numbers' : 'numbers'}; got ${describe(x)}. Use cast first.`,
        );
      }
      return [{ dtype: x.dtype, shape: x.shape }];
    },
    gradient,
    onnx,
  });
}

const negRule = unary('neg', { type: 'Neg' }, ({ gradient: g }) => [neg(g)], 'numbers');
const absRule = unary('abs', { type: 'Abs' }, ({ inputs: [x], gradient: g }) => [mul(g, sign(x))], 'numbers');
const signRule = unary('sign', { type: 'Sign' }, () => [undefined], 'numbers');
const sqrtRule = unary('sqrt', { type: 'Sqrt' }, ({ output: y, gradient: g }) => [div(mul(g, 0.5), y)]);
const expRule = unary('exp', { type: 'Exp' }, ({ output: y, gradient: g }) => [mul(g, y)]);
const logRule = unary('log', { type: 'Log' }, ({ inputs: [x], gradient: g }) => [div(g, x)]);
const sinRule = unary('sin', { type: 'Sin' }, ({ inputs: [x], gradient: g }) => [mul(g, cos(x))]);
const cosRule = unary('cos', { type: 'Cos' }, ({ inputs: [x], gradient: g }) => [neg(mul(g, sin(x)))]);
const tanhRule = unary('tanh', { type: 'Tanh' }, ({ output: y, gradient: g }) => [mul(g, sub(1, mul(y, y)))]);
const sigmoidRule = unary(
  'sigmoid',
  {
    type: 'Sigmoid',
    // In double the runtime would fuse x * Sigmoid(x) into a kernel that only single precision has.
    expand: ([x]) => (x.dtype === 'float64' ? div(1, add(1, exp(neg(x)))) : undefined),
  },
  ({ output: y, gradient: g }) => [mul(g, mul(y, sub(1, y)))],
);
const reluRule = unary('relu', { type: 'Relu' }, ({ inputs: [x], gradient: g }) => [where(greater(x, 0), g, 0)]);
const erfRule = unary(
  'erf',
  { type: 'Erf', expand: ([x]) => (x.dtype === 'float64' ? erfByQuadrature(x) : undefined) },
  ({ inputs: [x], gradient: g }) => [mul(g, mul(exp(neg(mul(x, x))), 2 / Math.sqrt(Math.PI)))],
);
const roundRule = unary('round', { type: 'Round' }, () => [undefined]);
const floorRule = unary('floor', { type: 'Floor' }, () => [undefined]);
const ceilRule = unary('ceil', { type: 'Ceil' }, () => [undefined]);

export const neg = (x: Tensor): Tensor => apply(negRule, [x]);
export const abs = (x: Tensor): Tensor => apply(absRule, [x]);
/** -1, 0 or 1. */
export const sign = (x: Tensor): Tensor => apply(signRule, [x]);
export const sqrt = (x: Tensor): Tensor => apply(sqrtRule, [x]);
export const exp = (x: Tensor): Tensor => apply(expRule, [x]);
/** Natural logarithm. */
export const log = (x: Tensor): Tensor => apply(logRule, [x]);
export const sin = (x: Tensor): Tensor => apply(sinRule, [x]);
export const cos = (x: Tensor): Tensor => apply(cosRule, [x]);
export const tanh = (x: Tensor): Tensor => apply(tanhRule, [x]);
export const sigmoid = (x: Tensor): Tensor => apply(sigmoidRule, [x]);
export const relu = (x: Tensor): Tensor => apply(reluRule, [x]);
/** The error function; in float64 by quadrature to about 1e-15, because the runtime has no kernel for it. */
export const erf = (x: Tensor): Tensor => apply(erfRule, [x]);
/** Nearest integer, halves to the even one (not as JavaScript's Math.round). No gradient flows; see customGradient. */
export const round = (x: Tensor): Tensor => apply(roundRule, [x]);
export const floor = (x: Tensor): Tensor => apply(floorRule, [x]);
export const ceil = (x: Tensor): Tensor => apply(ceilRule, [x]);

const siluRule = unary('silu', { expand: ([x]) => mul(x, sigmoid(x)) }, ({ inputs: [x], output: y, gradient: g }) => {
  const s = sigmoid(x);
  return [mul(g, add(s, mul(y, sub(1, s))))];
});

/** `x * sigmoid(x)`, also called swish. */
export const silu = (x: Tensor): Tensor => apply(siluRule, [x]);

const geluRule = rule<One, { approximate: 'none' | 'tanh' }>({
  name: 'gelu',
  infer: ([x]) => {
    if (!isFloat(x.dtype))
      throw new ShapeError(`gelu takes floating-point numbers; got ${describe(x)}. Use cast first.`);
    return [x];
  },
  gradient: ({ inputs: [x], output: y, gradient: g, attributes: { approximate } }) => {
    if (approximate === 'none') {
      const density = mul(exp(mul(mul(x, x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
      return [mul(g, add(normalDistribution(x), mul(x, density)))];
    }
    // y = x s with s the sigmoid of x (a + b x^2): s + y (1 - s) (a + 3 b x^2), in as few passes as it takes.
    const square = mul(x, x);
    const s = sigmoid(mul(x, add(mul(square, 2 * slope * cubic), 2 * slope)));
    const steepness = add(mul(square, 6 * slope * cubic), 2 * slope);
    return [mul(g, add(s, mul(mul(y, sub(1, s)), steepness)))];
  },
  onnx: {
    type: 'Gelu',
    attributes: ({ approximate }) => ({ approximate: { text: approximate } }),
    expand: ([x], { approximate }) => {
      if (x.dtype !== 'float64') return undefined;
      return approximate === 'none' ? mul(x, normalDistribution(x)) : mul(mul(x, 0.5), add(1, tanh(tanhArgument(x))));
    },
  },
});

const cubic = 0.044715;
const slope = Math.sqrt(2 / Math.PI);
const tanhArgument = (x: Tensor) => mul(mul(x, add(1, mul(mul(x, x), cubic))), slope);
const normalDistribution = (x: Tensor) => mul(add(1, erf(mul(x, Math.SQRT1_2))), 0.5);

/** Gaussian error linear unit: `x` times the normal distribution function of `x`, exactly or by GPT-2's tanh formula. */
export const gelu = (x: Tensor, options: { approximate?: 'none' | 'tanh' } = {}): Tensor =>
  apply(geluRule, [x], { approximate: options.approximate ?? 'none' });
