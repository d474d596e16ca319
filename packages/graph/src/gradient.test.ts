import { describe, expect, it } from 'vitest';
import {
  abs,
  add,
  cast,
  clip,
  concat,
  cos,
  cumSum,
  customGradient,
  div,
  erf,
  exp,
  expand,
  gather,
  gatherElements,
  gelu,
  gradient,
  greater,
  groupQueryAttention,
  input,
  layerNorm,
  log,
  logSoftmax,
  matmul,
  matrixTranspose,
  max,
  min,
  mul,
  nameDimensions,
  neg,
  pad,
  pow,
  reduceMax,
  reduceMean,
  reduceMin,
  reduceSum,
  relu,
  reshape,
  rmsNorm,
  round,
  scatterElements,
  sigmoid,
  silu,
  sin,
  slice,
  softmax,
  split,
  sqrt,
  squeeze,
  stopGradient,
  sub,
  type Tensor,
  tanh,
  tile,
  topK,
  transpose,
  trilu,
  unsqueeze,
  where,
} from './index.ts';
import { evaluate, execute, type Feed, randomFeed } from './testing/execute.ts';
import { checkGradients } from './testing/finite-differences.ts';

const x = (shape: number[], seed = 1, scale = 1): Feed => randomFeed(shape, seed, 'float64', scale);
const positive = (shape: number[], seed = 1): Feed => {
  const feed = x(shape, seed);
  return { ...feed, data: Array.from(feed.data, (value) => 1.2 + value) };
};
const indices = (shape: number[], data: number[]): Feed => ({ dtype: 'int64', shape, data });

type Case = [name: string, f: (...inputs: Tensor[]) => Tensor, feeds: Feed[], shapes?: (number | string)[][]];

const cases: Case[] = [
  ['add, broadcast', add, [x([2, 3]), x([3], 2)], [['n', 3], [3]]],
  ['add of a row and a column', add, [x([1, 3]), x([2, 1], 2)]],
  [
    'sub',
    sub,
    [x([2, 1, 3]), x([4, 1], 2)],
    [
      ['n', 1, 'k'],
      ['m', 1],
    ],
  ],
  ['mul', mul, [x([2, 3]), x([2, 1], 2)]],
  ['mul by itself', (a) => mul(a, a), [x([4])]],
  ['div', div, [x([2, 3]), positive([3], 2)]],
  ['pow of both', pow, [positive([2, 3]), x([3], 2)]],
  ['pow by a number', (a) => pow(a, 3), [x([5])]],
  ['max', max, [x([2, 3]), x([3], 2)]],
  ['min', min, [x([2, 3]), x([2, 1], 2)]],
  ['clip', (a) => clip(a, -0.5, 0.4), [x([12])]],
  ['neg', neg, [x([3])]],
  ['abs', abs, [x([6])]],
  ['sqrt', sqrt, [positive([5])]],
  ['exp', exp, [x([5])]],
  ['log', log, [positive([5])]],
  ['sin', sin, [x([5], 1, 3)]],
  ['cos', cos, [x([5], 1, 3)]],
  ['tanh', tanh, [x([5], 1, 2)]],
  ['sigmoid', sigmoid, [x([5], 1, 3)]],
  ['relu', relu, [x([8])]],
  ['erf', erf, [x([7], 1, 3)]],
  ['gelu', (a) => gelu(a), [x([7], 1, 3)]],
  ['gelu by tanh', (a) => gelu(a, { approximate: 'tanh' }), [x([7], 1, 3)]],
  ['silu', silu, [x([7], 1, 4)]],
  ['where', (a, b) => where(greater(a, b), a, mul(b, b)), [x([2, 3]), x([3], 2)]],
  ['cast there and back', (a) => mul(cast(cast(a, 'float64'), 'float64'), a), [x([3])]],
  ['matmul', matmul, [x([3, 4]), x([4, 2], 2)]],
  [
    'matmul with a shared weight',
    matmul,
    [x([2, 3, 4]), x([4, 2], 2)],
    [
      ['batch', 'sequence', 4],
      [4, 2],
    ],
  ],
  ['matmul, batched', matmul, [x([2, 3, 4]), x([2, 4, 2], 2)]],
  ['matmul, broadcast batch', matmul, [x([2, 1, 3, 4]), x([5, 4, 2], 2)]],
  [
    'matmul, left operand shared',
    matmul,
    [x([3, 4]), x([2, 4, 2], 2)],
    [
      [3, 4],
      ['batch', 4, 'columns'],
    ],
  ],
  ['matmul of vectors', matmul, [x([4]), x([4], 2)]],
  ['transpose', (a) => mul(transpose(a, [2, 0, 1]), 2), [x([2, 3, 4])]],
  ['matrixTranspose', (a, b) => matmul(a, matrixTranspose(b)), [x([2, 3, 4]), x([2, 5, 4], 2)]],
  ['reshape', (a) => exp(reshape(a, ['b', 's', 2, 2])), [x([2, 3, 4])], [['b', 's', 4]]],
  ['reshape, flattened', (a) => exp(reshape(a, [-1, 4])), [x([2, 3, 4])], [['b', 's', 4]]],
  ['squeeze and unsqueeze', (a) => exp(unsqueeze(squeeze(a, 1), [0, -1])), [x([2, 1, 3])]],
  ['expand', (a) => mul(expand(a, [2, 3, 4]), 2), [x([3, 1])]],
  [
    'concat',
    (a, b) => exp(concat([a, b], 1)),
    [x([2, 3]), x([2, 2], 2)],
    [
      ['n', 'p'],
      ['n', 's'],
    ],
  ],
  ['split', (a) => mul(...(split(a, [1, 3], 1).map((p) => reduceSum(p, 1)) as [Tensor, Tensor])), [x([2, 4])]],
  ['split with one part unused', (a) => exp(split(a, 2, 0)[1]!), [x([4, 2])]],
  ['slice', (a) => exp(slice(a, 1, 1, -1)), [x([2, 5])], [['n', 'm']]],
  ['slice with a step', (a) => exp(slice(a, 0, 1, 6, { step: 2 })), [x([7, 2])]],
  [
    'pad',
    (a) =>
      mul(
        pad(
          a,
          [
            [1, 0],
            [0, 2],
          ],
          3,
        ),
        2,
      ),
    [x([2, 3])],
    [['n', 3]],
  ],
  ['tile', (a) => exp(tile(a, [2, 3])), [x([2, 2])], [['n', 2]]],
  [
    'gather',
    (a, i) => exp(gather(a, i)),
    [x([5, 3]), indices([2, 2], [1, 4, 1, 0])],
    [
      [5, 3],
      ['b', 's'],
    ],
  ],
  ['gather on a later axis', (a, i) => exp(gather(a, i, 1)), [x([2, 4, 3]), indices([3], [3, 3, 0])]],
  ['gather of one', (a) => exp(gather(a, 1, 1)), [x([2, 4, 3])], [['b', 4, 3]]],
  ['gather with negative indices', (a, i) => exp(gather(a, i)), [x([4]), indices([2], [-1, -1])]],
  ['gatherElements', (a, i) => exp(gatherElements(a, i, 1)), [x([2, 4]), indices([2, 3], [0, 0, 3, 2, 1, 2])]],
  [
    'scatterElements',
    (a, u, i) => exp(scatterElements(a, i, u, { axis: 1 })),
    [x([2, 4]), x([2, 2], 2), indices([2, 2], [0, 3, 2, 1])],
  ],
  [
    'scatterElements, added',
    (a, u, i) => exp(scatterElements(a, i, u, { axis: 0, reduction: 'add' })),
    [x([3, 2]), x([2, 2], 2), indices([2, 2], [1, 1, 1, 2])],
  ],
  ['reduceSum', (a) => exp(reduceSum(a, [0, 2])), [x([2, 3, 2])], [['a', 'b', 2]]],
  ['reduceMean', (a) => exp(reduceMean(a, [0, 2], { keepDims: true })), [x([2, 3, 2])], [['a', 'b', 'c']]],
  ['reduceMean of all', (a) => exp(reduceMean(a)), [x([2, 3])], [['a', 3]]],
  ['reduceMax', (a) => exp(reduceMax(a, -1)), [x([3, 4])]],
  ['reduceMin', (a) => exp(reduceMin(a, 0, { keepDims: true })), [x([3, 4])]],
  ['softmax', (a) => softmax(a), [x([2, 4], 1, 3)]],
  ['softmax on the first axis', (a) => softmax(a, 0), [x([3, 2])]],
  ['logSoftmax', (a) => logSoftmax(a), [x([2, 4], 1, 3)]],
  ['layerNorm', (a, s, b) => layerNorm(a, s, b, { epsilon: 1e-3 }), [x([2, 3, 5]), x([5], 2), x([5], 3)]],
  ['layerNorm without bias', (a, s) => layerNorm(a, s), [x([3, 5]), x([5], 2)], [['n', 5], [5]]],
  ['rmsNorm', (a, s) => rmsNorm(a, s, { epsilon: 1e-3 }), [x([2, 3, 5]), x([5], 2)], [['a', 'b', 5], [5]]],
  ['topK', (a) => exp(topK(a, 2).values), [x([2, 5])]],
  ['topK, smallest', (a) => exp(topK(a, 2, 0, { largest: false }).values), [x([4, 2])], [['n', 2]]],
  ['cumSum', (a) => exp(cumSum(a, 1)), [x([2, 4])]],
  ['cumSum, exclusive and reverse', (a) => exp(cumSum(a, 0, { exclusive: true, reverse: true })), [x([3, 2])]],
  ['trilu', (a) => exp(trilu(a, { diagonal: -1 })), [x([3, 3])]],
  ['trilu, upper', (a) => exp(trilu(a, { upper: true })), [x([2, 3, 4])]],
  ['nameDimensions', (a) => exp(nameDimensions(a, ['m', 2])), [x([3, 2])], [['n', 2]]],
];

describe('gradients against central finite differences in float64', () => {
  it.each(cases)('%s', async (_, f, feeds, shapes) => {
    await checkGradients(f, feeds, { shapes });
  });
});

describe('gradient', () => {
  it('gives zeros for a tensor the loss does not depend on', async () => {
    const [a, b] = [input('a', 'float64', ['n']), input('b', 'float64', ['m'])];
    const [da, db] = gradient(reduceSum(mul(a, a)), [a, b]);
    const feeds = { a: x([2]), b: x([3]) };
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

  it('shares the gradient of a maximum among ties', async () => {
    const a = input('a', 'float64', [4]);
    const [da] = gradient(reduceMax(a), [a]);
    expect(await evaluate(da!, { a: { dtype: 'float64', shape: [4], data: [1, 5, 5, 0] } })).toEqual([0, 0.5, 0.5, 0]);
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
