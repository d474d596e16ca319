import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  add,
  customGradient,
  div,
  exp,
  gradient,
  input,
  layerNorm,
  mapSlices,
  matmul,
  mul,
  operationsBefore,
  reduceSum,
  sigmoid,
  skipRmsNorm,
  softmax,
  split,
  type Tensor,
  tanh,
} from './index.ts';
import { execute, type Feed, optimisedKinds, randomFeed } from './testing/execute.ts';

/** How many operations of a rule lead to the tensors. */
const uses = (tensors: readonly Tensor[], name: string) =>
  operationsBefore(tensors).filter(({ rule }) => rule.name === name).length;

const bits = (values: readonly number[]) => new BigUint64Array(Float64Array.from(values).buffer);

/** Four layers of a residual net, its stream before each and after the last. */
function net(x: Tensor, weights: readonly Tensor[]): Tensor[] {
  const streams = [x];
  for (const weight of weights) {
    const stream = streams.at(-1)!;
    streams.push(add(stream, tanh(matmul(softmax(stream, -1), weight))));
  }
  return streams;
}

describe('recompute', () => {
  const feeds: Record<string, Feed> = {
    x: randomFeed([3, 4], 1, 'float64', 2),
    ...Object.fromEntries([0, 1, 2, 3].map((i) => [`w${i}`, randomFeed([4, 4], 2 + i, 'float64')])),
  };
  const built = (shape: (number | string)[] = [3, 4]) => {
    const x = input('x', 'float64', shape);
    const weights = [0, 1, 2, 3].map((i) => input(`w${i}`, 'float64', [4, 4]));
    const streams = net(x, weights);
    const loss = reduceSum(mul(streams.at(-1)!, streams.at(-1)!));
    return { streams, loss, wanted: [x, ...weights] };
  };

  it.each([[[3, 4]], [['n', 4]]])('gives the same bits, sizes %j', async (shape) => {
    const { streams, loss, wanted } = built(shape);
    const recompute = [0, 1, 2, 3].map((i) => ({ from: [streams[i]!], to: [streams[i + 1]!] }));
    const outputs: Record<string, Tensor> = {};
    for (const [i, g] of gradient(loss, wanted).entries()) outputs[`kept${i}`] = g;
    for (const [i, g] of gradient(loss, wanted, { recompute }).entries()) outputs[`again${i}`] = g;
    const result = await execute(outputs, feeds);
    for (const i of wanted.keys())
      expect(bits(result[`again${i}`]!.data), `tensor ${i}`).toEqual(bits(result[`kept${i}`]!.data));
  });

  it('computes what lies within a segment twice, and nothing else', () => {
    const { streams, loss, wanted } = built();
    const recompute = [{ from: [streams[1]!], to: [streams[3]!] }];
    const count = (name: string, options = {}) => uses(gradient(loss, wanted, options), name);
    expect([count('softmax'), count('tanh')]).toEqual([4, 4]);
    expect([count('softmax', { recompute }), count('tanh', { recompute })]).toEqual([6, 6]);
  });

  it("is not undone by ONNX Runtime's optimiser, which merges equal nodes", async () => {
    const { streams, loss, wanted } = built();
    const recompute = [0, 1, 2, 3].map((i) => ({ from: [streams[i]!], to: [streams[i + 1]!] }));
    const gradients = gradient(loss, wanted, { recompute });
    const kinds = await optimisedKinds({ loss, ...Object.fromEntries(gradients.map((g, i) => [`d${i}`, g])) });
    expect(kinds.filter((kind) => kind === 'Softmax')).toHaveLength(8);
    expect(kinds.filter((kind) => kind === 'Tanh')).toHaveLength(8);
  });

  it('reads nothing of a segment from the forward pass', () => {
    const { streams, loss, wanted } = built();
    const segments = [0, 1, 2, 3].map((i) => ({ from: [streams[i]!], to: [streams[i + 1]!] }));
    const forward = new Set(operationsBefore([loss]));
    const taken = new Set<string>();
    for (const op of operationsBefore(gradient(loss, wanted, { recompute: segments }))) {
      if (forward.has(op)) continue;
      for (const tensor of op.inputs) if (tensor && forward.has(tensor.op)) taken.add(tensor.op.rule.name);
    }
    // The streams and the inputs.
    expect([...taken].sort()).toEqual(['add', 'input']);
  });

  it('keeps infinities and not-a-numbers where they are, and negative zeros', async () => {
    const x = input('x', 'float64', [4]);
    // Its gradient is infinite, with the sign of its zero, where x is zero.
    const inverse = customGradient(mul(x, 1), exp, (g, _, [given]) => div(g, given!));
    const end = mul(inverse, 1);
    const [kept] = gradient(reduceSum(end), [x]);
    const [again] = gradient(reduceSum(end), [x], { recompute: [{ from: [x], to: [end] }] });
    const data = [1000, Number.NaN, -0, Number.NEGATIVE_INFINITY];
    const result = await execute({ kept: kept!, again: again! }, { x: { dtype: 'float64', shape: [4], data } });
    expect(result.again!.data).toEqual([0.001, Number.NaN, Number.NEGATIVE_INFINITY, -0]);
    expect(bits(result.again!.data)).toEqual(bits(result.kept!.data));
  });

  it('hands a custom gradient the values computed again', () => {
    const x = input('x', 'float64', [4]);
    const before = tanh(x);
    const custom = customGradient(before, exp, (g, y, [given]) => mul(mul(g, y), given!));
    const after = mul(custom, x);
    const [g] = gradient(reduceSum(after), [x], { recompute: [{ from: [x], to: [after] }] });
    expect(uses([g!], 'tanh')).toBe(1);
    expect(uses([g!, after], 'tanh')).toBe(2);
  });

  it('works with what is mapped over slices, whose body takes tensors from within the segment', async () => {
    const [x, w] = [input('x', 'float64', [3, 4]), input('w', 'float64', [4, 4])];
    const turned = tanh(matmul(x, w));
    const scale = reduceSum(turned, 0);
    const [mapped] = mapSlices([turned], (row) => [mul(exp(row), scale)]);
    const end = mul(mapped!, turned);
    const loss = reduceSum(mul(end, end));
    const [kx, kw] = gradient(loss, [x, w]);
    const [ax, aw] = gradient(loss, [x, w], { recompute: [{ from: [x], to: [end] }] });
    const found = await execute({ kx: kx!, kw: kw!, ax: ax!, aw: aw! }, { x: feeds.x!, w: feeds.w0! });
    expect(bits(found.ax!.data)).toEqual(bits(found.kx!.data));
    expect(bits(found.aw!.data)).toEqual(bits(found.kw!.data));
    expect(found.kx!.data.some((value) => value !== 0)).toBe(true);
  });

  it('works where several tensors begin and end a segment, and an operation has two outputs', async () => {
    const [a, b, scale] = [input('a', 'float32', [2, 4]), input('b', 'float32', [2, 4]), input('s', 'float32', [4])];
    const first = skipRmsNorm(a, b, scale);
    const [left, right] = split(mul(first.output, sigmoid(first.sum)), 2, -1) as [Tensor, Tensor];
    const second = skipRmsNorm(first.sum, mul(first.output, 2), scale);
    const ends = [mul(left, right), second.sum];
    const loss = add(reduceSum(mul(ends[0]!, ends[0]!)), reduceSum(mul(second.output, tanh(second.sum))));
    const wanted = [a, b, scale];
    const recompute = [
      { from: [a, b], to: [first.sum] },
      { from: [first.sum], to: ends },
    ];
    const outputs: Record<string, Tensor> = {};
    for (const [i, g] of gradient(loss, wanted).entries()) outputs[`kept${i}`] = g;
    for (const [i, g] of gradient(loss, wanted, { recompute }).entries()) outputs[`again${i}`] = g;
    const result = await execute(outputs, {
      a: randomFeed([2, 4], 1),
      b: randomFeed([2, 4], 2),
      s: randomFeed([4], 3),
    });
    for (const i of wanted.keys()) {
      for (const [at, value] of result[`kept${i}`]!.data.entries())
        expect(result[`again${i}`]!.data[at]).toBeCloseTo(value, 6);
    }
  });

  it('gives the same bits for any segments of any chain of operations', async () => {
    const steps: ((x: Tensor, w: Tensor) => Tensor)[] = [
      (x, w) => add(x, matmul(x, w)),
      (x) => tanh(x),
      (x) => softmax(x, -1),
      (x, w) => mul(x, sigmoid(matmul(x, w))),
      (x, w) => layerNorm(x, reduceSum(w, [0])),
    ];
    const chain = fc.array(fc.nat(steps.length - 1), { minLength: 2, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(chain, fc.infiniteStream(fc.boolean()), async (chosen, cuts) => {
        const [x, w] = [input('x', 'float64', [3, 4]), input('w', 'float64', [4, 4])];
        const streams = [x];
        for (const step of chosen) streams.push(steps[step]!(streams.at(-1)!, w));
        const bounds = streams.filter((_, i) => i === 0 || cuts.next().value);
        const recompute = bounds.slice(1).map((to, i) => ({ from: [bounds[i]!], to: [to] }));
        const loss = reduceSum(mul(streams.at(-1)!, streams.at(-1)!));
        const [kept, again] = [gradient(loss, [x, w]), gradient(loss, [x, w], { recompute })];
        const result = await execute(
          { kx: kept[0]!, kw: kept[1]!, ax: again[0]!, aw: again[1]! },
          { x: randomFeed([3, 4], 5, 'float64', 2), w: randomFeed([4, 4], 6, 'float64') },
        );
        expect(bits(result.ax!.data)).toEqual(bits(result.kx!.data));
        expect(bits(result.aw!.data)).toEqual(bits(result.kw!.data));
      }),
      { numRuns: 60, seed: 4 },
    );
  });

  it('refuses what is no segment, and segments that meet', () => {
    const { streams, loss, wanted } = built();
    const refused = (recompute: { from: Tensor[]; to: Tensor[] }[], sentence: string) =>
      expect(() => gradient(loss, wanted, { recompute })).toThrow(sentence);
    refused(
      [{ from: [streams[2]!], to: [streams[1]!] }],
      'recompute: nothing leads from add (float64 [3, 4]) over add',
    );
    refused([{ from: [streams[0]!], to: [exp(streams[1]!)] }], "recompute: nothing leads from 'x' over exp");
    refused([{ from: [], to: [streams[1]!] }], 'nothing leads from no tensor over add');
    refused(
      [
        { from: [streams[0]!], to: [streams[2]!] },
        { from: [streams[1]!], to: [streams[3]!] },
      ],
      'recompute: two segments share',
    );
  });
});
