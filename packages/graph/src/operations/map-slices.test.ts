import { describe, expect, it } from 'vitest';
import {
  add,
  cast,
  concat,
  exp,
  gradient,
  input,
  mapSlices,
  matmul,
  mul,
  operationsBefore,
  range,
  reduceSum,
  reshape,
  slice,
  type Tensor,
  tanh,
  toOnnx,
} from '../index.ts';
import { execute } from '../testing/execute.ts';

const x = input('x', 'float32', ['count', 2, 'width']);
const w = input('w', 'float32', ['width', 'out']);
const feeds = {
  x: { dtype: 'float32', shape: [3, 2, 2], data: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12] },
  w: { dtype: 'float32', shape: [2, 1], data: [1, 10] },
} as const;
const run = (outputs: Record<string, Tensor>) =>
  execute(
    outputs,
    Object.fromEntries(Object.entries(feeds).map(([k, v]) => [k, { ...v, shape: [...v.shape], data: [...v.data] }])),
  );

describe('mapSlices', () => {
  it('computes a slice at a time what would be computed at once', async () => {
    const doubled = mul(w, 2);
    const [product, sum] = mapSlices([x], (part) => [matmul(part, doubled), reduceSum(part)]);
    expect(product!.shape).toEqual(['count', 2, 'out']);
    expect(sum!.shape).toEqual(['count']);
    const result = await run({ product: product!, sum: sum!, whole: matmul(x, doubled), doubled });
    expect(result.product).toEqual({ dtype: 'float32', shape: [3, 2, 1], data: result.whole!.data });
    expect(result.sum!.data).toEqual([10, 26, 42]);
    expect(result.doubled!.data).toEqual([2, 20]);
  });

  it('takes several tensors, names of dimensions and bounds that a slice gives; results may be slices or come from around', async () => {
    const places = range(0, 'count');
    const [same, moved, around] = mapSlices([x, places], (part, place) => [
      part,
      add(
        reshape(part, [1, -1, 'width']),
        cast(slice(concat([places, places], 0), 0, place, add(place, 2), { dimension: 'width' }), 'float32'),
      ),
      reduceSum(w),
    ]);
    // A dimension that is first read within the body is read anew outside of it.
    const after = reshape(x, ['2*count', 'width']);
    const result = await run({ same: same!, moved: moved!, around: around!, after });
    expect(result.same!.data).toEqual(feeds.x.data);
    expect(result.moved!.data).toEqual([1, 3, 3, 5, 6, 8, 8, 10, 11, 10, 13, 12]);
    expect(result.around!.data).toEqual([11, 11, 11]);
    expect(result.after!.shape).toEqual([6, 2]);
  });

  it('has the gradient of what would be computed at once, in slices too, and computes nothing for what nobody asked for', async () => {
    const grown = exp(w);
    const body = (part: Tensor) => tanh(matmul(part, mul(grown, w)));
    const [mapped] = mapSlices([x], (part) => [body(part)]);
    const loss = (y: Tensor) => reduceSum(mul(y, y));
    const [mx, mw] = gradient(loss(mapped!), [x, w]);
    const [wx, ww] = gradient(loss(body(x)), [x, w]);
    const found = await run({ mx: mx!, mw: mw!, wx: wx!, ww: ww! });
    for (const [own, wanted] of [
      [found.mx!, found.wx!],
      [found.mw!, found.ww!],
    ] as const) {
      expect(own.shape).toEqual(wanted.shape);
      for (const [i, value] of wanted.data.entries()) expect(own.data[i]).toBeCloseTo(value, 5);
    }
    // Backwards for the slices alone: no sum of the weights' gradient is carried.
    const [alone] = gradient(loss(mapped!), [x]);
    const outputsOf = (g: Tensor) =>
      operationsBefore([g]).flatMap(({ rule, outputs }) => (rule.name === 'mapSlices' ? [outputs.length] : []));
    expect(outputsOf(alone!)).toEqual([1, 1]);
    expect(outputsOf(mw!)).toEqual([1, 2]);
  });

  it('a value within gives way to the name of an output', async () => {
    const [sum] = mapSlices([x], (part) => [add(reduceSum(part), 1)]);
    const result = await run({ add: sum!, reduceSum: reduceSum(x) });
    expect([result.add!.data, result.reduceSum!.data]).toEqual([[11, 27, 43], [78]]);
  });

  it('what cannot be is named', () => {
    expect(() => mapSlices([x, w], (part) => [part])).toThrow(
      /tensors of one length; got \[count, 2, width\] and \[width, out\]/,
    );
    expect(() => mapSlices([x], () => [])).toThrow(/at least one result/);
    let leaked: Tensor | undefined;
    mapSlices([x], (part) => {
      leaked = part;
      return [part];
    });
    expect(() => toOnnx({ leaked: leaked! })).toThrow(/used outside of its body/);
    expect(() => mapSlices([x], (part) => mapSlices([x], (inner) => [add(inner, part)]))).toThrow(/nested/);
  });
});
