/** What gradients must satisfy whatever the functions are. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  add,
  concat,
  cos,
  div,
  exp,
  gather,
  gradient,
  input,
  layerNorm,
  logSoftmax,
  matmul,
  matrixTranspose,
  mul,
  neg,
  onesLike,
  reduceMean,
  reduceSum,
  reshape,
  rmsNorm,
  scatterElements,
  sigmoid,
  sin,
  slice,
  softmax,
  sub,
  type Tensor,
  tanh,
  transpose,
  zerosLike,
} from './index.ts';
import { count, execute, type Feed, randomFeed } from './testing/execute.ts';

const runs = { numRuns: 15, seed: 7 };
const seed = fc.nat(1e6);
const size = fc.integer({ min: 1, max: 4 });
const shapes = fc.array(size, { minLength: 1, maxLength: 3 });

/** Smooth functions of one tensor that keep its shape. */
const functions: Record<string, (x: Tensor) => Tensor> = {
  exp: (x) => exp(mul(x, 0.5)),
  tanh,
  sin,
  square: (x) => mul(x, x),
  softmax: (x) => softmax(x, -1),
  gated: (x) => mul(sigmoid(x), cos(x)),
  affine: (x) => add(mul(x, -1.5), 0.25),
  mean: (x) => sub(x, reduceMean(x, -1, { keepDims: true })),
};
const name = fc.constantFrom(...Object.keys(functions));

const feed = (shape: number[], from: number): Feed => randomFeed(shape, from, 'float64');
const given = (label: string, shape: number[]) => input(label, 'float64', shape);
/** Each element of the function's result by a weight of its own, summed. */
const total = (y: Tensor, weights: Tensor) => reduceSum(mul(y, weights));

async function expectEqual(pairs: Record<string, [Tensor, Tensor]>, feeds: Record<string, Feed>, tolerance = 1e-12) {
  const outputs = Object.entries(pairs).flatMap(([key, [a, b]]) => [
    [`${key}.a`, a] as const,
    [`${key}.b`, b] as const,
  ]);
  const found = await execute(Object.fromEntries(outputs), feeds);
  for (const key of Object.keys(pairs)) {
    const [a, b] = [found[`${key}.a`]!, found[`${key}.b`]!];
    expect(a.shape, key).toEqual(b.shape);
    for (const [i, value] of b.data.entries())
      expect(Math.abs(a.data[i]! - value), `${key}[${i}]: ${a.data[i]} and ${value}`).toBeLessThanOrEqual(
        tolerance * Math.max(1, Math.abs(value)),
      );
  }
}

describe('identities of gradients', () => {
  it('the gradient of a sum of losses is the sum of their gradients, of a multiple the multiple', async () => {
    await fc.assert(
      fc.asyncProperty(
        shapes,
        name,
        name,
        fc.double({ min: -3, max: 3, noNaN: true }),
        seed,
        async (shape, f, g, c, from) => {
          const [x, w] = [given('x', shape), given('w', shape)];
          const [first, second] = [total(functions[f]!(x), w), total(functions[g]!(x), w)];
          const [both] = gradient(add(mul(first, c), second), [x]);
          const [[a], [b]] = [gradient(first, [x]), gradient(second, [x])];
          await expectEqual({ both: [both!, add(mul(a!, c), b!)] }, { x: feed(shape, from), w: feed(shape, from + 1) });
        },
      ),
      runs,
    );
  });

  it('chain rule: through a composition goes what the outer function hands to the inner one', async () => {
    await fc.assert(
      fc.asyncProperty(shapes, name, name, seed, async (shape, f, g, from) => {
        const [x, w] = [given('x', shape), given('w', shape)];
        const inner = functions[f]!(x);
        const [whole] = gradient(total(functions[g]!(inner), w), [x]);
        // The outer function alone, at the value of the inner one, which is fed in as a number; then its gradient as weights of the inner.
        const middle = given('middle', shape);
        const [handed] = gradient(total(functions[g]!(middle), w), [middle]);
        const feeds = { x: feed(shape, from), w: feed(shape, from + 1) };
        const { inner: value } = await execute({ inner }, feeds);
        const at: Feed = { dtype: 'float64', shape, data: value!.data };
        const { handed: weights } = await execute({ handed: handed! }, { w: feeds.w, middle: at });
        const external = given('external', shape);
        const [parted] = gradient(total(inner, external), [x]);
        const fed = { ...feeds, external: { dtype: 'float64' as const, shape, data: weights!.data } };
        await expectEqual({ chain: [whole!, parted!] }, fed);
      }),
      runs,
    );
  });

  it('the gradient of a sum is one everywhere, of a mean one by the count', async () => {
    await fc.assert(
      fc.asyncProperty(shapes, seed, async (shape, from) => {
        const x = given('x', shape);
        const [sum] = gradient(reduceSum(x), [x]);
        const [mean] = gradient(reduceMean(x), [x]);
        const pairs = { sum: [sum!, onesLike(x)], mean: [mean!, div(onesLike(x), count(shape))] } as const;
        await expectEqual(pairs as never, { x: feed(shape, from) });
      }),
      runs,
    );
  });

  it('what only moves elements moves gradients back: permutations, reshapes, joins and cuts', async () => {
    await fc.assert(
      fc.asyncProperty(size, size, size, name, seed, async (a, b, c, f, from) => {
        const x = given('x', [a, b, c]);
        const turned = given('turned', [c, a, b]);
        const w = given('w', [c, a, b]);
        const y = functions[f]!;
        const [through] = gradient(total(y(transpose(x, [2, 0, 1])), w), [x]);
        const [apart] = gradient(total(y(turned), w), [turned]);
        const data = feed([a, b, c], from);
        const { t } = await execute({ t: transpose(x, [2, 0, 1]) }, { x: data });
        const flat = reshape(x, [a * b, c]);
        const pieces = concat([slice(flat, 0, 1), slice(flat, 0, 0, 1)], 0);
        const back = given('back', [a * b, c]);
        const [cut] = gradient(total(pieces, back), [x]);
        const rolled = concat([slice(back, 0, a * b - 1), slice(back, 0, 0, a * b - 1)], 0);
        await expectEqual(
          { permuted: [through!, transpose(apart!, [1, 2, 0])], rolled: [cut!, reshape(rolled, [a, b, c])] },
          {
            x: data,
            turned: { dtype: 'float64', shape: [c, a, b], data: t!.data },
            w: feed([c, a, b], from + 1),
            back: feed([a * b, c], from + 2),
          },
        );
      }),
      runs,
    );
  });

  it('products: the trace of A B is symmetric in its gradients, and transposing a product transposes them', async () => {
    await fc.assert(
      fc.asyncProperty(size, size, size, seed, async (n, k, m, from) => {
        const [a, b, w] = [given('a', [n, k]), given('b', [k, m]), given('w', [n, m])];
        const [da, db] = gradient(total(matmul(a, b), w), [a, b]);
        const turned = matmul(matrixTranspose(b), matrixTranspose(a));
        const [ta, tb] = gradient(total(turned, matrixTranspose(w)), [a, b]);
        // d/dA tr(W' A B) = W B', d/dB = A' W.
        const feeds = { a: feed([n, k], from), b: feed([k, m], from + 1), w: feed([n, m], from + 2) };
        await expectEqual(
          {
            left: [da!, matmul(w, matrixTranspose(b))],
            right: [db!, matmul(matrixTranspose(a), w)],
            'left, turned': [ta!, da!],
            'right, turned': [tb!, db!],
          },
          feeds,
        );
        // A quadratic form x' S x has the gradient (S + S') x.
        const [s, v] = [given('s', [k, k]), given('v', [k])];
        const [dv] = gradient(matmul(v, matmul(s, v)), [v]);
        const quadratic = matmul(add(s, matrixTranspose(s)), v);
        await expectEqual({ quadratic: [dv!, quadratic] }, { s: feed([k, k], from), v: feed([k], from + 1) });
      }),
      runs,
    );
  });

  it('gathering and scattering are each the transpose of the other, repeated indices and all', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(4), { minLength: 1, maxLength: 8 }), size, seed, async (places, width, from) => {
        const [table, g, indices] = [
          given('t', [5, width]),
          given('g', [places.length, width]),
          input('i', 'int64', [places.length]),
        ];
        const [gathered] = gradient(total(gather(table, indices), g), [table]);
        // <gather(t), g> = <t, gather'(g)> for every t: the transpose of a linear map.
        const left = total(gather(table, indices), g);
        const wide = input('wide', 'int64', [places.length, width]);
        const scattered = scatterElements(zerosLike(table), wide, g, { axis: 0, reduction: 'add' });
        const [back] = gradient(total(scattered, table), [g]);
        const feeds: Record<string, Feed> = {
          t: feed([5, width], from),
          g: feed([places.length, width], from + 1),
          i: { dtype: 'int64', shape: [places.length], data: places },
          wide: {
            dtype: 'int64',
            shape: [places.length, width],
            data: places.flatMap((p) => new Array(width).fill(p)),
          },
        };
        await expectEqual(
          {
            inner: [left, total(table, gathered!)],
            scattered: [gathered!, scattered],
            gathered: [back!, gather(table, indices)],
          },
          feeds,
        );
      }),
      runs,
    );
  });

  it('what a function does not feel has no gradient along it: shifts of a softmax, scales of a norm', async () => {
    await fc.assert(
      fc.asyncProperty(size, fc.integer({ min: 2, max: 5 }), seed, async (rows, width, from) => {
        const [x, w] = [given('x', [rows, width]), given('w', [rows, width])];
        const ones = onesLike(given('s', [width]));
        const along = (y: Tensor, direction: Tensor) => {
          const [g] = gradient(total(y, w), [x]);
          return reduceSum(mul(g!, direction), -1);
        };
        const zeros = zerosLike(reduceSum(x, -1));
        const tiny = { epsilon: 1e-30 };
        const feeds = { x: feed([rows, width], from), w: feed([rows, width], from + 1), s: feed([width], 1) };
        await expectEqual(
          {
            softmax: [along(softmax(x, -1), onesLike(x)), zeros],
            logSoftmax: [along(logSoftmax(x, -1), onesLike(x)), zeros],
            layerNorm: [along(layerNorm(x, ones, undefined, tiny), onesLike(x)), zeros],
            'layerNorm, scaled': [along(layerNorm(x, ones, undefined, tiny), x), zeros],
            'rmsNorm, scaled': [along(rmsNorm(x, ones, tiny), x), zeros],
          },
          feeds,
          1e-9,
        );
      }),
      runs,
    );
  });

  it('what is broadcast sums its gradient over where it went', async () => {
    await fc.assert(
      fc.asyncProperty(size, size, name, seed, async (n, m, f, from) => {
        const [row, column, w] = [given('row', [m]), given('column', [n, 1]), given('w', [n, m])];
        const y = functions[f]!;
        const [dr, dc] = gradient(total(y(mul(row, column)), w), [row, column]);
        const grid = given('grid', [n, m]);
        const [dg] = gradient(total(y(grid), w), [grid]);
        const feeds = { row: feed([m], from), column: feed([n, 1], from + 1), w: feed([n, m], from + 2) };
        const { product } = await execute({ product: mul(row, column) }, feeds);
        await expectEqual(
          {
            row: [dr!, reduceSum(mul(dg!, column), 0)],
            column: [dc!, reduceSum(mul(dg!, row), 1, { keepDims: true })],
          },
          { ...feeds, grid: { dtype: 'float64', shape: [n, m], data: product!.data } },
        );
      }),
      runs,
    );
  });

  it('even functions have odd gradients, and odd ones even', async () => {
    await fc.assert(
      fc.asyncProperty(shapes, seed, async (shape, from) => {
        const [x, y, w] = [given('x', shape), given('y', shape), given('w', shape)];
        const at = (f: (t: Tensor) => Tensor, t: Tensor) => gradient(total(f(t), w), [t])[0]!;
        const data = feed(shape, from);
        await expectEqual(
          { even: [at(cos, x), neg(at(cos, y))], odd: [at(tanh, x), at(tanh, y)] },
          { x: data, y: { ...data, data: Array.from(data.data, (value) => -value) }, w: feed(shape, from + 1) },
        );
      }),
      runs,
    );
  });
});
