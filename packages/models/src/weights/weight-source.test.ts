import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { add, input } from '@working-papers/graph';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, describe, expect, test } from 'vitest';
import { blockLayouts, dequantise } from '../formats/index.ts';
import { openCheckpoint } from '../formats/node/open-checkpoint.ts';
import type { BlockType, WeightTensor } from '../formats/types.ts';
import { seededUniform } from '../generation/sampling.ts';
import { weightOf } from '../testing/random-checkpoint.ts';
import { packBlocks, packingOf, quantiseEightBit } from './blocks.ts';
import { weightSource } from './weight-source.ts';

const runtime = createRuntime();
afterAll(() => runtime.close());
const uniform = seededUniform(4);
/** float16 bits of 2^-6 to 2^-5, as scales are. */
const scaleBits = () => 0x2400 + Math.floor(uniform() * 1024);
/** Where the float16 scale of a block stands, and its minimum. */
const halves: Record<BlockType, [number] | [number, number]> = {
  Q4_0: [0],
  Q4_1: [0, 2],
  Q5_0: [0],
  Q5_1: [0, 2],
  Q8_0: [0],
  Q8_1: [0],
  Q2_K: [80, 82],
  Q3_K: [108],
  Q4_K: [0, 2],
  Q5_K: [0, 2],
  Q6_K: [208],
  Q8_K: [2],
  IQ4_NL: [0],
  IQ4_XS: [0],
  TQ1_0: [52],
  TQ2_0: [64],
  MXFP4: [0],
};
const types = Object.keys(halves) as BlockType[];

function blockTensor(name: string, type: BlockType, rows: number, columns: number): WeightTensor {
  const { bytes: stride, elements } = blockLayouts[type];
  const bytes = new Uint8Array((rows * columns * stride) / elements).map(() => Math.floor(uniform() * 256));
  const view = new DataView(bytes.buffer);
  for (let from = 0; from < bytes.length; from += stride) {
    const [scale, minimum] = halves[type];
    if (type === 'MXFP4') bytes[from] = 120 + Math.floor(uniform() * 4);
    else if (type === 'Q8_K') view.setFloat32(from, 0.01 + uniform() / 100, true);
    else view.setUint16(from + scale, scaleBits(), true);
    if (minimum !== undefined) view.setUint16(from + minimum, 0x8000 | (scaleBits() + 2048), true);
  }
  return {
    ...weightOf(name, [rows, columns], new Float32Array(rows * columns)),
    type,
    byteLength: bytes.length,
    bytes: async () => bytes,
    bytesSync: () => bytes,
  };
}

const columns = 512;
const x = Float32Array.from({ length: 3 * columns }, () => uniform() * 2 - 1);
const expectedProduct = (tensors: WeightTensor[]) =>
  [0, 1, 2].flatMap((row) =>
    tensors.flatMap((tensor) => {
      const weights = dequantise(tensor.type, tensor.bytesSync(), tensor.count);
      return Array.from({ length: tensor.shape[0]! }, (_, out) => {
        let sum = 0;
        for (let i = 0; i < columns; i++) sum += x[row * columns + i]! * weights[out * columns + i]!;
        return sum;
      });
    }),
  );
const relative = (a: ArrayLike<number>, b: readonly number[]) => {
  let [error, size] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    error += (a[i]! - b[i]!) ** 2;
    size += b[i]! ** 2;
  }
  return Math.sqrt(error / size);
};

describe.each(types)('%s', (type) => {
  const tensor = blockTensor('w', type, 8, columns);
  const other = blockTensor('v', type, 4, columns);

  test('packing keeps every weight exactly', () => {
    const values = dequantise(type, tensor.bytesSync(), tensor.count);
    const { bits, blockSize } = packingOf(type);
    const packed = packBlocks(type, tensor.bytesSync(), tensor.count);
    let largest = 0;
    for (let i = 0; i < tensor.count; i++) {
      const block = Math.floor(i / blockSize);
      const stored = bits === 4 ? ((packed.values[i >> 1]! >> (4 * (i & 1))) & 15) - 8 : packed.values[i]! - 128;
      const value = Math.fround(stored * packed.scales[block]! + (packed.offsets?.[block] ?? 0));
      largest = Math.max(largest, Math.abs(value - values[i]!) / Math.max(1, Math.abs(packed.offsets?.[block] ?? 0)));
    }
    // An offset holds the minimum and a multiple of the scale in one float32; without one nothing is rounded.
    expect(largest).toBeLessThanOrEqual(packed.offsets ? 2 ** -23 : 0);
  });

  test.each(['fp32', 'q4', 'q8'] as const)('products with %s weights, alone and fused', async (weights) => {
    const tensors = new Map([tensor, other, blockTensor('four', 'Q4_0', 1, 32)].map((one) => [one.name, one]));
    const source = weightSource(tensors, weights);
    const rows = input('x', 'float32', ['rows', columns]);
    const batch = input('batch', 'float32', ['batch', 'sequence', columns]);
    const program = await runtime.compile({
      one: source.linear(rows, 'w'),
      both: source.linear(rows, ['w', 'v']),
      batched: source.linear(batch, 'w'),
    });
    const answer = await program.run({
      x: { dtype: 'float32', shape: [3, columns], data: x },
      batch: { dtype: 'float32', shape: [1, 3, columns], data: x },
    });
    expect(relative(answer.batched!.data as Float32Array, Array.from(answer.one!.data as Float32Array))).toBeLessThan(
      1e-6,
    );
    // The kernels round x to 8 bits a block: 1/254 of a block's largest value at most, half that and less on average.
    const bound = weights === 'fp32' ? 1e-6 : 0.01;
    expect(relative(answer.one!.data as Float32Array, expectedProduct([tensor]))).toBeLessThan(bound);
    expect(relative(answer.both!.data as Float32Array, expectedProduct([tensor, other]))).toBeLessThan(bound);
  });
});

test.each(types)('a table of %s gives its rows exactly and is shared with a tied head', async (type) => {
  const table = blockTensor('table', type, 50, columns);
  const source = weightSource(new Map([['table', table]]), 'q4');
  const ids = input('ids', 'int64', ['rows', 'sequence']);
  const embedded = source.embedding(ids, 'table');
  const before = source.bytes;
  expect(before).toBeLessThanOrEqual(50 * columns * 1.5);
  const head = source.linear(embedded, 'table');
  const { offsets } = packingOf(type);
  expect(source.bytes).toBe(before);
  const program = await runtime.compile({ embedded, head });
  const answer = await program.run({ ids: { dtype: 'int64', shape: [1, 2], data: BigInt64Array.of(7n, 49n) } });
  const values = dequantise(type, table.bytesSync(), table.count);
  const expected = [7, 49].flatMap((id) => Array.from(values.subarray(id * columns, (id + 1) * columns)));
  const rows = answer.embedded!.data as Float32Array;
  if (offsets) expect(relative(rows, expected)).toBeLessThan(1e-6);
  else expect(Array.from(rows, (value) => value + 0)).toEqual(expected.map((value) => value + 0));
});

test('floats become 8 bits within half a step', () => {
  const values = Float32Array.from({ length: 96 }, (_, i) => (i < 64 ? uniform() - 0.5 : 0));
  const { values: bytes, scales } = quantiseEightBit(values);
  for (let i = 0; i < 96; i++) {
    expect(Math.abs((bytes[i]! - 128) * scales[i >> 5]! - values[i]!)).toBeLessThanOrEqual(scales[i >> 5]! * 0.5001);
  }
});

test('weights of every element type of a sharded checkpoint are floats where floats are asked for', async () => {
  const folder = new URL('../../fixtures/safetensors/', import.meta.url);
  const { values } = JSON.parse(await readFile(new URL('expected.json', folder), 'utf8')) as {
    values: Record<string, number[]>;
  };
  const { tensors } = await openCheckpoint(fileURLToPath(folder));
  expect([...tensors.values()].map(({ type }) => type).sort()).toEqual(Object.keys(values).sort());
  const source = weightSource(tensors, 'fp32');
  const row = Float32Array.from({ length: 32 }, () => uniform() - 0.5);
  const x = input('x', 'float32', [1, 32]);
  const program = await runtime.compile(
    Object.fromEntries(
      [...tensors.keys()].flatMap((name) => [
        [`same ${name}`, add(source.get(name), 0)],
        [`x ${name}`, source.linear(x, name)],
      ]),
    ),
  );
  const answer = await program.run({ x: { dtype: 'float32', shape: [1, 32], data: row } });
  for (const [name, expected] of Object.entries(values)) {
    expect([...(answer[`same ${name}`]!.data as Float32Array)], name).toEqual(expected);
    const product = [0, 1, 2, 3].map((out) => row.reduce((sum, value, i) => sum + value * expected[out * 32 + i]!, 0));
    expect(relative(answer[`x ${name}`]!.data as Float32Array, product), name).toBeLessThan(1e-6);
  }
});

test('what a file cannot give is said', () => {
  const plain = new Map([['w', weightOf('w', [4, 32], new Float32Array(128))]]);
  expect(() => weightSource(plain, 'q4')).toThrow(/has none \(F32\). Use 'q8' or 'fp32'/);
  const source = weightSource(plain, 'fp32');
  expect(() => source.get('u')).toThrow(/no weight 'u'/);
  expect(() => source.get('w', [32])).toThrow(/shape \[4, 32\]; the model needs \[32\]/);
  expect(() => source.linear(input('x', 'float32', ['rows', 64]), 'w')).toThrow(/does not multiply rows of 64/);
});

test.each([
  ['fp32', 1e-5],
  ['q8', 0.05],
] as const)(
  'a matrix that the checkpoint keeps as [in, out] is multiplied as %s, its bytes counted',
  async (form, bound) => {
    const [rows, columns] = [64, 96];
    const values = Float32Array.from({ length: rows * columns }, () => uniform() * 2 - 1);
    const weights = weightSource(new Map([['w', weightOf('w', [rows, columns], values)]]), form);
    const x = Float32Array.from({ length: rows }, () => uniform() * 2 - 1);
    const program = await runtime.compile({
      y: weights.linear(input('x', 'float32', [1, rows]), 'w', undefined, { layout: 'in-out' }),
    });
    const { y } = await program.run({ x: { dtype: 'float32', shape: [1, rows], data: x } });
    for (let column = 0; column < columns; column++) {
      let sum = 0;
      for (let row = 0; row < rows; row++) sum += x[row]! * values[row * columns + column]!;
      expect(Math.abs((y!.data as Float32Array)[column]! - sum)).toBeLessThan(bound);
    }
    // 4 bytes a weight, or 1 and a scale for 32.
    expect(weights.bytes).toBe(form === 'fp32' ? 4 * rows * columns : rows * columns + (4 * rows * columns) / 32);
    program.release();
  },
);
