import { describe, expect, it } from 'vitest';
import { bitwiseAnd, dropout, gradient, input, mul, murmurHash3, reduceSum, type Tensor, tanh } from '../index.ts';
import { count, execute, type Feed, optimisedKinds, randomFeed } from '../testing/execute.ts';

/** MurmurHash3_x86_32 of 8 bytes, the low ones first, after the public description. */
function murmur(value: bigint, seed = 0): number {
  const turn = (word: number, by: number) => (word << by) | (word >>> (32 - by));
  let h = seed;
  for (const block of [Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n))]) {
    h ^= Math.imul(turn(Math.imul(block, 0xcc9e2d51), 15), 0x1b873593);
    h = (Math.imul(turn(h, 13), 5) + 0xe6546b64) | 0;
  }
  h ^= 8;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

const key = input('key', 'int64', []);
const run = async (y: Record<string, Tensor>, feeds: Record<string, Feed>, seed: bigint | number) =>
  execute(y, { ...feeds, key: { dtype: 'int64', shape: [], data: [seed as number] } });
const ones = (shape: number[]): Feed => ({ dtype: 'float32', shape, data: new Array(count(shape)).fill(1) });

/** Which elements of a tensor of ones are kept. */
async function mask(shape: number[], rate: number, seed: bigint | number, names: (number | string)[] = shape) {
  const y = dropout(input('x', 'float32', names), rate, key);
  return (await run({ y }, { x: ones(shape) }, seed)).y!.data.map((value) => (value === 0 ? 0 : 1));
}

describe('murmurHash3', () => {
  it('is the hash of the public test vectors and of any 64 bits', async () => {
    // SMHasher's and Wikipedia's: 'test' with seeds 0 and 0x9747b28c.
    const x = input('x', 'int32', [1]);
    const test = { x: { dtype: 'int32' as const, shape: [1], data: [0x74736574] } };
    const seeded = await execute({ plain: murmurHash3(x), seeded: murmurHash3(x, 0x9747b28c) }, test);
    expect([seeded.plain!.data[0]! >>> 0, seeded.seeded!.data[0]! >>> 0]).toEqual([0xba6bd213, 0x704b81dc]);
    const values = [0n, 1n, 2n ** 32n, 123456789012345678n, -1n];
    const longs = input('x', 'int64', [5]);
    const found = await execute(
      { y: murmurHash3(longs) },
      { x: { dtype: 'int64', shape: [5], data: values as unknown as number[] } },
    );
    expect(found.y!.data).toEqual(values.map((value) => murmur(value)));
  });

  it('takes integers only, as bitwiseAnd does', async () => {
    expect(() => murmurHash3(input('x', 'float32', [1]))).toThrow('murmurHash3 takes int32 or int64; got float32 [1].');
    expect(() => bitwiseAnd(input('x', 'float32', [1]), 1)).toThrow('bitwiseAnd takes integers; got float32 [1].');
    const y = bitwiseAnd(input('x', 'int32', [3]), 0xff);
    const { y: found } = await execute({ y }, { x: { dtype: 'int32', shape: [3], data: [256, 511, -1] } });
    expect(found!.data).toEqual([0, 255, 255]);
  });
});

describe('dropout', () => {
  it.each([[[3, 4]], [[3, 5]], [[2, 3, 7]], [[5]], [[1]], [[]]])(
    'keeps what the hash says, shape %j',
    async (shape) => {
      const [seed, rate] = [987654321987654321n, 0.3];
      const dropped = Math.round(rate * 65536);
      const width = shape.at(-1) ?? 1;
      const half = Math.ceil(width / 2);
      const expected = Array.from({ length: count(shape) }, (_, i) => {
        const [row, column] = [Math.floor(i / width), i % width];
        const hash = murmur(seed + BigInt(row * half + (column % half)));
        return Number((column < half ? hash & 0xffff : (hash >> 16) + 0x8000) >= dropped);
      });
      expect(await mask(shape, rate, seed)).toEqual(expected);
      const named = shape.map((_, axis) => `d${axis}`);
      expect(await mask(shape, rate, seed, named)).toEqual(expected);
    },
  );

  it('drops at its rate, row by row and column by column', async () => {
    for (const rate of [0.1, 0.5, 0.9]) {
      const [rows, columns] = [200, 300];
      const kept = await mask([rows, columns], rate, 42n * 10n ** 15n);
      const deviations = (groups: number[][]) =>
        groups.map((group) => {
          const n = group.length;
          return (group.reduce((sum, bit) => sum + bit, 0) - n * (1 - rate)) / Math.sqrt(n * rate * (1 - rate));
        });
      const inRows = Array.from({ length: rows }, (_, r) => kept.slice(r * columns, (r + 1) * columns));
      const inColumns = Array.from({ length: columns }, (_, c) => inRows.map((row) => row[c]!));
      // Standard deviations from the rate: of all, and at most among hundreds (5 has a chance of 1 in a thousand).
      expect(Math.abs(deviations([kept])[0]!)).toBeLessThan(4);
      for (const groups of [inRows, inColumns]) {
        const away = deviations(groups);
        expect(Math.max(...away.map(Math.abs))).toBeLessThan(5);
        const variance = away.reduce((sum, z) => sum + z * z, 0) / away.length;
        expect(Math.abs(variance - 1)).toBeLessThan(4 * Math.sqrt(2 / away.length));
      }
    }
  });

  it('is independent between places, and between keys however near', async () => {
    const shape = [300, 200];
    const n = count(shape);
    const first = await mask(shape, 0.5, 5n);
    const agreement = (other: number[], shift = 0) => {
      let same = 0;
      for (let i = 0; i < n - shift; i++) same += Number(first[i + shift] === other[i]);
      return (same - (n - shift) / 2) / (Math.sqrt(n - shift) / 2);
    };
    // Its own neighbours, its other half, the row below.
    for (const shift of [1, 2, 99, 100, 101, 200])
      expect(Math.abs(agreement(first, shift)), `${shift}`).toBeLessThan(4);
    for (const seed of [6n, 2n ** 32n + 5n, 2n ** 61n + 5n]) {
      const other = await mask(shape, 0.5, seed);
      expect(Math.abs(agreement(other)), `${seed}`).toBeLessThan(4);
    }
  });

  it('divides what it keeps by the chance of being kept, and passes the gradient where it kept', async () => {
    for (const dtype of ['float32', 'float64'] as const) {
      const x = input('x', dtype, [4, 6]);
      const y = dropout(x, 0.25, key);
      const weights = input('w', dtype, [4, 6]);
      const [g] = gradient(reduceSum(mul(y, weights)), [x]);
      const feeds = { x: randomFeed([4, 6], 1, dtype), w: randomFeed([4, 6], 2, dtype) };
      const found = await run({ y, g: g! }, feeds, 77n);
      const kept = await mask([4, 6], 0.25, 77n);
      expect(kept).toContain(0);
      for (const [i, bit] of kept.entries()) {
        expect(found.y!.data[i]).toBeCloseTo((bit * feeds.x.data[i]!) / 0.75, 6);
        expect(found.g!.data[i]).toBeCloseTo((bit * feeds.w.data[i]!) / 0.75, 6);
      }
    }
  });

  it('has the same mask when it is computed again, from a hash of its own', async () => {
    const x = input('x', 'float64', [8, 8]);
    const y = tanh(dropout(tanh(x), 0.5, key));
    const loss = reduceSum(mul(y, y));
    const [kept] = gradient(loss, [x]);
    const [again] = gradient(loss, [x], { recompute: [{ from: [x], to: [y] }] });
    const feeds = { x: randomFeed([8, 8], 3, 'float64') };
    const found = await run({ kept: kept!, again: again! }, feeds, 123n);
    expect(found.again!.data).toEqual(found.kept!.data);
    expect(found.kept!.data).toContain(0);
    const hashes = async (g: Tensor) => (await optimisedKinds({ loss, g })).filter((kind) => kind === 'MurmurHash3');
    expect(await hashes(kept!)).toHaveLength(1);
    expect(await hashes(again!)).toHaveLength(2);
  });

  it('is nothing at rate 0, and refuses rates that are none and keys of another kind', () => {
    const x = input('x', 'float32', [2]);
    expect(dropout(x, 0, key)).toBe(x);
    for (const rate of [-0.1, 1, Number.NaN, 2]) {
      expect(() => dropout(x, rate, key)).toThrow(`the rate must be at least 0 and below 1; got ${rate}`);
    }
    expect(() => dropout(x, 0.5, input('k', 'int32', []))).toThrow('takes an int64 scalar as its key; got int32 []');
    expect(() => dropout(input('n', 'int64', [2]), 0.5, key)).toThrow('floating-point numbers; got int64 [2]');
  });
});
