/** Losses and their gradients against PyTorch's in double precision (fixtures/make-losses.py), and worked by hand. */
import { readFileSync } from 'node:fs';
import { constant, gradient, input, reduceSum, type Tensor } from '@working-papers/graph';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, describe, expect, test } from 'vitest';
import { contrastive } from './contrastive.ts';
import { klDivergence } from './kl-divergence.ts';
import { meanSquaredError } from './mean-squared-error.ts';
import { logSumExp, zLoss } from './z-loss.ts';

interface Case {
  loss: number;
  inputs: { shape: number[]; data: number[] }[];
  gradients: (number[] | null)[];
}
const { weights, ...cases }: { weights: number[] } & Record<string, Case | number[]> = JSON.parse(
  readFileSync(new URL('./fixtures/losses.json', import.meta.url), 'utf8'),
);

const runtime = createRuntime();
afterAll(() => runtime.close());

async function run(loss: (...x: Tensor[]) => Tensor, inputs: Case['inputs']) {
  const xs = inputs.map(({ shape }, i) => input(`x${i}`, 'float32', shape));
  const value = loss(...xs);
  const slopes = gradient(value, xs);
  const program = await runtime.compile({
    value,
    ...Object.fromEntries(slopes.map((slope, i) => [`slope${i}`, slope])),
  });
  const fed = inputs.map(
    ({ shape, data }, i) => [`x${i}`, { dtype: 'float32', shape, data: Float32Array.from(data) }] as const,
  );
  const answer = await program.run(Object.fromEntries(fed));
  program.release();
  return {
    value: Number(answer.value!.data[0]),
    slopes: xs.map((_, i) => Array.from(answer[`slope${i}`]!.data, Number)),
  };
}

const rows = { weights: constant(weights, 'float32', [2, 3]) };
const losses: Record<string, (a: Tensor, b: Tensor) => Tensor> = {
  kl: (a, b) => klDivergence(a, b),
  'kl weighted': (a, b) => klDivergence(a, b, rows),
  'kl at 4': (a, b) => klDivergence(a, b, { ...rows, temperature: 4 }),
  squares: (a, b) => meanSquaredError(a, b),
  'squares weighted': (a, b) => meanSquaredError(a, b, rows),
  z: (a) => zLoss(a, rows),
  contrastive: (a, b) => contrastive(a, b),
  'contrastive symmetric': (a, b) => contrastive(a, b, { symmetric: true }),
};

describe('as PyTorch', () => {
  test('every case of the fixture is tried', () => {
    expect(Object.keys(losses).sort()).toEqual(Object.keys(cases).sort());
  });

  test.each(Object.keys(losses))('%s', async (name) => {
    const { loss, inputs, gradients } = cases[name] as Case;
    const { value, slopes } = await run(losses[name] as (...x: Tensor[]) => Tensor, inputs);
    expect(Math.abs(value / loss - 1)).toBeLessThan(2e-6);
    for (const [i, wanted] of gradients.entries()) {
      const size = Math.hypot(...(wanted ?? [1]));
      const apart = Math.hypot(...slopes[i]!.map((got, k) => got - (wanted?.[k] ?? 0)));
      expect(apart / size, `gradient of input ${i}`).toBeLessThan(5e-6);
    }
  });
});

test('MiniLM worked by hand: rows .75 .25 and .5 .5 against an even student', async () => {
  const teacher = [Math.log(3), 0, 0, 0];
  const row = (data: number[]) => ({ shape: [2, 2], data });
  const { value, slopes } = await run(klDivergence as (...x: Tensor[]) => Tensor, [row(teacher), row([0, 0, 0, 0])]);
  expect(value).toBeCloseTo(0.065406, 6);
  const wanted = [-0.125, 0.125, 0, 0];
  for (const [i, slope] of slopes[1]!.entries()) expect(slope).toBeCloseTo(wanted[i]!, 6);
  expect(slopes[0]).toEqual([0, 0, 0, 0]);
});

test('places masked with -inf on both sides count for nothing, in loss and gradient', async () => {
  const masked = { shape: [1, 3], data: [1, 2, Number.NEGATIVE_INFINITY] };
  const given = { shape: [1, 3], data: [0, 0, Number.NEGATIVE_INFINITY] };
  const two = (data: number[]) => ({ shape: [1, 2], data });
  const divergence = klDivergence as (...x: Tensor[]) => Tensor;
  const with3 = await run(divergence, [masked, given]);
  const with2 = await run(divergence, [two([1, 2]), two([0, 0])]);
  expect(with3.value).toBeCloseTo(with2.value, 6);
  expect(with3.slopes[1]![2]).toBe(0);
  expect(with3.slopes[1]![0]).toBeCloseTo(with2.slopes[1]![0]!, 6);
});

test('the z-loss of even logits is (ln 2)^2, and so is its slope; a shift moves log Z by itself', async () => {
  const { value, slopes } = await run(zLoss as (...x: Tensor[]) => Tensor, [{ shape: [1, 2], data: [0, 0] }]);
  expect(value).toBeCloseTo(0.480453, 6);
  for (const slope of slopes[0]!) expect(slope).toBeCloseTo(Math.LN2, 6);
  const at = (c: number) => run((x) => reduceSum(logSumExp(x)), [{ shape: [1, 2], data: [c, 1 + c] }]);
  expect((await at(100)).value - (await at(0)).value).toBeCloseTo(100, 4);
});

test('a temperature that is not above 0 is refused', () => {
  const x = input('x', 'float32', [2, 2]);
  expect(() => klDivergence(x, x, { temperature: 0 })).toThrow(/greater than 0; got 0/);
  expect(() => contrastive(x, x, { temperature: -1 })).toThrow(/greater than 0; got -1/);
});
