import { describe, expect, it } from 'vitest';
import {
  add,
  cast,
  constant,
  customGradient,
  externalGradient,
  full,
  gradient,
  groupQueryAttention,
  input,
  layerNorm,
  matmul,
  mul,
  pow,
  reduceMax,
  reduceSum,
  round,
  stopGradient,
  straightThrough,
  type Tensor,
} from './index.ts';
import { evaluate, execute, type Feed, randomFeed } from './testing/execute.ts';

const fed = (shape: number[], seed = 1, scale = 1): Feed => randomFeed(shape, seed, 'float64', scale);
describe('gradient', () => {
  it('gives zeros for a tensor the loss does not depend on', async () => {
    const [a, b] = [input('a', 'float64', ['n']), input('b', 'float64', ['m'])];
    const [da, db] = gradient(reduceSum(mul(a, a)), [a, b]);
    const feeds = { a: fed([2]), b: fed([3]) };
    const result = await execute({ da: da!, db: db! }, feeds);
    expect(result.db!.data).toEqual([0, 0, 0]);
    expect(result.da!.data).toEqual(Array.from(feeds.a.data, (value) => 2 * value));
  });

  it('adds up over several uses and reaches intermediate results', async () => {
    const a = input('a', 'float64', []);
    const square = mul(a, a);
    const loss = add(mul(square, 3), mul(square, a)); // 3a^2 + a^3
    const [da, ds] = gradient(loss, [a, square]);
    const feeds = { a: { dtype: 'float64' as const, shape: [], data: [2] } };
    expect(await evaluate(da!, feeds)).toEqual([6 * 2 + 3 * 4]);
    // With respect to the intermediate result its other road (through a) does not count.
    expect(await evaluate(ds!, feeds)).toEqual([3 + 2]);
  });

  it('gives second derivatives', async () => {
    const a = input('a', 'float64', [3]);
    const [first] = gradient(reduceSum(pow(a, 4)), [a]);
    const [second] = gradient(reduceSum(first!), [a]);
    const result = await evaluate(second!, { a: { dtype: 'float64', shape: [3], data: [1, 2, -1] } });
    expect(result).toEqual([12, 48, 12]);
  });

  it('gives the second derivatives of a layer norm in single precision, whose rows come from a kernel, as in double', async () => {
    const curve = async (dtype: 'float32' | 'float64') => {
      const x = input('x', dtype, [2, 5]);
      const weights = constant([1, -2, 0.5, 3, 0, 2, 1, 1, -1, 4], dtype, [2, 5]);
      const [first] = gradient(reduceSum(mul(pow(layerNorm(x, full([5], 1.5, dtype)), 2), weights)), [x]);
      const [second] = gradient(reduceSum(mul(first!, weights)), [x]);
      return evaluate(second!, { x: { dtype, shape: [2, 5], data: [1, 2, -1, 0.3, 4, 0, 1, 0.5, -2, 1] } });
    };
    const [single, double] = [await curve('float32'), await curve('float64')];
    for (const [i, value] of double.entries()) expect(single[i]).toBeCloseTo(value, 4);
    expect(Math.hypot(...double)).toBeGreaterThan(1);
  });

  it('shares the gradient of a maximum among ties', async () => {
    const a = input('a', 'float64', [4]);
    const [da] = gradient(reduceMax(a), [a]);
    expect(await evaluate(da!, { a: { dtype: 'float64', shape: [4], data: [1, 5, 5, 0] } })).toEqual([0, 0.5, 0.5, 0]);
  });

  it('passes through a cast in the type of what was cast', async () => {
    const a = input('a', 'float64', [2]);
    const [da] = gradient(reduceSum(pow(cast(a, 'float32'), 2)), [a]);
    expect(da!.dtype).toBe('float64');
    expect(await evaluate(da!, { a: { dtype: 'float64', shape: [2], data: [3, -0.5] } })).toEqual([6, -1]);
    const [none] = gradient(reduceSum(cast(cast(a, 'int64'), 'float64')), [a]);
    expect(await evaluate(none!, { a: { dtype: 'float64', shape: [2], data: [3, 4] } })).toEqual([0, 0]);
  });

  it('stops at stopGradient', async () => {
    const a = input('a', 'float64', []);
    const [da] = gradient(mul(stopGradient(mul(a, a)), a), [a]);
    expect(await evaluate(da!, { a: { dtype: 'float64', shape: [], data: [3] } })).toEqual([9]);
  });

  it('rounds halves to even and passes no gradient, unless a custom one says so', async () => {
    const a = input('a', 'float64', [4]);
    const straight = customGradient(a, round, (g) => g);
    const weights = input('w', 'float64', [4]);
    const [none] = gradient(reduceSum(mul(round(a), weights)), [a]);
    const [through] = gradient(reduceSum(mul(straight, weights)), [a]);
    const feeds = {
      a: { dtype: 'float64' as const, shape: [4], data: [0.5, 1.5, 2.5, -0.5] },
      w: { dtype: 'float64' as const, shape: [4], data: [1, 2, 3, 4] },
    };
    const result = await execute({ rounded: straight, none: none!, through: through! }, feeds);
    expect(result.rounded!.data).toEqual([0, 2, 2, -0]);
    expect(result.none!.data).toEqual([0, 0, 0, 0]);
    expect(result.through!.data).toEqual([1, 2, 3, 4]);
  });

  it('passes straight through what the forward pass alone does', async () => {
    const [w, x] = [input('w', 'float64', [3, 4]), input('x', 'float64', [2, 3])];
    const quantised = (tensor: Tensor) => mul(round(mul(tensor, 4)), 0.25);
    const lossOf = (weights: Tensor) => reduceSum(pow(matmul(x, weights), 2));
    const [through] = gradient(lossOf(straightThrough(w, quantised)), [w]);
    // The slope of the loss where the quantised weights are.
    const [there] = gradient(lossOf(w), [w]);
    const feeds = { w: fed([3, 4], 1), x: fed([2, 3], 2) };
    const { grid } = await execute({ grid: quantised(w) }, { w: feeds.w });
    const at = { ...feeds, w: { ...feeds.w, data: grid!.data } };
    expect(grid!.data).not.toEqual(feeds.w.data);
    expect(await evaluate(through!, feeds)).toEqual(await evaluate(there!, at));
  });

  it('takes a gradient that was computed elsewhere', async () => {
    const [a, g] = [input('a', 'float64', [2, 2]), input('g', 'float64', [2, 2])];
    const y = mul(a, a);
    const [da, dg] = gradient(externalGradient(y, g), [a, g]);
    const feeds = { a: fed([2, 2], 1), g: fed([2, 2], 2) };
    const found = await execute({ da: da!, dg: dg! }, feeds);
    expect(found.da!.data).toEqual(Array.from(feeds.a.data, (value, i) => 2 * value * feeds.g.data[i]!));
    expect(found.dg!.data).toEqual([0, 0, 0, 0]);
    expect(() => externalGradient(y, input('h', 'float64', [2]))).toThrow(
      'externalGradient: float64 [2] is no gradient of float64 [2, 2].',
    );
  });

  it('takes a custom gradient for several inputs and checks its shapes', () => {
    const [a, b] = [input('a', 'float32', [3]), input('b', 'float32', [3])];
    const y = customGradient(
      [a, b],
      (p, q) => mul(p!, q!),
      (g) => [g, undefined],
    );
    expect(gradient(reduceSum(y), [a, b]).map(({ shape }) => shape)).toEqual([[3], [3]]);
    const wrong = customGradient(
      a,
      (p) => p,
      (g) => reduceSum(g),
    );
    expect(() => gradient(reduceSum(wrong), [a])).toThrow('the backward of float32 [3] gave float32 []');
  });

  it('writes nothing for frozen weights', () => {
    const [a, w] = [input('a', 'float32', [2, 3]), input('w', 'float32', [3, 4])];
    const [da] = gradient(reduceSum(matmul(a, w)), [a]);
    const names = new Set<string>();
    const visit = (tensor: Tensor) => {
      names.add(tensor.op.rule.name);
      for (const before of tensor.inputs) if (before) visit(before);
    };
    visit(da!);
    expect([...names].filter((name) => name === 'matmul')).toHaveLength(1);
    expect(names.has('input')).toBe(true);
  });

  it('goes through twenty thousand operations without recursion', () => {
    const a = input('a', 'float32', [1]);
    let y: Tensor = a;
    for (let i = 0; i < 20_000; i++) y = add(y, a);
    expect(gradient(reduceSum(y), [a])[0]!.shape).toEqual([1]);
  });

  it('refuses losses that are not floating-point scalars, and inference-only operations', () => {
    const a = input('a', 'float32', [2, 4, 96]);
    expect(() => gradient(a, [a])).toThrow('scalar loss; got float32 [2, 4, 96]');
    const n = input('n', 'int64', []);
    expect(() => gradient(n, [n])).toThrow('floating-point scalar');
    expect(() => gradient(reduceSum(a), [n])).toThrow('not floating-point');
    const { output } = groupQueryAttention(
      { query: a, sequenceLengths: input('l', 'int32', [2]), totalLength: input('t', 'int32', []) },
      { heads: 2, kvHeads: 1 },
    );
    expect(() => gradient(reduceSum(output), [a])).toThrow('groupQueryAttention has no gradient');
  });
});
