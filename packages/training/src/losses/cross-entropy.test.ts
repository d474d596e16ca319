import { gradient, input } from '@working-papers/graph';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, expect, test } from 'vitest';
import { ignored } from '../data/sequence.ts';
import { crossEntropy } from './cross-entropy.ts';

const runtime = createRuntime();
afterAll(() => runtime.close());

async function lossOf(rows: number[][], labels: number[], weights?: number[]) {
  const shape = [rows.length, rows[0]!.length];
  const logits = input('logits', 'float32', shape);
  const weighted = weights && input('weights', 'float32', [rows.length]);
  const loss = crossEntropy(logits, input('labels', 'int64', [rows.length]), weighted ? { weights: weighted } : {});
  const program = await runtime.compile({ loss, slope: gradient(loss, [logits])[0]! });
  const answer = await program.run({
    logits: { dtype: 'float32', shape, data: Float32Array.from(rows.flat()) },
    labels: { dtype: 'int64', shape: [rows.length], data: BigInt64Array.from(labels, BigInt) },
    ...(weights && { weights: { dtype: 'float32', shape: [rows.length], data: Float32Array.from(weights) } as const }),
  });
  program.release();
  return { loss: Number(answer.loss!.data[0]), slope: Array.from(answer.slope!.data, Number) };
}

const close = (got: number[], wanted: number[]) => {
  expect(got).toHaveLength(wanted.length);
  for (const [i, value] of wanted.entries()) expect(got[i]).toBeCloseTo(value, 6);
};

test('two even classes cost ln 2, and the gradient is softmax less one hot over the rows', async () => {
  const { loss, slope } = await lossOf(
    [
      [0, 0],
      [3, 3],
    ],
    [0, 1],
  );
  expect(loss).toBeCloseTo(Math.LN2, 6);
  close(slope, [-0.25, 0.25, 0.25, -0.25]);
});

test('a row that is ignored counts neither in the sum nor in the mean', async () => {
  const { loss, slope } = await lossOf(
    [
      [1, 2, 3],
      [9, -9, 0],
    ],
    [2, ignored],
  );
  const total = Math.exp(1) + Math.exp(2) + Math.exp(3);
  expect(loss).toBeCloseTo(Math.log(total) - 3, 6);
  close(slope, [Math.exp(1) / total, Math.exp(2) / total, Math.exp(3) / total - 1, 0, 0, 0]);
});

test('with all rows ignored there is nothing to learn, and no NaN', async () => {
  const { loss, slope } = await lossOf([[1, 2]], [ignored]);
  expect(loss).toBeCloseTo(0, 10);
  close(slope, [0, 0]);
});

test('logits of any size stay finite', async () => {
  const { loss, slope } = await lossOf([[1e4, -1e4, 0]], [1]);
  expect(loss).toBeCloseTo(2e4, 0);
  close(slope, [1, -1, 0]);
});

test('a row of weight 3 counts as three rows, one of weight 0 as none', async () => {
  const [a, b] = [
    [1, 2, 3],
    [0, 1, 0],
  ];
  const weighted = await lossOf([a!, b!, [7, 7, 7]], [0, 1, 2], [3, 1, 0]);
  const repeated = await lossOf([a!, a!, a!, b!], [0, 0, 0, 1]);
  expect(weighted.loss).toBeCloseTo(repeated.loss, 6);
  close(
    weighted.slope.slice(0, 3),
    repeated.slope.slice(0, 3).map((value) => 3 * value),
  );
  close(weighted.slope.slice(3), [...repeated.slope.slice(9), 0, 0, 0]);
});

test('with no weight at all there is nothing to learn, and no NaN', async () => {
  expect((await lossOf([[1, 2]], [0], [0])).loss).toBeCloseTo(0, 10);
});
