import { describe, expect, it } from 'vitest';
import {
  add,
  argMax,
  cast,
  concat,
  erf,
  expand,
  gather,
  gatherElements,
  gemm,
  input,
  layerNorm,
  matmul,
  mod,
  nameDimensions,
  not,
  pad,
  range,
  reduceSum,
  reshape,
  ShapeError,
  scatterElements,
  scatterND,
  slice,
  softmax,
  split,
  squeeze,
  type Tensor,
  tile,
  topK,
  transpose,
  unsqueeze,
  where,
} from './index.ts';

const x = input('x', 'float32', ['batch', 3, 4]);
const m = input('m', 'float32', [5, 6]);
const i = input('i', 'int64', [2, 2]);
const b = input('b', 'bool', [3]);

/** Every message names the operation and the shapes, so that it can be acted on without a debugger. */
const cases: [() => Tensor | Tensor[] | { values: Tensor }, string][] = [
  [() => add(x, m), 'add cannot broadcast [batch, 3, 4] with [5, 6]: 3 and 5 differ and neither is 1.'],
  [
    () => add(x, i),
    'add takes tensors of one type; got float32 [batch, 3, 4] and int64 [2, 2]. Use cast on one of them.',
  ],
  [() => add(b, b), 'add takes numbers; got bool [3]. Use cast first.'],
  [() => add(1, 2), 'add takes at least one tensor; got the numbers 1 and 2.'],
  [() => erf(i), 'erf takes floating-point numbers; got int64 [2, 2]. Use cast first.'],
  [() => mod(m, m), 'mod takes integers; got float32 [5, 6].'],
  [() => not(m), 'not takes a bool tensor; got float32 [5, 6].'],
  [() => where(m, m, 0), 'where takes a bool condition; got float32 [5, 6]. Compare or cast it first.'],
  [() => matmul(x, m), 'matmul cannot multiply [batch, 3, 4] by [5, 6]: the inner dimensions 4 and 5 differ.'],
  [() => gemm(m, m, m), 'gemm cannot multiply [5, 6] by [5, 6]: the inner dimensions 6 and 5 differ.'],
  [() => gemm(x, m, m), 'gemm takes two matrices; got [batch, 3, 4] and [5, 6].'],
  [() => gemm(m, m, input('c', 'float32', [7, 6]), { transposeB: true }), 'gemm cannot broadcast [5, 5] with [7, 6]'],
  [() => matmul(x, input('y', 'float32', ['other', 4, 2])), 'matmul cannot broadcast [batch] with [other]'],
  [() => reshape(m, [4, 7]), 'reshape cannot turn [5, 6] (30 elements) into [4, 7] (28).'],
  [
    () => reshape(x, ['batch', 13]),
    'reshape cannot turn [batch, 3, 4] (12*batch elements) into [batch, 13] (13*batch).',
  ],
  [() => reshape(m, [4, -1]), 'reshape cannot turn [5, 6] into [4, -1]: 4 does not divide its 30 elements.'],
  [() => reshape(m, [-1, -1]), 'only one dimension of [-1, -1] may be -1'],
  [() => transpose(m, [0, 0]), 'transpose: [0, 0] does not order the axes of [5, 6].'],
  [() => transpose(m, [0, 2]), 'transpose: there is no axis 2 in a tensor of 2 dimensions.'],
  [() => squeeze(m, 0), 'squeeze: axis 0 of [5, 6] has size 5, not 1.'],
  [() => unsqueeze(m, [1, 1]), 'unsqueeze: the axes 1, 1 name one place twice.'],
  [() => expand(m, [5, 7]), 'expand cannot broadcast [5, 6] with [5, 7]'],
  [() => expand(input('w', 'float32', [2, 6]), [1, 6]), 'expand cannot stretch [2, 6] to [1, 6]'],
  [() => concat([m, x], 0), 'concat cannot join [5, 6] and [batch, 3, 4]: they may differ only along axis 0.'],
  [() => concat([], 0), 'concat takes at least one tensor'],
  [() => split(m, [2, 2], 0), 'split: the parts 2 + 2 do not make up axis 0 of [5, 6].'],
  [() => split(m, 2, 0), 'split: axis 0 of [5, 6] does not divide into 2 equal parts.'],
  [() => slice(m, 0, 4, 2), 'slice of axis 0 of [5, 6]: the end 2 lies before the start 4.'],
  [() => gather(m, m), 'gather takes int64 or int32 indices; got float32 [5, 6]. Use cast first.'],
  [() => gatherElements(x, i), 'gatherElements: the indices [2, 2] must have as many dimensions as [batch, 3, 4].'],
  [() => gatherElements(m, input('j', 'int64', [6, 1]), 1), 'the indices [6, 1] exceed [5, 6] on axis 0'],
  [() => scatterElements(m, i, m), 'scatterElements: the updates [5, 6] must have the shape of the indices [2, 2].'],
  [() => scatterND(m, i, m), 'scatterND: the updates [5, 6] must be [2], a slice for each of the indices [2, 2].'],
  [
    () => scatterND(m, input('n', 'int64', [2, 3]), m),
    'scatterND: the last dimension of the indices [2, 3] must be a number from 1 to the 2 dimensions of [5, 6].',
  ],
  [() => pad(m, [[1, 1]]), 'pad takes two non-negative integers for each axis of [5, 6]; got [[1,1]].'],
  [() => tile(m, [2]), 'tile takes a positive integer for each axis of [5, 6]; got [2].'],
  [() => reduceSum(m, [0, -2]), 'reduceSum: the axes 0, -2 of float32 [5, 6] name one axis twice.'],
  [() => argMax(m, 3), 'argMax: there is no axis 3 in a tensor of 2 dimensions.'],
  [() => topK(m, 7), 'topK: 7 elements are more than axis 1 of [5, 6] holds.'],
  [() => softmax(i), 'softmax takes floating-point numbers; got int64 [2, 2]. Use cast first.'],
  [
    () => layerNorm(m, input('s', 'float32', [5])),
    'layerNorm: scale [5] must be one vector of the last dimension of [5, 6].',
  ],
  [() => range(input('r', 'int64', [1]), 5), 'range takes scalars of int64; got int64 [1].'],
  [() => nameDimensions(m, [5, 7]), 'nameDimensions: [5, 6] cannot be [5, 7].'],
];

describe('shape rules refuse when the graph is built', () => {
  it.each(cases.map(([build, message]) => [message, build] as const))('%s', (message, build) => {
    expect(build).toThrow(ShapeError);
    expect(build).toThrow(message);
  });

  it('dimension names that could be mistaken, and negative sizes', () => {
    expect(() => input('x', 'float32', ['a b'])).toThrow("input 'x': 'a b' is not a dimension name");
    expect(() => input('x', 'float32', [-1])).toThrow('must be a non-negative integer or a name; got -1');
    expect(() => input('', 'float32', [])).toThrow('needs a name');
  });

  it('and cast leaves what has the type already', () => {
    expect(cast(m, 'float32')).toBe(m);
  });
});
