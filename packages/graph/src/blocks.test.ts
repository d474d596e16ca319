import { describe, expect, it } from 'vitest';
import {
  add,
  concat,
  type DataType,
  gather,
  gatherElements,
  gradient,
  groupQueryAttention,
  input,
  logSoftmax,
  matmul,
  matrixTranspose,
  mul,
  neg,
  quickGelu,
  reduceMean,
  rmsNorm,
  scatterElements,
  skipRmsNorm,
  type Tensor,
  unsqueeze,
  zerosLike,
} from './index.ts';
import { angles } from './testing/attention.ts';
import {
  type BertBlockWeights,
  bertBlock,
  bertShape,
  type LlamaBlockWeights,
  llamaBlock,
  llamaShape,
} from './testing/blocks.ts';
import { compile, execute, type Feed, randomFeed } from './testing/execute.ts';
import { checkGradients } from './testing/finite-differences.ts';

const ids = (shape: number[], data: number[]): Feed => ({ dtype: 'int64', shape, data });
const vector = (size: number, seed: number, dtype: DataType): Feed => {
  const feed = randomFeed([size], seed, dtype, 0.3);
  return { ...feed, data: Array.from(feed.data, (value) => 1 + value) };
};

function rotations(sequence: number, size: number, dtype: DataType): [Feed, Feed] {
  const table = (f: (x: number) => number): Feed => ({
    dtype,
    shape: [sequence, size / 2],
    data: Array.from({ length: sequence }, (_, p) => angles(p, size).map(f)).flat(),
  });
  return [table(Math.cos), table(Math.sin)];
}

function llamaFeeds(dtype: DataType, shape: typeof llamaShape): Record<keyof LlamaBlockWeights, Feed> {
  const { hidden, heads, kvHeads, size, inner, vocabulary } = shape;
  const matrix = (rows: number, columns: number, seed: number) => randomFeed([rows, columns], seed, dtype, 0.5);
  return {
    embedding: matrix(vocabulary, hidden, 1),
    norm1: vector(hidden, 2, dtype),
    query: matrix(hidden, heads * size, 3),
    key: matrix(hidden, kvHeads * size, 4),
    value: matrix(hidden, kvHeads * size, 5),
    output: matrix(heads * size, hidden, 6),
    norm2: vector(hidden, 7, dtype),
    gate: matrix(hidden, inner, 8),
    up: matrix(hidden, inner, 9),
    down: matrix(inner, hidden, 10),
  };
}

describe('whole blocks', () => {
  it('of a Llama: the gradient of the next-token loss with respect to every weight, by finite differences', async () => {
    const feeds = llamaFeeds('float64', llamaShape);
    const names = Object.keys(feeds) as (keyof LlamaBlockWeights)[];
    const loss = (...xs: Tensor[]) => {
      const weights = Object.fromEntries(names.map((name, i) => [name, xs[i]])) as unknown as LlamaBlockWeights;
      const [tokens, targets, cos, sin] = xs.slice(names.length) as [Tensor, Tensor, Tensor, Tensor];
      const logProbabilities = logSoftmax(llamaBlock(weights, tokens, cos, sin));
      return neg(reduceMean(gatherElements(logProbabilities, unsqueeze(targets, -1), -1)));
    };
    const [cos, sin] = rotations(3, llamaShape.size, 'float64');
    const data = [ids([2, 3], [1, 4, 1, 6, 0, 2]), ids([2, 3], [4, 1, 3, 0, 2, 6]), cos, sin];
    await checkGradients(loss, [...Object.values(feeds), ...data], {
      differentiate: [...names.keys()],
      shapes: [
        ...Object.values(feeds).map(({ shape }) => shape),
        ['batch', 'sequence'],
        ['batch', 'sequence'],
        ['sequence', llamaShape.size / 2],
        ['sequence', llamaShape.size / 2],
      ],
    });
  });

  it('of a BERT: the gradient of sentence embeddings with respect to every weight, by finite differences', async () => {
    const { hidden, inner, vocabulary, positions } = bertShape;
    const matrix = (rows: number, columns: number, seed: number) => randomFeed([rows, columns], seed, 'float64', 0.5);
    const pairs: [keyof BertBlockWeights, Feed, Feed][] = [
      ['norm0', vector(hidden, 1, 'float64'), vector(hidden, 2, 'float64')],
      ['query', matrix(hidden, hidden, 3), vector(hidden, 4, 'float64')],
      ['key', matrix(hidden, hidden, 5), vector(hidden, 6, 'float64')],
      ['value', matrix(hidden, hidden, 7), vector(hidden, 8, 'float64')],
      ['output', matrix(hidden, hidden, 9), vector(hidden, 10, 'float64')],
      ['norm1', vector(hidden, 11, 'float64'), vector(hidden, 12, 'float64')],
      ['inner', matrix(hidden, inner, 13), vector(inner, 14, 'float64')],
      ['outer', matrix(inner, hidden, 15), vector(hidden, 16, 'float64')],
      ['norm2', vector(hidden, 17, 'float64'), vector(hidden, 18, 'float64')],
    ];
    const tables = [matrix(vocabulary, hidden, 19), matrix(positions, hidden, 20)];
    const embed = (...xs: Tensor[]) => {
      const [words, table, tokens, places, mask, ...rest] = xs as [Tensor, Tensor, Tensor, Tensor, Tensor, ...Tensor[]];
      const parts = Object.fromEntries(pairs.map(([name], i) => [name, [rest[2 * i], rest[2 * i + 1]]]));
      return bertBlock({ words, positions: table, ...parts } as BertBlockWeights, tokens, places, mask);
    };
    const mask: Feed = { dtype: 'float64', shape: [2, 3], data: [1, 1, 1, 1, 1, 0] };
    const feeds = [
      ...tables,
      ids([2, 3], [1, 4, 1, 6, 0, 2]),
      ids([3], [0, 1, 2]),
      mask,
      ...pairs.flatMap(([, a, b]) => [a, b]),
    ];
    await checkGradients(embed, feeds, {
      differentiate: [0, 1, ...pairs.flatMap((_, i) => [5 + 2 * i, 6 + 2 * i])],
      shapes: feeds.map(({ shape }, i) =>
        i === 2 || i === 4 ? ['batch', 'sequence'] : i === 3 ? ['sequence'] : shape,
      ),
    });
  });

  it('of a Llama: the fused inference form computes what the training form does', async () => {
    const shape = { hidden: 32, heads: 4, kvHeads: 2, size: 16, inner: 24, vocabulary: 11 };
    const feeds = llamaFeeds('float32', shape);
    const w = Object.fromEntries(
      Object.entries(feeds).map(([name, feed]) => [name, input(name, 'float32', feed.shape)]),
    ) as unknown as LlamaBlockWeights;
    const tokens = input('ids', 'int64', [1, 'sequence']);
    const [cos, sin] = ['cos', 'sin'].map((name) => input(name, 'float32', ['sequence', shape.size / 2])) as [
      Tensor,
      Tensor,
    ];

    const x = gather(w.embedding, tokens);
    const packed = matmul(rmsNorm(x, w.norm1), concat([w.query, w.key, w.value], 1));
    const attention = groupQueryAttention(
      {
        query: packed,
        sequenceLengths: input('lengths', 'int32', [1]),
        totalLength: input('total', 'int32', [1]),
        cos,
        sin,
      },
      { heads: shape.heads, kvHeads: shape.kvHeads },
    );
    const { output: h, sum } = skipRmsNorm(x, matmul(attention.output, w.output), w.norm2);
    const z = add(sum, matmul(mul(quickGelu(matmul(h, w.gate), 1), matmul(h, w.up)), w.down));
    const fused = matmul(z, matrixTranspose(w.embedding));

    const [cosFeed, sinFeed] = rotations(5, shape.size, 'float32');
    const result = await execute(
      { fused, plain: llamaBlock(w, tokens, cos, sin, shape) },
      {
        ...feeds,
        ids: ids([1, 5], [1, 4, 10, 6, 0]),
        lengths: { dtype: 'int32', shape: [1], data: [4] },
        total: { dtype: 'int32', shape: [1], data: [5] },
        cos: cosFeed,
        sin: sinFeed,
      },
    );
    expect(result.fused!.shape).toEqual([1, 5, shape.vocabulary]);
    for (const [i, value] of result.plain!.data.entries()) expect(result.fused!.data[i]).toBeCloseTo(value, 4);
  });
});

describe('the gradient of gather', () => {
  it('is ScatterElements with add, not ScatterND', () => {
    const table = input('table', 'float32', [50, 16]);
    const [g] = gradient(reduceMean(gather(table, input('rows', 'int64', ['n']))), [table]);
    expect(g!.op.rule.name).toBe('scatterElements');
  });

  it('adds 2,048 rows onto 50 indices with the same bits, twenty times, on two threads', async () => {
    const [rows, width] = [2048, 288];
    const table = input('table', 'float32', [50, width]);
    const where = input('where', 'int64', [rows, width]);
    const updates = input('updates', 'float32', [rows, width]);
    const sum = scatterElements(zerosLike(table), where, updates, { axis: 0, reduction: 'add' });
    const program = await compile({ sum }, { threads: 2 });
    const values = randomFeed([rows, width], 1);
    const index = ids(
      [rows, width],
      Array.from({ length: rows * width }, (_, i) => (Math.floor(i / width) * 7) % 50),
    );
    const expected = new Float64Array(50 * width);
    for (let i = 0; i < rows * width; i++)
      expected[index.data[i]! * width + (i % width)]! += Math.fround(values.data[i]!);
    let first: number[] | undefined;
    for (let repeat = 0; repeat < 20; repeat++) {
      const { sum: result } = await program.run({ where: index, updates: values });
      if (first) expect(result!.data.every((value, i) => value === first![i])).toBe(true);
      else first = result!.data;
    }
    // Nothing is lost: the sums are those of plain addition.
    const worst = Math.max(...first!.map((value, i) => Math.abs(value - expected[i]!)));
    expect(worst).toBeLessThan(1e-4);
    await program.release();
  });
});
