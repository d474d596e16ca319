import { input } from '@working-papers/graph';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, describe, expect, test } from 'vitest';
import { dequantise } from '../formats/index.ts';
import type { WeightTensor } from '../formats/types.ts';
import { seededUniform } from '../generation/sampling.ts';
import { weightOf } from '../testing/random-checkpoint.ts';
import { packBlocks, quantiseEightBit } from './blocks.ts';
import { weightSource } from './weight-source.ts';

const runtime = createRuntime();
afterAll(() => runtime.close());
const uniform = seededUniform(4);
/** float16 bits of 2^-6 to 2^-5, as scales are. */
const scaleBits = () => 0x2400 + Math.floor(uniform() * 1024);

function blockTensor(name: string, type: 'Q4_0' | 'Q4_1' | 'Q8_0', rows: number, columns: number): WeightTensor {
  const stride = { Q4_0: 18, Q4_1: 20, Q8_0: 34 }[type];
  const bytes = new Uint8Array((rows * columns * stride) / 32).map(() => Math.floor(uniform() * 256));
  const view = new DataView(bytes.buffer);
  for (let from = 0; from < bytes.length; from += stride) {
    view.setUint16(from, scaleBits(), true);
    if (type === 'Q4_1') view.setUint16(from + 2, 0x8000 | (scaleBits() + 2048), true);
  }
  return {
    ...weightOf(name, [rows, columns], new Float32Array(rows * columns)),
    type,
    byteLength: bytes.length,
    bytes: async () => bytes,
    bytesSync: () => bytes,
  };
}

const columns = 128;
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

describe.each(['Q4_0', 'Q4_1', 'Q8_0'] as const)('%s', (type) => {
  const tensor = blockTensor('w', type, 8, columns);
  const other = blockTensor('v', type, 4, columns);

  test('packing keeps every weight exactly', () => {
    const values = dequantise(type, tensor.bytesSync(), tensor.count);
    const packed = packBlocks(type, tensor.bytesSync(), tensor.count);
    for (let i = 0; i < tensor.count; i++) {
      const block = i >> 5;
      const stored = packed.bits === 4 ? ((packed.values[i >> 1]! >> (4 * (i & 1))) & 15) - 8 : packed.values[i]! - 128;
      expect(stored * packed.scales[block]! + (packed.offsets?.[block] ?? 0)).toBeCloseTo(values[i]!, 6);
    }
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

test('an 8-bit table gives its rows exactly and is shared with a tied head', async () => {
  const table = blockTensor('table', 'Q8_0', 50, columns);
  const source = weightSource(
    new Map([
      ['table', table],
      ['four', blockTensor('four', 'Q4_0', 1, 32)],
    ]),
    'q4',
  );
  const ids = input('ids', 'int64', ['rows', 'sequence']);
  const embedded = source.embedding(ids, 'table');
  const before = source.bytes;
  const program = await runtime.compile({ embedded, head: source.linear(embedded, 'table') });
  expect(source.bytes).toBe(before);
  const answer = await program.run({ ids: { dtype: 'int64', shape: [1, 2], data: BigInt64Array.of(7n, 49n) } });
  const values = dequantise('Q8_0', table.bytesSync(), table.count);
  expect(Array.from(answer.embedded!.data as Float32Array)).toEqual(
    [7, 49].flatMap((id) => Array.from(values.subarray(id * columns, (id + 1) * columns))),
  );
});

test('floats become 8 bits within half a step', () => {
  const values = Float32Array.from({ length: 96 }, (_, i) => (i < 64 ? uniform() - 0.5 : 0));
  const { values: bytes, scales } = quantiseEightBit(values);
  for (let i = 0; i < 96; i++) {
    expect(Math.abs((bytes[i]! - 128) * scales[i >> 5]! - values[i]!)).toBeLessThanOrEqual(scales[i >> 5]! * 0.5001);
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
