/** A stream left at any item and taken up from its position, in a pipeline made anew, gives the rest as it would have come. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Batch,
  bucketed,
  chunked,
  collected,
  expanded,
  filtered,
  grouped,
  ignored,
  listed,
  mapped,
  maskTokens,
  onlyPart,
  type Position,
  packed,
  padded,
  repeated,
  type Sequence,
  type Stream,
  shuffled,
  shuffledBuffers,
} from './index.ts';

const texts = fc.array(
  fc.array(fc.integer({ min: 2, max: 99 }), { maxLength: 14 }).map((ids): Sequence => ({ ids })),
  { maxLength: 24 },
);
const settings = fc.record({
  seed: fc.integer(),
  length: fc.integer({ min: 1, max: 12 }),
  rows: fc.integer({ min: 1, max: 4 }),
  buffer: fc.integer({ min: 1, max: 9 }),
  epochs: fc.integer({ min: 1, max: 3 }),
  keep: fc.boolean(),
});
type Settings = typeof settings extends fc.Arbitrary<infer S> ? S : never;

const masking = { maskId: 1, vocabularySize: 100, share: 0.4 };

const pipelines: Record<string, (texts: readonly Sequence[], settings: Settings) => Stream<Batch | Sequence[]>> = {
  'end to end': (texts, { length, rows, keep }) =>
    padded(grouped(chunked(listed(texts), { length, separator: 0, last: keep ? 'keep' : 'drop' }), rows)),
  'shuffled, end to end as segments, over epochs': (texts, { seed, length, rows, epochs }) => {
    const all = repeated(epochs, (epoch) => shuffled(texts, { seed, epoch }));
    return padded(grouped(chunked(all, { length, segments: true }), rows, { last: 'drop' }), { length, padId: 7 });
  },
  'shuffled in buffers, packed': (texts, { seed, length, rows, buffer }) => {
    const mixed = shuffledBuffers(listed(texts), { seed, items: buffer });
    return padded(grouped(packed(mixed, { length, buffer: buffer + 1, seed }), rows));
  },
  'packed in every epoch': (texts, { seed, length, buffer, epochs }) =>
    padded(
      grouped(
        repeated(epochs, (epoch) => packed(shuffled(texts, { seed, epoch }), { length, buffer, seed, epoch })),
        2,
      ),
    ),
  'shuffled in buffers, masked, in buckets': (texts, { seed, rows, buffer, epochs, length }) => {
    const all = repeated(epochs, (epoch) => shuffledBuffers(listed(texts), { seed, epoch, items: buffer }));
    const masked = mapped(all, (sequence, step) => maskTokens(sequence, { ...masking, seed, step }));
    return padded(bucketed(masked, { seed, rows, buffer, tokens: 2 * length }), { multipleOf: 4 });
  },
  'buffers of a weight, parts, several of each': (texts, { seed, rows, length }) => {
    const weighed = shuffledBuffers(listed(texts), {
      seed,
      items: 8,
      weigh: { of: ({ ids }) => ids.length, most: 20 },
    });
    const part = onlyPart(weighed, ({ ids }) => ids.length % 5, { part: 'a', shares: { a: 0.7, b: 0.3 }, seed });
    const cut = expanded(part, ({ ids }) => [{ ids: ids.slice(0, length) }, { ids: ids.slice(length) }]);
    return grouped(
      filtered(cut, ({ ids }) => ids.length > 0),
      rows,
    );
  },
};

/** All items, and the position before each and behind the last. */
async function readWhole<T>(stream: Stream<T>): Promise<{ items: T[]; positions: Position[] }> {
  const reader = stream.from();
  const items: T[] = [];
  const positions = [reader.position()];
  for await (const item of reader) {
    items.push(item);
    positions.push(reader.position());
  }
  return { items, positions };
}

async function readRest<T>(stream: Stream<T>, position: Position): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream.from(JSON.parse(JSON.stringify(position)))) items.push(item);
  return items;
}

describe('a stream goes on where it was left', () => {
  it.each(Object.entries(pipelines))('%s', async (_, make) => {
    await fc.assert(
      fc.asyncProperty(texts, settings, async (texts, settings) => {
        const { items, positions } = await readWhole(make(texts, settings));
        for (const [count, position] of positions.entries()) {
          expect(JSON.stringify(position).length).toBeLessThan(600);
          expect(await readRest(make(texts, settings), position)).toEqual(items.slice(count));
        }
      }),
      { numRuns: 60 },
    );
  });

  it('with the positions that the whole would have had', async () => {
    const make = () => repeated(2, (epoch) => shuffledBuffers(listed([...'abcdefg']), { seed: 1, epoch, items: 3 }));
    const { positions } = await readWhole(make());
    const reader = make().from(positions[5]);
    const rest = [reader.position()];
    for await (const _ of reader) rest.push(reader.position());
    expect(rest).toEqual(positions.slice(5));
  });
});

describe('a position', () => {
  it('of other stages is refused', () => {
    const position = listed([1]).from().position();
    expect(() => shuffled([1], { seed: 0 }).from(position)).toThrow(/of the stage "list", and here stands "shuffle"/);
    expect(() => listed([1]).from(null as unknown as Position)).toThrow(/of the stage "undefined"/);
  });

  it('beyond the data is refused', async () => {
    const position = { stage: 'list', index: 4 };
    await expect(readRest(listed([1, 2, 3]), position)).rejects.toThrow(/"index": 4; it must be .* at most 3/);
    await expect(readRest(listed([1, 2, 3]), { stage: 'list', index: -1 })).rejects.toThrow(/"index": -1/);
    await expect(readRest(mapped(listed([1]), String), { stage: 'map', index: 0 })).rejects.toThrow(/no source/);
  });
});

describe('epochs', () => {
  it('have an order each, of the same items', async () => {
    const all = await collected(repeated(3, (epoch) => shuffled([...'abcdefghij'], { seed: 4, epoch })));
    const epochs = [0, 10, 20].map((start) => all.slice(start, start + 10));
    expect(new Set(epochs.map(String)).size).toBe(3);
    for (const epoch of epochs) expect(epoch.toSorted().join('')).toBe('abcdefghij');
  });

  it('without end end where there is nothing', async () => {
    const nothing = repeated(Number.POSITIVE_INFINITY, () => filtered(listed([1, 2]), () => false));
    await expect(collected(nothing)).rejects.toThrow(/Epoch 1 has nothing in it/);
  });
});

describe('the order of a buffer', () => {
  it('moves items within it and nowhere else', async () => {
    const items = Array.from({ length: 50 }, (_, index) => index);
    const mixed = await collected(shuffledBuffers(listed(items), { seed: 2, items: 10 }));
    for (let start = 0; start < 50; start += 10) {
      const buffer = mixed.slice(start, start + 10);
      expect(buffer.toSorted((a, b) => a - b)).toEqual(items.slice(start, start + 10));
      expect(buffer).not.toEqual(items.slice(start, start + 10));
    }
  });
});

it('a reader that is left early closes what it reads from', async () => {
  let open = 0;
  const source: Stream<number> = {
    from: () => {
      open++;
      let count = 0;
      return {
        position: () => ({ stage: 'list', index: count }),
        next: async () => ({ done: false, value: count++ }),
        return: async () => {
          open--;
          return { done: true, value: undefined };
        },
        [Symbol.asyncIterator]() {
          return this;
        },
      };
    },
  };
  const sequences = mapped(source, (id): Sequence => ({ ids: [id, id] }));
  const stream = padded(
    bucketed(
      packed(
        filtered(sequences, ({ ids }) => ids[0] !== 1),
        { length: 3, seed: 1, buffer: 5 },
      ),
      { seed: 1, rows: 2 },
    ),
  );
  const reader = stream.from(stream.from().position());
  open = 0;
  for await (const batch of reader) {
    expect(batch.labels.includes(BigInt(ignored))).toBe(true);
    break;
  }
  expect(open).toBe(0);
});
