import { describe, expect, it } from 'vitest';
import { groupQueryAttention, input, type Tensor } from '../index.ts';
import { angles, plainAttention, plainRotation, toRows } from '../testing/attention.ts';
import { execute, type Feed, randomFeed } from '../testing/execute.ts';

const [heads, kvHeads, size] = [4, 2, 16];
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

describe('groupQueryAttention', () => {
  const width = (heads + 2 * kvHeads) * size;
  const packed = (row: number[]) => ({
    q: row.slice(0, heads * size),
    k: row.slice(heads * size, (heads + kvHeads) * size),
    v: row.slice((heads + kvHeads) * size),
  });

  /** A prompt of five tokens, then one step, in one cache of twelve. */
  it('continues a prompt from its cache, as attention over everything does', async () => {
    const capacity = 12;
    const query = input('query', 'float32', [1, 'sequence', width]);
    const cache = [1, kvHeads, 'capacity', size];
    const { output, presentKey, presentValue } = groupQueryAttention(
      {
        query,
        pastKey: input('pastKey', 'float32', cache),
        pastValue: input('pastValue', 'float32', cache),
        sequenceLengths: input('lengths', 'int32', [1]),
        totalLength: input('total', 'int32', [1]),
        cos: input('cos', 'float32', ['positions', size / 2]),
        sin: input('sin', 'float32', ['positions', size / 2]),
      },
      { heads, kvHeads },
    );
    expect(output.shape).toEqual([1, 'sequence', heads * size]);
    expect(presentKey.shape).toEqual(cache);
    const tokens = toRows(randomFeed([6, width], 4).data, width);
    const zeros = (): Feed => ({
      dtype: 'float32',
      shape: [1, kvHeads, capacity, size],
      data: new Float32Array(kvHeads * capacity * size),
    });
    const run = (rows: number[][], total: number, pastKey: Feed, pastValue: Feed) =>
      execute(
        { output, presentKey, presentValue },
        {
          query: { dtype: 'float32', shape: [1, rows.length, width], data: rows.flat() },
          pastKey,
          pastValue,
          lengths: ints('int32', [1], [total - 1]),
          total: ints('int32', [1], [total]),
          cos: cosFeed,
          sin: sinFeed,
        },
      );
    const prompt = await run(tokens.slice(0, 5), 5, zeros(), zeros());
    const asFeed = (name: string): Feed => ({
      dtype: 'float32',
      shape: [1, kvHeads, capacity, size],
      data: prompt[name]!.data,
    });
    const step = await run(tokens.slice(5), 6, asFeed('presentKey'), asFeed('presentValue'));

    const rows = tokens.map(packed);
    const expected = plainAttention({
      heads,
      kvHeads,
      size,
      query: rows.map(({ q }, p) => plainRotation(q, p, size)),
      key: rows.map(({ k }, p) => plainRotation(k, p, size)),
      value: rows.map(({ v }) => v),
      bias: (_, q, k) => (k > q ? -Infinity : 0),
    });
    close(prompt.output!.data, expected.slice(0, 5).flat());
    close(step.output!.data, expected[5]!);
  });

  /** Two tokens in the cache and four new ones, at positions with gaps. */
  it('takes positions, a bias and a window', async () => {
    const [before, sequence, capacity] = [2, 4, 8];
    const at = [3, 4, 9, 11];
    const window = 4;
    const cache = [1, kvHeads, capacity, size];
    const { output } = groupQueryAttention(
      {
        query: input('query', 'float32', [1, sequence, heads * size]),
        key: input('key', 'float32', [1, sequence, kvHeads * size]),
        value: input('value', 'float32', [1, sequence, kvHeads * size]),
        pastKey: input('pastKey', 'float32', cache),
        pastValue: input('pastValue', 'float32', cache),
        sequenceLengths: input('lengths', 'int32', [1]),
        totalLength: input('total', 'int32', [1]),
        cos: input('cos', 'float32', [positions, size / 2]),
        sin: input('sin', 'float32', [positions, size / 2]),
        positionIds: input('positions', 'int64', [1, sequence]),
        attentionBias: input('bias', 'float32', [1, heads, sequence, before + sequence]),
      },
      { heads, kvHeads, scale: 0.5, window },
    );
    const [query, key, value, pastKey, pastValue] = [heads, kvHeads, kvHeads]
      .map((n, i) => randomFeed([1, sequence, n * size], i + 1))
      .concat([randomFeed(cache, 5), randomFeed(cache, 6)]) as [Feed, Feed, Feed, Feed, Feed];
    const total = before + sequence;
    const bias = randomFeed([1, heads, sequence, total], 4);
    const { output: result } = await execute(
      { output },
      {
        query,
        key,
        value,
        pastKey,
        pastValue,
        bias,
        lengths: ints('int32', [1], [total - 1]),
        total: ints('int32', [1], [total]),
        positions: ints('int64', [1, sequence], at),
        cos: cosFeed,
        sin: sinFeed,
      },
    );
    const cached = (feed: Feed) =>
      [0, 1].map((t) =>
        Array.from({ length: kvHeads * size }, (_, i) => {
          return feed.data[(Math.floor(i / size) * capacity + t) * size + (i % size)]!;
        }),
      );
    const expected = plainAttention({
      heads,
      kvHeads,
      size,
      scale: 0.5,
      query: toRows(query.data, heads * size).map((row, i) => plainRotation(row, at[i]!, size)),
      key: [...cached(pastKey), ...toRows(key.data, kvHeads * size).map((row, i) => plainRotation(row, at[i]!, size))],
      value: [...cached(pastValue), ...toRows(value.data, kvHeads * size)],
      bias: (head, q, k) => {
        const visible = k <= before + q && k > before + q - window;
        return visible ? bias.data[(head * sequence + q) * total + k]! : -Infinity;
      },
    });
    close(result!.data, expected.flat());
  });

  it('lets heads attend to nothing, and bounds scores', async () => {
    const sequence = 4;
    const [softcap, sinks] = [0.7, [0.5, -1, 2, 0]];
    const named = Object.fromEntries(
      ['query', 'key', 'value'].map((name, i) => [
        name,
        input(name, 'float32', [1, sequence, (i ? kvHeads : heads) * size]),
      ]),
    ) as Record<'query' | 'key' | 'value', Tensor>;
    const lengths = { sequenceLengths: input('lengths', 'int32', [1]), totalLength: input('total', 'int32', [1]) };
    const headSink = input('sink', 'float32', [heads]);
    const feeds = {
      query: randomFeed([1, sequence, heads * size], 1),
      key: randomFeed([1, sequence, kvHeads * size], 2),
      value: randomFeed([1, sequence, kvHeads * size], 3),
      lengths: ints('int32', [1], [sequence - 1]),
      total: ints('int32', [1], [sequence]),
      sink: { dtype: 'float32', shape: [heads], data: sinks } as Feed,
    };
    const result = await execute(
      {
        sunk: groupQueryAttention({ ...named, ...lengths, headSink }, { heads, kvHeads }).output,
        capped: groupQueryAttention({ ...named, ...lengths }, { heads, kvHeads, softcap }).output,
      },
      feeds,
    );
    const plain = {
      heads,
      kvHeads,
      size,
      query: toRows(feeds.query.data, heads * size),
      key: toRows(feeds.key.data, kvHeads * size),
      value: toRows(feeds.value.data, kvHeads * size),
    };
    // A sink is a key with the head's own score and a value of nothing: here a fifth key that every query sees.
    const nothing = new Array<number>(kvHeads * size).fill(0);
    const sunk = plainAttention({
      ...plain,
      key: [...plain.key, nothing],
      value: [...plain.value, nothing],
      bias: (head, q, k) => (k === sequence ? sinks[head]! : k > q ? -Infinity : 0),
    });
    close(result.sunk!.data, sunk.flat());
    const capped = plainAttention({
      ...plain,
      cap: (score) => softcap * Math.tanh(score / softcap),
      bias: (_, q, k) => (k > q ? -Infinity : 0),
    });
    close(result.capped!.data, capped.flat());
  });

  it('names what does not fit', () => {
    const query = input('q', 'float32', [1, 's', 90]);
    const lengths = { sequenceLengths: input('l', 'int32', [1]), totalLength: input('t', 'int32', []) };
    expect(() => groupQueryAttention({ query, ...lengths }, { heads: 4, kvHeads: 2 })).toThrow(
      'groupQueryAttention: 90 features do not divide into 8 heads',
    );
    const key = input('k', 'float32', [1, 's', 10]);
    const even = input('e', 'float32', [1, 's', 32]);
    expect(() => groupQueryAttention({ query: even, key, value: key, ...lengths }, { heads: 4, kvHeads: 2 })).toThrow(
      'key must have the shape [1, s, 16]; got [1, s, 10]',
    );
    expect(() => groupQueryAttention({ query: even, key, ...lengths }, { heads: 4, kvHeads: 2 })).toThrow('in pairs');
    const long = { ...lengths, sequenceLengths: input('l', 'int64', [1]) };
    expect(() => groupQueryAttention({ query: even, ...long }, { heads: 2, kvHeads: 1 })).toThrow(
      'sequenceLengths must be int32; got int64 [1]',
    );
  });
});
