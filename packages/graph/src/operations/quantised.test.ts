import { describe, expect, it } from 'vitest';
import {
  constant,
  dequantizeLinear,
  dynamicQuantizeMatMul,
  initializer,
  input,
  matMulInteger,
  matMulIntegerToFloat,
  matMulNBits,
  quantizeLinear,
} from '../index.ts';
import { evaluate, execute, type Feed, random, randomFeed } from '../testing/execute.ts';

const [inFeatures, outFeatures, blockSize] = [64, 5, 32];
const blocks = inFeatures / blockSize;

/** Random blocks of few bits: packed as the operation wants them, and the matrix they stand for. */
function quantisedWeight(bits: 4 | 8, seed: number, zeroPoints?: number[]) {
  const next = random(seed);
  const levels = 2 ** bits;
  const q = Array.from({ length: outFeatures * inFeatures }, () => Math.floor(((next() + 1) / 2) * levels));
  const scales = Float32Array.from({ length: outFeatures * blocks }, () => 0.01 + Math.abs(next()) / 10);
  const packed =
    bits === 8
      ? Uint8Array.from(q)
      : Uint8Array.from({ length: q.length / 2 }, (_, i) => q[2 * i]! | (q[2 * i + 1]! << 4));
  const weight = q.map((value, i) => {
    const block = Math.floor(i / blockSize);
    return (value - (zeroPoints?.[block] ?? levels / 2)) * scales[block]!;
  });
  return { packed, scales, weight };
}

function product(x: ArrayLike<number>, weight: number[], rows: number): number[] {
  const result: number[] = [];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < outFeatures; column++) {
      let sum = 0;
      for (let i = 0; i < inFeatures; i++) sum += x[row * inFeatures + i]! * weight[column * inFeatures + i]!;
      result.push(sum);
    }
  }
  return result;
}

function expectClose(actual: number[], expected: number[], relative: number) {
  const size = Math.max(...expected.map(Math.abs));
  expect(actual).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) expect(Math.abs(actual[i]! - value)).toBeLessThan(relative * size);
}

const bytes = (data: Uint8Array | Float32Array) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

describe('matMulNBits', () => {
  const x = input('x', 'float32', ['batch', 'sequence', inFeatures]);
  const feed = randomFeed([1, 3, inFeatures], 1);

  it.each([4, 8] as const)('multiplies by %s-bit blocks around their middle', async (bits) => {
    const { packed, scales, weight } = quantisedWeight(bits, 2);
    const y = matMulNBits(
      x,
      initializer('w', 'uint8', [outFeatures, blocks, (blockSize * bits) / 8], packed),
      initializer('scales', 'float32', [outFeatures * blocks], bytes(scales)),
      { inFeatures, outFeatures, bits, blockSize, accuracyLevel: 1 },
    );
    expect(y.shape).toEqual(['batch', 'sequence', outFeatures]);
    expectClose(await evaluate(y, { x: feed }), product(feed.data, weight, 3), 1e-5);
  });

  it('takes packed and floating-point zero points, and a bias', async () => {
    const points = [3, 9, 0, 15, 8, 7, 1, 2, 12, 4];
    const { packed, scales, weight } = quantisedWeight(4, 3, points);
    const w = initializer('w', 'uint8', [outFeatures, blocks, blockSize / 2], packed);
    const s = initializer('scales', 'float32', [outFeatures * blocks], bytes(scales));
    const nibbles = Uint8Array.from({ length: outFeatures }, (_, i) => points[2 * i]! | (points[2 * i + 1]! << 4));
    const options = { inFeatures, outFeatures, bits: 4, blockSize, accuracyLevel: 1 } as const;
    const bias = [1, 2, 3, 4, 5];
    const integers = matMulNBits(x, w, s, {
      ...options,
      zeroPoints: initializer('points', 'uint8', [outFeatures], nibbles),
      bias: initializer('bias', 'float32', [outFeatures], bytes(Float32Array.from(bias))),
    });
    const floats = matMulNBits(x, w, s, {
      ...options,
      zeroPoints: initializer('floatPoints', 'float32', [outFeatures * blocks], bytes(Float32Array.from(points))),
    });
    const result = await execute({ integers, floats }, { x: feed });
    const expected = product(feed.data, weight, 3);
    expectClose(
      result.integers!.data,
      expected.map((value, i) => value + bias[i % outFeatures]!),
      1e-5,
    );
    expectClose(result.floats!.data, expected, 1e-5);
  });

  it('rounds its input to bytes at accuracy level 4', async () => {
    const { packed, scales, weight } = quantisedWeight(4, 2);
    const y = matMulNBits(
      x,
      initializer('w', 'uint8', [outFeatures, blocks, blockSize / 2], packed),
      initializer('scales', 'float32', [outFeatures * blocks], bytes(scales)),
      { inFeatures, outFeatures, bits: 4, blockSize },
    );
    expectClose(await evaluate(y, { x: feed }), product(feed.data, weight, 3), 0.02);
  });

  it('names what does not fit', () => {
    const options = { inFeatures, outFeatures, bits: 4, blockSize } as const;
    const w = input('w', 'uint8', [outFeatures, blocks, 17]);
    const s = input('s', 'float32', [outFeatures * blocks]);
    expect(() => matMulNBits(x, w, s, options)).toThrow('the weight must be uint8 [5, 2, 16]; got uint8 [5, 2, 17]');
    expect(() => matMulNBits(x, w, s, { ...options, blockSize: 20 })).toThrow('must be 16, 32, 64, 128 or 256; got 20');
    expect(() => matMulNBits(input('y', 'float32', [3, 63]), w, s, options)).toThrow('must be inFeatures, 64');
  });
});

describe('products of bytes', () => {
  // Small enough in size that no processor saturates.
  const next = random(4);
  const a: Feed = {
    dtype: 'uint8',
    shape: [3, inFeatures],
    data: Array.from({ length: 3 * inFeatures }, () => Math.floor((next() + 1) * 127)),
  };
  const b: Feed = {
    dtype: 'int8',
    shape: [inFeatures, outFeatures],
    data: Array.from({ length: inFeatures * outFeatures }, () => Math.round(next() * 63)),
  };
  const transposed = Array.from(
    { length: outFeatures * inFeatures },
    (_, i) => b.data[(i % inFeatures) * outFeatures + Math.floor(i / inFeatures)]!,
  );
  const [left, right] = [input('a', 'uint8', [3, inFeatures]), input('b', 'int8', [inFeatures, outFeatures])];

  it('are exact in int32 and scale to floats', async () => {
    const centred = Array.from(a.data, (value) => value - 128);
    const expected = product(centred, transposed, 3);
    const scales = [0.5, 1, 2, 4, 8];
    const point = constant([128], 'uint8', []);
    const result = await execute(
      {
        integers: matMulInteger(left, right, point),
        floats: matMulIntegerToFloat(left, right, constant(0.25, 'float32', []), constant(scales, 'float32'), {
          aZeroPoint: point,
          bias: constant([1, 2, 3, 4, 5], 'float32'),
        }),
      },
      { a, b },
    );
    expect(result.integers!.data).toEqual(expected);
    expectClose(
      result.floats!.data,
      expected.map((value, i) => value * 0.25 * scales[i % outFeatures]! + (i % outFeatures) + 1),
      1e-6,
    );
  });

  it('are made of floats by rounding to bytes', async () => {
    const x = input('x', 'float32', ['rows', inFeatures]);
    const feed = randomFeed([3, inFeatures], 9);
    const scale = constant(0.01, 'float32', []);
    const y = dynamicQuantizeMatMul(x, right, scale);
    expect(y.shape).toEqual(['rows', outFeatures]);
    const expected = product(
      feed.data,
      transposed.map((value) => value * 0.01),
      3,
    );
    expectClose(await evaluate(y, { x: feed, b }), expected, 0.02);
  });

  it('quantise with halves to even, and back', async () => {
    const x = input('x', 'float32', [6]);
    const q = quantizeLinear(x, constant(0.5, 'float32', []), constant(128, 'uint8', []));
    const back = dequantizeLinear(q, constant(0.5, 'float32', []), constant(128, 'uint8', []));
    const feed: Feed = { dtype: 'float32', shape: [6], data: [0, 0.25, 0.75, -0.75, 100, -100] };
    const result = await execute({ q, back }, { x: feed });
    expect(result.q!.data).toEqual([128, 128, 130, 126, 255, 0]);
    expect(result.back!.data).toEqual([0, 0, 1, -1, 63.5, -64]);
  });
});
