import { gradient, input } from '@working-papers/graph';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, expect, test } from 'vitest';
import { crossEntropy, ignored } from './cross-entropy.ts';

const runtime = createRuntime();
afterAll(() => runtime.close());

async function lossOf(rows: number[][], labels: number[]) {
  const shape = [rows.length, rows[0]!.length];
  const logits = input('logits', 'float32', shape);
  const loss = crossEntropy(logits, input('labels', 'int64', [rows.length]));
  const program = await runtime.compile({ loss, slope: gradient(loss, [logits])[0]! });
  const answer = await program.run({
    logits: { dtype: 'float32', shape, data: Float32Array.from(rows.flat()) },
    labels: { dtype: 'int64', shape: [rows.length], data: BigInt64Array.from(labels, BigInt) },
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
