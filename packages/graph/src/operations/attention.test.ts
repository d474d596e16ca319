import { describe, expect, it } from 'vitest';
import { constant, input, multiHeadAttention, rotaryEmbedding, type Tensor } from '../index.ts';
import { angles, plainAttention, plainRotation, toRows } from '../testing/attention.ts';
import { execute, type Feed, randomFeed } from '../testing/execute.ts';

const [heads, size] = [4, 16];
const ints = (dtype: 'int32' | 'int64', shape: number[], data: number[]): Feed => ({ dtype, shape, data });
const close = (actual: number[], expected: number[], digits = 5) => {
  expect(actual).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) expect(actual[i]).toBeCloseTo(value, digits);
};

const positions = 16;
const cosFeed: Feed = {
  dtype: 'float32',
  shape: [positions, size / 2],
  data: Array.from({ length: positions }, (_, p) => angles(p, size).map(Math.cos)).flat(),
};
const sinFeed: Feed = {
  dtype: 'float32',
  shape: [positions, size / 2],
  data: Array.from({ length: positions }, (_, p) => angles(p, size).map(Math.sin)).flat(),
};

describe('multiHeadAttention', () => {
  const features = heads * size;
  const [query, key, value] = [1, 2, 3].map((seed) => randomFeed([2, 3, features], seed));
  const rows = (feed: Feed | undefined, batch: number) => toRows(feed!.data, features).slice(batch * 3, batch * 3 + 3);

  it('hides padded keys', async () => {
    const { output } = multiHeadAttention(
      {
        query: input('query', 'float32', ['batch', 'sequence', features]),
        key: input('key', 'float32', ['batch', 'sequence', features]),
        value: input('value', 'float32', ['batch', 'sequence', features]),
        keyPaddingMask: input('mask', 'int32', ['batch', 'sequence']),
      },
      { heads, maskValue: -1e9 },
    );
    const mask = ints('int32', [2, 3], [1, 1, 1, 1, 1, 0]);
    const result = await execute({ output }, { query: query!, key: key!, value: value!, mask });
    const expected = [0, 1].flatMap((batch) =>
      plainAttention({
        heads,
        kvHeads: heads,
        size,
        query: rows(query, batch),
        key: rows(key, batch),
        value: rows(value, batch),
        bias: (_, __, k) => (mask.data[batch * 3 + k] === 1 ? 0 : -Infinity),
      }),
    );
    close(result.output!.data, expected.flat());
  });

  it('adds biases, runs one way and goes on from a past', async () => {
    const past = ['batch', heads, 'past', size];
    const { output, presentKey } = multiHeadAttention(
      {
        query: input('query', 'float32', ['batch', 'sequence', features]),
        key: input('key', 'float32', ['batch', 'sequence', features]),
        value: input('value', 'float32', ['batch', 'sequence', features]),
        attentionBias: input('bias', 'float32', ['batch', heads, 'sequence', 'total']),
        pastKey: input('pastKey', 'float32', past),
        pastValue: input('pastValue', 'float32', past),
      },
      { heads },
    );
    expect(presentKey!.shape).toEqual(['batch', heads, 'past+sequence', size]);
    const [pastKey, pastValue] = [randomFeed([2, heads, 2, size], 5), randomFeed([2, heads, 2, size], 6)];
    const bias = randomFeed([2, heads, 3, 5], 7);
    const result = await execute(
      { output, presentKey: presentKey! },
      { query: query!, key: key!, value: value!, bias, pastKey, pastValue },
    );
    const earlier = (feed: Feed, batch: number) =>
      [0, 1].map((t) =>
        Array.from({ length: features }, (_, i) => {
          const head = Math.floor(i / size);
          return feed.data[((batch * heads + head) * 2 + t) * size + (i % size)]!;
        }),
      );
    const expected = [0, 1].flatMap((batch) =>
      plainAttention({
        heads,
        kvHeads: heads,
        size,
        query: rows(query, batch),
        key: [...earlier(pastKey, batch), ...rows(key, batch)],
        value: [...earlier(pastValue, batch), ...rows(value, batch)],
        bias: (head, q, k) => bias.data[((batch * heads + head) * 3 + q) * 5 + k]!,
      }),
    );
    close(result.output!.data, expected.flat());
    expect(result.presentKey!.shape).toEqual([2, heads, 5, size]);
  });

  it('adds its bias to query, key and value', async () => {
    const [q, k, v] = ['query', 'key', 'value'].map((name) => input(name, 'float32', [2, 3, features])) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    const biases = [4, 5, 6].map((seed) => randomFeed([features], seed));
    const bias = constant(
      biases.flatMap(({ data }) => Array.from(data)),
      'float32',
    );
    const { output } = multiHeadAttention({ query: q, key: k, value: v, bias }, { heads });
    const result = await execute({ output }, { query: query!, key: key!, value: value! });
    const shifted = (feed: Feed | undefined, which: number) =>
      rows(feed, 0).map((row) => row.map((x, i) => x + biases[which]!.data[i]!));
    const expected = plainAttention({
      heads,
      kvHeads: heads,
      size,
      query: shifted(query, 0),
      key: shifted(key, 1),
      value: shifted(value, 2),
    });
    close(result.output!.data.slice(0, 3 * features), expected.flat());
  });

  it('is causal when unidirectional', async () => {
    const [q, k, v] = ['query', 'key', 'value'].map((name) => input(name, 'float32', [2, 3, features]));
    const { output } = multiHeadAttention({ query: q!, key: k!, value: v! }, { heads, unidirectional: true });
    const result = await execute({ output }, { query: query!, key: key!, value: value! });
    const expected = plainAttention({
      heads,
      kvHeads: heads,
      size,
      query: rows(query, 1),
      key: rows(key, 1),
      value: rows(value, 1),
      bias: (_, a, b) => (b > a ? -Infinity : 0),
    });
    close(result.output!.data.slice(3 * features), expected.flat());
  });
});

describe('rotaryEmbedding', () => {
  it('rotates every head to its position, in both layouts', async () => {
    const at = [7, 0, 3];
    const cos = input('cos', 'float32', [positions, size / 2]);
    const sin = input('sin', 'float32', [positions, size / 2]);
    const ids = input('positions', 'int64', [1, 3]);
    const flat = randomFeed([1, 3, 2 * size], 8);
    const rows = toRows(flat.data, 2 * size).map((row, i) => plainRotation(row, at[i]!, size));
    const byHead = (data: number[][]) =>
      [0, 1].flatMap((head) => data.flatMap((row) => row.slice(head * size, (head + 1) * size)));
    const result = await execute(
      {
        flatOutput: rotaryEmbedding(input('flat', 'float32', [1, 3, 2 * size]), ids, cos, sin, { heads: 2 }),
        splitOutput: rotaryEmbedding(input('split', 'float32', [1, 2, 3, size]), ids, cos, sin),
      },
      {
        cos: cosFeed,
        sin: sinFeed,
        positions: ints('int64', [1, 3], at),
        flat,
        split: { dtype: 'float32', shape: [1, 2, 3, size], data: byHead(toRows(flat.data, 2 * size)) },
      },
    );
    close(result.flatOutput!.data, rows.flat());
    close(result.splitOutput!.data, byHead(rows));
  });
});
