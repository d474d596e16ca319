/** Gradients of fused operations against those of the plain ones, which finite differences check. */
import { describe, expect, it } from 'vitest';
import {
  add,
  constant,
  fusedMatmul,
  gradient,
  input,
  layerNorm,
  matmul,
  matrixTranspose,
  mul,
  quickGelu,
  reduceSum,
  rmsNorm,
  rotaryEmbedding,
  sigmoid,
  skipLayerNorm,
  skipRmsNorm,
  type Tensor,
} from '../index.ts';
import { execute, type Feed, randomFeed } from '../testing/execute.ts';

/** The gradients of both losses with respect to every input are the same. */
async function expectSameGradients(
  feeds: Record<string, Feed>,
  fused: (inputs: Record<string, Tensor>) => Tensor,
  plain: (inputs: Record<string, Tensor>) => Tensor,
) {
  const names = Object.keys(feeds);
  const inputs = Object.fromEntries(names.map((name) => [name, input(name, 'float32', feeds[name]!.shape)]));
  const tensors = names.map((name) => inputs[name]!);
  const outputs: Record<string, Tensor> = {};
  for (const [way, build] of Object.entries({ fused, plain })) {
    const y = build(inputs);
    const weights = constant(Array.from(randomFeed(y.shape as number[], 9).data), 'float32', y.shape as number[]);
    const gradients = gradient(reduceSum(mul(y, weights)), tensors);
    for (const [index, name] of names.entries()) outputs[`${way}.${name}`] = gradients[index]!;
  }
  const found = await execute(outputs, feeds);
  for (const name of names) {
    const [own, expected] = [found[`fused.${name}`]!, found[`plain.${name}`]!];
    expect(own.shape).toEqual(feeds[name]!.shape);
    for (const [i, value] of expected.data.entries()) expect(own.data[i], `${name}[${i}]`).toBeCloseTo(value, 4);
  }
}

const normFeeds = {
  x: randomFeed([2, 3, 8], 1),
  skip: randomFeed([2, 3, 8], 2),
  scale: randomFeed([8], 3),
  bias: randomFeed([8], 4),
};

describe('gradients of fused operations', () => {
  it.each([true, false])('skipRmsNorm, its sum read as well: %s', async (both) => {
    await expectSameGradients(
      normFeeds,
      ({ x, skip, scale, bias }) => {
        const { output, sum } = skipRmsNorm(x!, skip!, scale!, { bias });
        return both ? add(output, mul(sum, sum)) : output;
      },
      ({ x, skip, scale, bias }) => {
        const sum = add(add(x!, skip!), bias!);
        const output = rmsNorm(sum, scale!);
        return both ? add(output, mul(sum, sum)) : output;
      },
    );
  });

  it('skipLayerNorm', async () => {
    await expectSameGradients(
      { ...normFeeds, shift: randomFeed([8], 5) },
      ({ x, skip, scale, shift, bias }) => {
        const { output, sum } = skipLayerNorm(x!, skip!, scale!, shift, { bias });
        return mul(output, sum);
      },
      ({ x, skip, scale, shift, bias }) => {
        const sum = add(add(x!, skip!), bias!);
        return mul(layerNorm(sum, scale!, shift), sum);
      },
    );
  });

  it.each([
    [[3, 4], [4, 5], false, false],
    [[4, 3], [4, 5], true, false],
    [[3, 4], [5, 4], false, true],
    [[4, 3], [5, 4], true, true],
    [[2, 3, 4], [5, 4], false, true],
    [[2, 3, 4], [4, 5], false, false],
    [[2, 3, 4], [2, 5, 4], false, true],
    [[2, 4, 3], [1, 4, 5], true, false],
  ])('fusedMatmul of %j by %j, transposed: %s, %s', async (a, b, transposeA, transposeB) => {
    const turned = (x: Tensor, transposed: boolean) => (transposed ? matrixTranspose(x) : x);
    await expectSameGradients(
      { a: randomFeed(a, 1), b: randomFeed(b, 2) },
      (given) => fusedMatmul(given.a!, given.b!, { transposeA, transposeB, alpha: 0.5 }),
      (given) => mul(matmul(turned(given.a!, transposeA), turned(given.b!, transposeB)), 0.5),
    );
  });

  it('quickGelu', async () => {
    await expectSameGradients(
      { x: randomFeed([3, 7], 1) },
      ({ x }) => quickGelu(x!, 1.702),
      ({ x }) => mul(x!, sigmoid(mul(x!, 1.702))),
    );
  });

  it.each([
    ['heads apart', [2, 3, 4, 8], {}],
    ['heads beside each other', [2, 4, 24], { heads: 3 }],
    ['interleaved', [2, 3, 4, 8], { interleaved: true }],
  ] as const)(
    'rotaryEmbedding, %s: turned on by what it hands back, the gradient is itself',
    async (_, shape, options) => {
      const x = input('x', 'float32', shape);
      const positions = constant([0, 1, 2, 3, 5, 1, 7, 2], 'int64', [2, 4]);
      const angle = Array.from({ length: 8 * 4 }, (_, i) => Math.floor(i / 4) / 10 ** (i % 4));
      const table = (of: (angle: number) => number) => constant(angle.map(of), 'float32', [8, 4]);
      const rotate = (tensor: Tensor) => rotaryEmbedding(tensor, positions, table(Math.cos), table(Math.sin), options);
      const weights = randomFeed([...shape], 3);
      const given = constant(Array.from(weights.data), 'float32', [...shape]);
      const [handed] = gradient(reduceSum(mul(rotate(x), given)), [x]);
      const { again, back } = await execute({ again: rotate(handed!), back: handed! }, {});
      for (const [i, value] of Array.from(weights.data).entries())
        expect(again!.data[i], `[${i}]`).toBeCloseTo(value, 5);
      expect(Array.from(back!.data)).not.toEqual(Array.from(weights.data));
    },
  );
});
