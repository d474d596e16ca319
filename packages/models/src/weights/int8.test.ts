import { constant, input, matMulIntegerToFloat, matmul, transpose } from '@working-papers/graph';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, describe, expect, it, test } from 'vitest';
import { seededUniform } from '../generation/sampling.ts';
import { type Int8Form, inputMiddle, inputStep, roundedRows } from './int8.ts';
import { hadamardProduct, hadamardSize, Rotation } from './rotation.ts';

const runtime = createRuntime();
afterAll(() => runtime.close());

const uniform = seededUniform(1);
const numbers = (count: number, spread = 1) => Float32Array.from({ length: count }, () => (uniform() * 2 - 1) * spread);

async function rounded(weights: Float32Array, columns: number, form: Int8Form) {
  const program = await runtime.compile(roundedRows(input('weights', 'float32', ['rows', columns]), form));
  const answer = await program.run({
    weights: { dtype: 'float32', shape: [weights.length / columns, columns], data: weights },
  });
  program.release();
  return { values: answer.values!.data as Int8Array, scales: answer.scales!.data as Float32Array };
}

describe('weights rounded to 8 bits', () => {
  const columns = 96;
  // Rows of one magnitude, with outliers, all alike, of zeros and with large neighbours.
  const rows = [
    numbers(columns),
    numbers(columns).map((value, i) => (i === 7 ? 50 : value)),
    new Float32Array(columns).fill(0.3),
    new Float32Array(columns),
    numbers(columns, 0.01).map((value, i) => (i < 2 ? -3 : value)),
  ];
  const weights = Float32Array.from(rows.flatMap((row) => [...row]));

  it.each(['full', 'paired', 'unsigned'] as const)('are half a step away at most (%s)', async (form) => {
    const { values, scales } = await rounded(weights, columns, form);
    const zero = form === 'unsigned' ? 128 : 0;
    for (const [i, weight] of weights.entries()) {
      const scale = scales[Math.floor(i / columns)]!;
      expect(Math.abs((values[i]! - zero) * scale - weight)).toBeLessThanOrEqual(scale * 0.5001);
    }
  });

  it.each([columns, 95])('leave no two neighbours of %i whose products with 255 pass 16 bits', async (width) => {
    const { values } = await rounded(weights.subarray(0, 5 * width), width, 'paired');
    for (let row = 0; row < 5; row++) {
      for (let i = row * width; i + 1 < (row + 1) * width; i += 2)
        expect(255 * Math.abs(values[i]! + values[i + 1]!)).toBeLessThan(2 ** 15);
    }
  });

  it('lose less than half a bit by that where weights are normally distributed', async () => {
    const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
    const spread = Float32Array.from({ length: 64 * 576 }, normal);
    const [full, paired] = [await rounded(spread, 576, 'full'), await rounded(spread, 576, 'paired')];
    const bits = paired.scales.map((scale, row) => Math.log2(scale / full.scales[row]!));
    expect(bits.reduce((sum, lost) => sum + lost, 0) / bits.length).toBeLessThan(0.5);
  });

  it('are multiplied exactly on this processor by inputs of every size', async () => {
    const { values } = await rounded(weights, columns, 'paired');
    const rowsOf = [
      new Uint8Array(columns).fill(255),
      new Uint8Array(columns),
      new Uint8Array(columns).map((_, i) => i),
    ];
    const inputs = Uint8Array.from(rowsOf.flatMap((row) => [...row]));
    const turned = new Int8Array(values.length);
    for (let i = 0; i < values.length; i++) turned[(i % columns) * rows.length + Math.floor(i / columns)] = values[i]!;
    const product = matMulIntegerToFloat(
      input('x', 'uint8', ['tokens', columns]),
      constant(turned, 'int8', [columns, rows.length]),
      constant(1, 'float32', []),
      constant(new Float32Array(rows.length).fill(1), 'float32'),
      { aZeroPoint: inputMiddle },
    );
    const program = await runtime.compile({ product });
    const answer = await program.run({ x: { dtype: 'uint8', shape: [rowsOf.length, columns], data: inputs } });
    program.release();
    const expected = rowsOf.flatMap((row) =>
      rows.map((_, r) => row.reduce((sum, value, i) => sum + (value - 128) * values[r * columns + i]!, 0)),
    );
    expect([...(answer.product!.data as Float32Array)]).toEqual(expected);
    expect(inputStep.shape).toEqual([]);
  });
});

test.each([
  [576, 32],
  [384, 32],
  [1536, 32],
  [7, 1],
  [64, 32],
])('rows of %i numbers are mixed by %i', (width, size) => expect(hadamardSize(width)).toBe(size));

test.each([64, 96, 576, 7])('a rotation of %i numbers is orthogonal, and so is the one on the fly', async (width) => {
  const x = input('x', 'float32', ['rows', width]);
  const gram = (turned: typeof x) => matmul(turned, transpose(turned, [1, 0]));
  const program = await runtime.compile({
    plain: gram(x),
    rotated: gram(new Rotation(width).product(x)),
    onTheFly: gram(hadamardProduct(x, hadamardSize(width))),
  });
  const data = numbers(5 * width);
  const { plain, rotated, onTheFly } = await program.run({ x: { dtype: 'float32', shape: [5, width], data } });
  program.release();
  for (const [i, value] of (plain!.data as Float32Array).entries()) {
    expect((rotated!.data as Float32Array)[i]).toBeCloseTo(value, 3);
    expect((onTheFly!.data as Float32Array)[i]).toBeCloseTo(value, 3);
  }
});

test('a rotation spreads an outlier over all numbers', async () => {
  const x = constant(
    Float32Array.from({ length: 576 }, (_, i) => (i === 3 ? 24 : 0)),
    'float32',
    [1, 576],
  );
  const program = await runtime.compile({ y: new Rotation(576).product(x) });
  const { y } = await program.run({});
  program.release();
  expect(Math.max(...(y!.data as Float32Array).map(Math.abs))).toBeLessThan(4);
});
