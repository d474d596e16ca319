import { describe, expect, it } from 'vitest';
import * as graph from '../index.ts';
import { add, constant, input, type Tensor } from '../index.ts';
import { evaluate, execute, type Feed, random, randomFeed } from '../testing/execute.ts';

const f = (shape: number[], data: number[]): Feed => ({ dtype: 'float32', shape, data });
const ints = (shape: number[], data: number[]): Feed => ({ dtype: 'int64', shape, data });
const bools = (shape: number[], data: number[]): Feed => ({ dtype: 'bool', shape, data });

/** Values worked out by hand or by JavaScript's own functions. */
type Case = [name: string, f: (...inputs: Tensor[]) => Tensor, feeds: Feed[], shape: number[], data: number[]];

const v = [-2, -0.5, 0, 0.25, 1, 3];
const unaries: [string, (x: Tensor) => Tensor, (x: number) => number, number[]][] = [
  ['neg', graph.neg, (x) => -x, v],
  ['abs', graph.abs, Math.abs, v],
  ['sign', graph.sign, Math.sign, v],
  ['sqrt', graph.sqrt, Math.sqrt, [0, 1, 2, 9]],
  ['exp', graph.exp, Math.exp, v],
  ['log', graph.log, Math.log, [0.1, 1, 5]],
  ['sin', graph.sin, Math.sin, v],
  ['cos', graph.cos, Math.cos, v],
  ['tanh', graph.tanh, Math.tanh, v],
  ['sigmoid', graph.sigmoid, (x) => 1 / (1 + Math.exp(-x)), v],
  ['relu', graph.relu, (x) => Math.max(x, 0), v],
  ['silu', graph.silu, (x) => x / (1 + Math.exp(-x)), v],
  ['floor', graph.floor, Math.floor, [-1.5, -0.2, 0.2, 2.7]],
  ['ceil', graph.ceil, Math.ceil, [-1.5, 0.2, 2.7]],
];

const cases: Case[] = [
  ['pow', graph.pow, [f([3], [2, 3, 4]), f([3], [3, 2, 0.5])], [3], [8, 9, 2]],
  ['max', graph.max, [f([3], [1, 5, 2]), f([1], [2])], [3], [2, 5, 2]],
  ['min', graph.min, [f([3], [1, 5, 2]), f([1], [2])], [3], [1, 2, 2]],
  ['div of integers', graph.div, [ints([3], [7, -7, 6]), ints([1], [2])], [3], [3, -3, 3]],
  ['mod', graph.mod, [ints([3], [7, -7, 6]), ints([1], [4])], [3], [3, 1, 2]],
  ['clip', (x) => graph.clip(x, -1, 1), [f([3], [-5, 0.5, 5])], [3], [-1, 0.5, 1]],
  ['round halves to even', graph.round, [f([5], [0.5, 1.5, 2.5, -1.5, 2.4])], [5], [0, 2, 2, -2, 2]],
  ['equal', (x) => graph.equal(x, 2), [ints([3], [1, 2, 3])], [3], [0, 1, 0]],
  ['less', (x) => graph.less(x, 2), [f([3], [1, 2, 3])], [3], [1, 0, 0]],
  ['greater', (x) => graph.greater(x, 2), [f([3], [1, 2, 3])], [3], [0, 0, 1]],
  ['lessOrEqual', (x) => graph.lessOrEqual(x, 2), [f([3], [1, 2, 3])], [3], [1, 1, 0]],
  ['greaterOrEqual', (x) => graph.greaterOrEqual(x, 2), [f([3], [1, 2, 3])], [3], [0, 1, 1]],
  ['and', graph.and, [bools([4], [0, 0, 1, 1]), bools([4], [0, 1, 0, 1])], [4], [0, 0, 0, 1]],
  ['or', graph.or, [bools([4], [0, 0, 1, 1]), bools([4], [0, 1, 0, 1])], [4], [0, 1, 1, 1]],
  ['not', graph.not, [bools([2], [0, 1])], [2], [1, 0]],
  ['where', (c) => graph.where(c, constant([1, 2, 3], 'float32'), -1), [bools([3], [1, 0, 1])], [3], [1, -1, 3]],
  ['cast to integers', (x) => graph.cast(x, 'int64'), [f([3], [1.9, -1.9, 0])], [3], [1, -1, 0]],
  ['matmul', graph.matmul, [f([2, 2], [1, 2, 3, 4]), f([2, 2], [5, 6, 7, 8])], [2, 2], [19, 22, 43, 50]],
  ['matmul of a vector', graph.matmul, [f([2, 2], [1, 2, 3, 4]), f([2], [1, -1])], [2], [-1, -1]],
  [
    'gemm',
    (a, b, c) => graph.gemm(a!, b!, c!),
    [f([2, 2], [1, 2, 3, 4]), f([2, 2], [5, 6, 7, 8]), f([2], [1, -1])],
    [2, 2],
    [20, 21, 44, 49],
  ],
  ['matmul by a vector', graph.matmul, [f([2], [1, -1]), f([2, 2], [1, 2, 3, 4])], [2], [-2, -2]],
  ['transpose', (x) => graph.transpose(x, [1, 0]), [f([2, 3], [1, 2, 3, 4, 5, 6])], [3, 2], [1, 4, 2, 5, 3, 6]],
  ['reshape', (x) => graph.reshape(x, [3, -1]), [f([2, 3], [1, 2, 3, 4, 5, 6])], [3, 2], [1, 2, 3, 4, 5, 6]],
  ['expand', (x) => graph.expand(x, [2, 3]), [f([2, 1], [1, 2])], [2, 3], [1, 1, 1, 2, 2, 2]],
  [
    'concat',
    (a, b) => graph.concat([a, b], 1),
    [f([2, 1], [1, 2]), f([2, 2], [3, 4, 5, 6])],
    [2, 3],
    [1, 3, 4, 2, 5, 6],
  ],
  ['split', (x) => graph.split(x, [1, 2], -1)[1]!, [f([2, 3], [1, 2, 3, 4, 5, 6])], [2, 2], [2, 3, 5, 6]],
  ['slice', (x) => graph.slice(x, 0, 1, -1), [f([5], [1, 2, 3, 4, 5])], [3], [2, 3, 4]],
  ['slice to the end', (x) => graph.slice(x, 0, -2), [f([5], [1, 2, 3, 4, 5])], [2], [4, 5]],
  ['slice beyond the end', (x) => graph.slice(x, 0, 3, 99), [f([5], [1, 2, 3, 4, 5])], [2], [4, 5]],
  ['slice by steps', (x) => graph.slice(x, 0, 0, 5, { step: 2 }), [f([5], [1, 2, 3, 4, 5])], [3], [1, 3, 5]],
  ['gather', (x, i) => graph.gather(x, i), [f([3, 2], [1, 2, 3, 4, 5, 6]), ints([2], [2, -3])], [2, 2], [5, 6, 1, 2]],
  ['gather of one', (x) => graph.gather(x, -1, 1), [f([3, 2], [1, 2, 3, 4, 5, 6])], [3], [2, 4, 6]],
  [
    'gatherElements',
    (x, i) => graph.gatherElements(x, i, 1),
    [f([2, 3], [1, 2, 3, 4, 5, 6]), ints([2, 1], [2, 0])],
    [2, 1],
    [3, 4],
  ],
  [
    'scatterElements',
    (x, i, u) => graph.scatterElements(x, i, u, { axis: 1 }),
    [f([2, 3], [1, 2, 3, 4, 5, 6]), ints([2, 1], [2, 0]), f([2, 1], [9, 8])],
    [2, 3],
    [1, 2, 9, 8, 5, 6],
  ],
  [
    'scatterND',
    (x, i, u) => graph.scatterND(x, i, u),
    [f([2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]), ints([2, 2], [0, 1, 1, 0]), f([2, 2], [30, 40, 50, 60])],
    [2, 2, 2],
    [1, 2, 30, 40, 50, 60, 7, 8],
  ],
  [
    'pad',
    (x) =>
      graph.pad(
        x,
        [
          [0, 1],
          [1, 0],
        ],
        7,
      ),
    [f([1, 2], [1, 2])],
    [2, 3],
    [7, 1, 2, 7, 7, 7],
  ],
  ['tile', (x) => graph.tile(x, [2, 2]), [f([1, 2], [1, 2])], [2, 4], [1, 2, 1, 2, 1, 2, 1, 2]],
  ['reduceSum', (x) => graph.reduceSum(x, 0), [f([2, 2], [1, 2, 3, 4])], [2], [4, 6]],
  ['reduceSum of everything', (x) => graph.reduceSum(x), [f([2, 2], [1, 2, 3, 4])], [], [10]],
  ['reduceSum of a scalar', (x) => graph.reduceSum(x), [f([], [3])], [], [3]],
  ['reduceMean', (x) => graph.reduceMean(x, -1, { keepDims: true }), [f([2, 2], [1, 2, 3, 4])], [2, 1], [1.5, 3.5]],
  ['reduceMax', (x) => graph.reduceMax(x, [0, 1]), [f([2, 2], [1, 2, 3, 4])], [], [4]],
  ['reduceMin', (x) => graph.reduceMin(x, 1), [f([2, 2], [1, 2, 3, 4])], [2], [1, 3]],
  ['argMax', (x) => graph.argMax(x, -1), [f([2, 3], [1, 9, 9, 5, 4, 3])], [2], [1, 0]],
  ['argMin', (x) => graph.argMin(x, 0, { keepDims: true }), [f([2, 2], [1, 9, 0, 9])], [1, 2], [1, 0]],
  ['topK', (x) => graph.topK(x, 2).values, [f([4], [3, 1, 4, 2])], [2], [4, 3]],
  [
    'topK, indices of the smallest',
    (x) => graph.topK(x, 2, 0, { largest: false }).indices,
    [f([4], [3, 1, 4, 2])],
    [2],
    [1, 3],
  ],
  ['cumSum', (x) => graph.cumSum(x, 0), [f([4], [1, 2, 3, 4])], [4], [1, 3, 6, 10]],
  ['cumSum, exclusive', (x) => graph.cumSum(x, 0, { exclusive: true }), [f([4], [1, 2, 3, 4])], [4], [0, 1, 3, 6]],
  ['cumSum, reverse', (x) => graph.cumSum(x, 0, { reverse: true }), [f([4], [1, 2, 3, 4])], [4], [10, 9, 7, 4]],
  ['trilu', (x) => graph.trilu(x), [f([2, 2], [1, 2, 3, 4])], [2, 2], [1, 0, 3, 4]],
  [
    'trilu, above the diagonal',
    (x) => graph.trilu(x, { upper: true, diagonal: 1 }),
    [f([2, 2], [1, 2, 3, 4])],
    [2, 2],
    [0, 2, 0, 0],
  ],
  ['softmax', (x) => graph.softmax(x), [f([1, 2], [0, Math.log(3)])], [1, 2], [0.25, 0.75]],
  ['logSoftmax', (x) => graph.logSoftmax(x), [f([1, 2], [0, Math.log(3)])], [1, 2], [Math.log(0.25), Math.log(0.75)]],
  [
    'layerNorm',
    (x, s, b) => graph.layerNorm(x, s, b, { epsilon: 0 }),
    [f([1, 2], [1, 3]), f([2], [2, 3]), f([2], [0.5, 0])],
    [1, 2],
    [-1.5, 3],
  ],
  ['rmsNorm', (x, s) => graph.rmsNorm(x, s, { epsilon: 0 }), [f([1, 2], [1, 7]), f([2], [5, 10])], [1, 2], [1, 14]],
  ['range', () => graph.range(2, 8, 3), [], [2], [2, 5]],
  ['range backwards', () => graph.range(3, 0, -1), [], [3], [3, 2, 1]],
  ['range of floats', () => graph.range(0, 1, 0.25, { dtype: 'float32' }), [], [4], [0, 0.25, 0.5, 0.75]],
  ['zeros and ones', (x) => add(graph.zerosLike(x), graph.onesLike(x)), [f([2], [5, 6])], [2], [1, 1]],
];

describe('operations by hand', () => {
  it.each(cases)('%s', async (_, build, feeds, shape, data) => {
    const inputs = feeds.map((feed, i) => input(`x${i}`, feed.dtype, feed.shape));
    const y = build(...inputs);
    const { y: result } = await execute({ y }, Object.fromEntries(feeds.map((feed, i) => [`x${i}`, feed])));
    expect(result!.shape).toEqual(shape);
    expect(y.shape).toEqual(shape);
    expect(result!.dtype).toBe(y.dtype);
    for (const [i, value] of data.entries()) expect(result!.data[i]).toBeCloseTo(value, 5);
  });

  it.each(unaries)('%s', async (_, build, oracle, data) => {
    const result = await evaluate(build(input('x', 'float32', [data.length])), { x: f([data.length], data) });
    for (const [i, value] of data.entries()) expect(result[i]).toBeCloseTo(oracle(value), 5);
  });
});

describe('erf and gelu', () => {
  // Values of the error function from tables (Abramowitz and Stegun, table 7.1).
  const table: [number, number][] = [
    [0, 0],
    [0.1, 0.1124629160182849],
    [0.5, 0.5204998778130465],
    [1, 0.8427007929497149],
    [2, 0.9953222650189527],
    [3, 0.9999779095030014],
    [7, 1],
  ];
  it.each(['float32', 'float64'] as const)('in %s', async (dtype) => {
    const points = table.flatMap(([x]) => [x, -x]);
    const x = input('x', dtype, [points.length]);
    const feed = { x: { dtype, shape: [points.length], data: points } };
    const result = await execute(
      { erf: graph.erf(x), gelu: graph.gelu(x), tanh: graph.gelu(x, { approximate: 'tanh' }) },
      feed,
    );
    const digits = dtype === 'float32' ? 6 : 13;
    for (const [i, [at, value]] of table.entries()) {
      expect(result.erf!.data[2 * i]).toBeCloseTo(value, digits);
      expect(result.erf!.data[2 * i + 1]).toBeCloseTo(-value, digits);
      const tanh = 0.5 * at * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (at + 0.044715 * at ** 3)));
      expect(result.tanh!.data[2 * i]).toBeCloseTo(tanh, digits - 1);
    }
    // gelu(sqrt(2)) = sqrt(2) * (1 + erf(1)) / 2
    const one = await evaluate(graph.gelu(constant(Math.SQRT2, dtype, [])));
    expect(one[0]).toBeCloseTo((Math.SQRT2 * (1 + table[3]![1])) / 2, digits - 1);
  });
});

describe('named dimensions when the program runs', () => {
  it('are read where a target shape names them', async () => {
    const x = input('x', 'float32', ['batch', 'sequence', 4]);
    const heads = graph.transpose(graph.reshape(x, ['batch', 'sequence', 2, 2]), [0, 2, 1, 3]);
    const flat = graph.reshape(heads, [-1, 2]);
    const back = graph.reshape(flat, ['batch', 2, 'sequence', 2]);
    const positions = graph.expand(graph.range(0, 'sequence'), ['batch', 'sequence']);
    const zeros = graph.full(['sequence', 'batch', 1], 0, 'float32');
    const feed = randomFeed([2, 3, 4], 5);
    const result = await execute({ flat, back, positions, zeros, joined: graph.concat([x, x], 1) }, { x: feed });
    expect(flat.shape).toEqual(['2*batch*sequence', 2]);
    expect(result.flat!.shape).toEqual([12, 2]);
    expect(result.back!.shape).toEqual([2, 2, 3, 2]);
    expect(result.positions!.data).toEqual([0, 1, 2, 0, 1, 2]);
    expect(result.zeros!.shape).toEqual([3, 2, 1]);
    expect(result.joined!.shape).toEqual([2, 6, 4]);
  });

  it('survive an empty past', async () => {
    const [past, x] = [
      input('past', 'float32', ['batch', 'past', 2, 2]),
      input('x', 'float32', ['batch', 'new', 2, 2]),
    ];
    const all = graph.concat([past, x], 1);
    const flat = graph.reshape(all, ['batch', 'past+new', 4]);
    const emptied = graph.reshapeLike(graph.reshape(past, ['batch', 'past', 4]), past);
    const result = await execute(
      { flat, emptied, tail: graph.slice(all, 1, 'past') },
      { past: f([2, 0, 2, 2], []), x: randomFeed([2, 3, 2, 2], 1) },
    );
    expect(flat.shape).toEqual(['batch', 'new+past', 4]);
    expect(result.flat!.shape).toEqual([2, 3, 4]);
    expect(result.emptied!.shape).toEqual([2, 0, 2, 2]);
    expect(result.tail!.shape).toEqual([2, 3, 2, 2]);
  });

  it('slice by tensors and by names', async () => {
    const x = input('x', 'float32', ['n']);
    const start = input('start', 'int64', []);
    const y = graph.slice(x, 0, start, add(start, 2), { dimension: 2 });
    const feeds = { x: f([5], [1, 2, 3, 4, 5]), start: ints([], [2]) };
    expect(await evaluate(y, feeds)).toEqual([3, 4]);
    expect(graph.slice(x, 0, 0, -1).shape).toEqual(['n-1']);
    expect(graph.slice(x, 0, start).shape[0]).toMatch(/^slice/);
    expect(await evaluate(graph.sizeOf(x), { x: feeds.x })).toEqual([5]);
    expect(await evaluate(graph.shapeOf(x), { x: feeds.x })).toEqual([5]);
  });

  it('that no input carries are an error that names them', () => {
    const x = input('x', 'float32', [1]);
    expect(() => graph.toOnnx({ y: graph.expand(x, ['batch']) })).toThrow(
      "the size of the dimension 'batch' cannot be known: no input of the graph carries it",
    );
  });
});

describe('constants', () => {
  it('in half precision have the bits that the runtime rounds to', async () => {
    const next = random(3);
    const values = [0, -0, 1, 65504, 65519, 65520, 1e-7, 6e-8, 2 ** -14, 2 ** -15, 1 / 3, -1e6, 2049, 2051];
    for (let i = 0; i < 200; i++) values.push(next() * 2 ** (i % 40) * 1e-6);
    const x = input('x', 'float32', [values.length]);
    for (const dtype of ['float16', 'bfloat16'] as const) {
      const ours = graph.cast(constant(values, dtype), 'float32');
      const theirs = graph.cast(graph.cast(x, dtype), 'float32');
      const result = await execute({ ours, theirs }, { x: f([values.length], values) });
      expect(result.ours!.data).toEqual(result.theirs!.data);
    }
  });

  it('check their length, type and values', () => {
    expect(() => constant([1, 2], 'float32', [3])).toThrow('2 values do not fill the shape [3], which holds 3');
    expect(() => constant(new Float64Array(1), 'float32', [1])).toThrow(
      'float32 takes a Float32Array; got a Float64Array',
    );
    expect(() => constant([0.5], 'int64')).toThrow('0.5 is not a value of int64');
    expect(() => graph.initializer('w', 'float32', [2], new Uint8Array(4))).toThrow('takes 8 bytes; got 4');
  });
});
