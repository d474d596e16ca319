import { describe, expect, it } from 'vitest';
import {
  abs,
  add,
  cast,
  ceil,
  clip,
  concat,
  constant,
  cos,
  cumSum,
  customGradient,
  div,
  dropout,
  erf,
  exp,
  expand,
  floor,
  fusedMatmul,
  gather,
  gatherElements,
  gelu,
  gemm,
  gradient,
  greater,
  input,
  isFloat,
  layerNorm,
  log,
  logSoftmax,
  mapSlices,
  matmul,
  matrixTranspose,
  max,
  min,
  mul,
  nameDimensions,
  neg,
  operationsBefore,
  pad,
  pow,
  quickGelu,
  type Rule,
  reduceMax,
  reduceMean,
  reduceMin,
  reduceSum,
  relu,
  reshape,
  rmsNorm,
  rotaryEmbedding,
  round,
  scatterElements,
  scatterND,
  sigmoid,
  sign,
  silu,
  sin,
  skipLayerNorm,
  skipRmsNorm,
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
  zerosLike,
} from './index.ts';
import { operationTable } from './tensor.ts';
import { type Feed, randomFeed } from './testing/execute.ts';
import { checkGradients, differentiated, type GradientCheck } from './testing/finite-differences.ts';

const x = (shape: number[], seed = 1, scale = 1): Feed => randomFeed(shape, seed, 'float64', scale);
const positive = (shape: number[], seed = 1): Feed => {
  const feed = x(shape, seed);
  return { ...feed, data: Array.from(feed.data, (value) => 1.2 + value) };
};
const indices = (shape: number[], data: number[]): Feed => ({ dtype: 'int64', shape, data });

/** Numbers that single precision holds, with room for small steps. */
const dyadic = (shape: number[]): Feed => {
  const feed = x(shape);
  return { ...feed, data: Array.from(feed.data, (value) => Math.round(value * 64) / 64) };
};
/** Six positions of two pairs of features. */
const angles = (of: (angle: number) => number) =>
  constant(
    Array.from({ length: 12 }, (_, i) => of((i >> 1) / 10 ** (i % 2))),
    'float64',
    [6, 2],
  );

type Case = [
  name: string,
  f: (...inputs: Tensor[]) => Tensor,
  feeds: Feed[],
  shapes?: (number | string)[][],
  options?: GradientCheck,
];

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
  // Exact in single precision, and linear: any distance will do.
  ['cast there and back', (a) => cast(cast(a, 'float32'), 'float64'), [dyadic([3])], undefined, { distance: 0.125 }],
  ['sign', (a) => mul(sign(a), a), [x([5])]],
  ['round', (a) => mul(round(a), a), [x([5], 1, 3)]],
  ['floor', (a) => mul(floor(a), a), [x([5], 1, 3)]],
  ['ceil', (a) => mul(ceil(a), a), [x([5], 1, 3)]],
  ['stopGradient of what is flat', (a) => mul(stopGradient(round(a)), a), [x([5], 1, 3)]],
  [
    'customGradient',
    (a, b) =>
      customGradient(
        [a, b],
        (p, q) => mul(exp(p!), q!),
        (g, y, [p]) => [mul(g, y), mul(g, exp(p!))],
      ),
    [x([3]), x([3], 2)],
  ],
  ['dropout', (a, key) => dropout(exp(a), 0.4, key), [x([4, 5]), indices([], [12345])], [['n', 'm'], []]],
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
  ['gemm', (a, b, c) => gemm(a, b, c), [x([3, 4]), x([4, 2], 2), x([3, 2], 3)]],
  ...[false, true].flatMap((transposeA) =>
    [false, true].map(
      (transposeB): Case => [
        `fusedMatmul, transposed ${transposeA}, ${transposeB}`,
        (a, b) => fusedMatmul(a, b, { transposeA, transposeB, alpha: 0.5 }),
        [x(transposeA ? [2, 4, 3] : [2, 3, 4]), x(transposeB ? [2, 4] : [4, 2], 2)],
        [transposeA ? ['n', 4, 'm'] : ['n', 'm', 4], transposeB ? [2, 4] : [4, 2]],
      ],
    ),
  ),
  ['fusedMatmul of batches', (a, b) => fusedMatmul(a, b, { transposeB: true }), [x([2, 3, 4]), x([2, 5, 4], 2)]],
  [
    'gemm, transposed operands, a vector added',
    (a, b, c) => gemm(a, b, c, { transposeA: true, transposeB: true }),
    [x([4, 3]), x([2, 4], 2), x([2], 3)],
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
  [
    'slice with bounds from a tensor',
    (a, i) => exp(slice(a, 0, i, add(i, 2), { dimension: 2 })),
    [x([5, 2]), indices([], [1])],
    [['n', 2], []],
  ],
  [
    'slice from a named size',
    (a, b) => mul(exp(slice(a, 0, 'm')), reduceSum(b)),
    [x([5, 2]), x([3], 2)],
    [['n', 2], ['m']],
  ],
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
    'scatterND, rows',
    (a, u, i) => exp(scatterND(a, i, u)),
    [x([4, 3]), x([2, 3], 2), indices([2, 1], [3, -4])],
    [
      ['n', 3],
      [2, 3],
      [2, 1],
    ],
  ],
  [
    'scatterND, by several indices',
    (a, u, i) => exp(scatterND(a, i, u)),
    [x([2, 3, 2]), x([3, 2], 2), indices([3, 2], [0, 2, 1, -3, -2, 1])],
    [
      ['n', 'm', 2],
      [3, 2],
      [3, 2],
    ],
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
  ...[true, false].flatMap((biased): Case[] => [
    [
      `skipRmsNorm, its sum read too, biased: ${biased}`,
      (a, b, s, bias) => {
        const { output, sum } = skipRmsNorm(a, b, s, { epsilon: 1e-3, bias });
        return mul(output, exp(sum));
      },
      [x([2, 5]), x([2, 5], 2), x([5], 3), ...(biased ? [x([5], 4)] : [])],
      [['n', 5], ['n', 5], [5], ...(biased ? [[5]] : [])],
    ],
    [
      `skipLayerNorm, its sum read too, biased: ${biased}`,
      (a, b, s, shift, bias) => {
        const { output, sum } = skipLayerNorm(a, b, s, shift, { epsilon: 1e-3, bias });
        return mul(output, exp(sum));
      },
      [x([2, 5]), x([2, 5], 2), x([5], 3), x([5], 4), ...(biased ? [x([5], 5)] : [])],
    ],
  ]),
  ['quickGelu', (a) => quickGelu(a), [x([7], 1, 3)]],
  [
    'rotaryEmbedding, heads apart',
    (a, at) => exp(rotaryEmbedding(a, at, angles(Math.cos), angles(Math.sin))),
    [x([2, 2, 3, 4]), indices([2, 3], [0, 1, 2, 5, 1, 3])],
    [
      ['n', 2, 's', 4],
      ['n', 's'],
    ],
  ],
  [
    'rotaryEmbedding, heads beside each other, interleaved, some features left as they are',
    (a, at) => {
      const options = { heads: 2, interleaved: true, rotaryDimensions: 4 };
      return exp(rotaryEmbedding(a, at, angles(Math.cos), angles(Math.sin), options));
    },
    [x([1, 3, 12]), indices([1], [2])],
  ],
  [
    'mapSlices, of two tensors, with weights from around of which one is made of another',
    (a, b, w) => {
      const turned = exp(mul(w, 0.5));
      const [y, sum] = mapSlices([a, b], (p, q) => [
        tanh(matmul(mul(p, q), matmul(w, turned))),
        reduceSum(mul(p, turned)),
      ]);
      return mul(y!, reshape(sum!, [-1, 1, 1]));
    },
    [x([3, 2, 2]), x([3, 1, 2], 2), x([2, 2], 3)],
    [
      ['n', 2, 2],
      ['n', 1, 2],
      [2, 2],
    ],
  ],
  ['topK', (a) => exp(topK(a, 2).values), [x([2, 5])]],
  ['topK, smallest', (a) => exp(topK(a, 2, 0, { largest: false }).values), [x([4, 2])], [['n', 2]]],
  ['cumSum', (a) => exp(cumSum(a, 1)), [x([2, 4])]],
  ['cumSum, exclusive and reverse', (a) => exp(cumSum(a, 0, { exclusive: true, reverse: true })), [x([3, 2])]],
  ['trilu', (a) => exp(trilu(a, { diagonal: -1 })), [x([3, 3])]],
  ['trilu, upper', (a) => exp(trilu(a, { upper: true })), [x([2, 3, 4])]],
  ['nameDimensions', (a) => exp(nameDimensions(a, ['m', 2])), [x([3, 2])], [['n', 2]]],
];

/** Those that hold for close points too, not for linear functions alone. */
const smooth = cases.filter(([, , , , options]) => options?.distance === undefined);

const chosen = (inputs: readonly Tensor[], feeds: readonly Feed[], options: GradientCheck = {}) =>
  differentiated(feeds, options).map((i) => inputs[i]!);

/** A scalar made of the gradients of something that is not linear in the result, so that the second derivative is none of a linear function. */
function steepness(y: Tensor, tensors: readonly Tensor[]): Tensor {
  const gradients = gradient(reduceSum(exp(mul(y, 0.3))), tensors);
  return gradients.map((g) => reduceSum(mul(g, g))).reduce((sum, square) => add(sum, square));
}

describe('gradients against central finite differences in float64', () => {
  it.each(cases)('%s', async (_, f, feeds, shapes, options) => {
    await checkGradients(f, feeds, { ...options, ...(shapes ? { shapes } : {}) });
  });

  it.each(smooth)('the gradient of the gradient of %s', async (_, f, feeds, shapes, options) => {
    const slope = (...inputs: Tensor[]) => steepness(f(...inputs), chosen(inputs, feeds, options));
    await checkGradients(slope, feeds, { tolerance: 1e-5, ...options, ...(shapes ? { shapes } : {}) });
  });

  it('has a case for every operation with a gradient, and for every input that it has one for', () => {
    const rows = new Set<Rule>();
    const lacking = new Set<string>();
    const checked = new Set<string>();
    for (const [, f, feeds, shapes, options] of cases) {
      const inputs = feeds.map(({ dtype, shape }, i) => input(`x${i}`, dtype, shapes?.[i] ?? shape));
      const depends = new Set(chosen(inputs, feeds, options));
      const y = f(...inputs);
      const outputs = options?.distance === undefined ? [y, steepness(y, [...depends])] : [y];
      for (const op of operationsBefore(outputs)) {
        const { rule, attributes, outputs } = op;
        if (!op.inputs.some((tensor) => tensor && depends.has(tensor))) continue;
        for (const output of outputs) if (isFloat(output.dtype)) depends.add(output);
        if (!rule.gradient || !isFloat(outputs[0]!.dtype)) continue;
        rows.add(rule);
        const gradients = outputs.map((output) => (isFloat(output.dtype) ? zerosLike(output) : undefined));
        const wanted = op.inputs.map((tensor) => tensor !== undefined && depends.has(tensor));
        const flow = {
          inputs: op.inputs,
          outputs,
          output: outputs[0]!,
          gradient: gradients[0]!,
          gradients,
          wanted,
          attributes,
        };
        for (const [place, g] of rule.gradient(flow).entries()) {
          const tensor = op.inputs[place];
          if (g && tensor) (depends.has(tensor) ? checked : lacking).add(`${rule.name}, input ${place}`);
        }
      }
    }
    expect(operationTable.filter((row) => row.gradient && !rows.has(row)).map(({ name }) => name)).toEqual([]);
    expect([...lacking].filter((place) => !checked.has(place))).toEqual([]);
    expect(operationTable.filter(({ gradient }) => gradient).length).toBeGreaterThan(60);
  });
});
