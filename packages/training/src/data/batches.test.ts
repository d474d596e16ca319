import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  batchOf,
  batchSource,
  bucketed,
  chunked,
  collected,
  grouped,
  ignored,
  listed,
  maskTokens,
  packed,
  padded,
  partOf,
  type Sequence,
  splitByFraction,
  splitByGroup,
  tensorsOf,
} from './index.ts';

const numbers = (cells: BigInt64Array | undefined) => Array.from(cells!, Number);
/** Texts whose tokens are all different, so that each can be found again. */
const textsOf = (lengths: readonly number[]): Sequence[] => {
  let next = 100;
  return lengths.map((length) => ({ ids: Array.from({ length }, () => next++) }));
};
const lengths = fc.array(fc.nat({ max: 20 }), { maxLength: 40 });
const capacity = fc.integer({ min: 1, max: 12 });

describe('texts end to end', () => {
  it('are all there, cut every so many tokens, with the separator behind each', async () => {
    await fc.assert(
      fc.asyncProperty(lengths, capacity, async (lengths, length) => {
        const texts = textsOf(lengths);
        const sequences = await collected(chunked(listed(texts), { length, separator: 1 }));
        expect(sequences.flatMap(({ ids }) => ids)).toEqual(texts.flatMap(({ ids }) => [...ids, 1]));
        for (const { ids } of sequences.slice(0, -1)) expect(ids).toHaveLength(length);
        const whole = await collected(chunked(listed(texts), { length, separator: 1, last: 'drop' }));
        expect(whole).toEqual(sequences.filter(({ ids }) => ids.length === length));
      }),
    );
  });

  it('as segments begin anew, and their first tokens are not learnt', async () => {
    const texts = [{ ids: [5, 6] }, { ids: [7, 8, 9], labels: [ignored, 8, 9] }, { ids: [3] }];
    const sequences = await collected(chunked(listed(texts), { length: 4, separator: 0, segments: true }));
    expect(sequences).toMatchObject([
      { ids: [5, 6, 0, 7], labels: [ignored, 6, 0, ignored], segments: [1, 1, 1, 2], positions: [0, 1, 2, 0] },
      { ids: [8, 9, 0, 3], labels: [ignored, 9, 0, ignored], segments: [1, 1, 1, 2], positions: [0, 1, 2, 0] },
      { ids: [0], labels: [ignored], segments: [1], positions: [0] },
    ]);
  });

  it('keep their labels', async () => {
    const texts = [
      { ids: [5, 6], special: [1, 0] },
      { ids: [7, 8], labels: [ignored, 8] },
    ];
    const [sequence] = await collected(chunked(listed(texts), { length: 9, separator: 0 }));
    expect(sequence).toEqual({
      ids: [5, 6, 0, 7, 8, 0],
      labels: [5, 6, 0, ignored, 8, 0],
      special: [1, 0, 1, 0, 0, 1],
    });
  });
});

describe('packed texts', () => {
  it('are whole where they fit, each token once, no sequence too long, and no two that would fit one', async () => {
    await fc.assert(
      fc.asyncProperty(lengths, capacity, fc.integer(), async (lengths, length, seed) => {
        const texts = textsOf(lengths);
        const sequences = await collected(packed(listed(texts), { length, seed }));
        const pieces = sequences.flatMap(({ ids, segments, positions, labels }) => {
          expect(ids.length).toBeLessThanOrEqual(length);
          const found = new Map<number, number[]>();
          for (const [place, segment] of segments!.entries()) {
            const piece = found.get(segment) ?? [];
            found.set(segment, piece);
            expect(positions![place]).toBe(piece.length);
            expect(labels![place]).toBe(piece.length === 0 ? ignored : ids[place]);
            piece.push(ids[place]!);
          }
          return [...found.values()];
        });
        const wanted = texts.flatMap(({ ids }) =>
          Array.from({ length: Math.ceil(ids.length / length) }, (_, part) =>
            ids.slice(part * length, (part + 1) * length),
          ),
        );
        expect(pieces.toSorted((a, b) => a[0]! - b[0]!)).toEqual(wanted);
        // Any fit: of two rows one was opened while what it holds did not fit the other.
        const loads = sequences.map(({ ids }) => ids.length).sort((a, b) => a - b);
        if (loads.length > 1) expect(loads[0]! + loads[1]!).toBeGreaterThan(length);
      }),
    );
  });

  it('best fit: the example of 6 5 4 3 2 in rows of ten', async () => {
    const sequences = await collected(packed(listed(textsOf([2, 3, 4, 5, 6])), { length: 10, seed: 0 }));
    const rows = sequences.map(({ positions }) => positions!.flatMap((place, at) => (place === 0 ? [at] : [])));
    expect(rows.map(String).sort()).toEqual(['0,5,8', '0,6']);
  });

  it('with a class of their own are refused', async () => {
    await expect(collected(packed(listed([{ ids: [1], label: 0 }]), { length: 4, seed: 0 }))).rejects.toThrow(
      /class of its own cannot be packed/,
    );
  });
});

describe('a batch', () => {
  const rows: Sequence[] = [{ ids: [1, 2, 3] }, { ids: [4] }];

  it('is padded on the right or the left, to a length or a multiple', () => {
    const right = batchOf(rows, { padId: 9, multipleOf: 4 });
    expect([right.rows, right.length, right.classes]).toEqual([2, 4, false]);
    expect(numbers(right.ids)).toEqual([1, 2, 3, 9, 4, 9, 9, 9]);
    expect(numbers(right.mask)).toEqual([1, 1, 1, 0, 1, 0, 0, 0]);
    expect(numbers(right.labels)).toEqual([1, 2, 3, ignored, 4, ignored, ignored, ignored]);
    expect(right.segments ?? right.positions ?? right.tokenTypes).toBeUndefined();
    const left = batchOf(rows, { side: 'left', length: 3 });
    expect(numbers(left.ids)).toEqual([1, 2, 3, 0, 0, 4]);
    expect(numbers(left.mask)).toEqual([1, 1, 1, 0, 0, 1]);
  });

  it('has one label a row where rows have a class, and what belongs to pairs and segments', () => {
    const classes = batchOf([
      { ids: [1, 2], typeIds: [0, 1], label: 1 },
      { ids: [3], typeIds: [0], label: 0 },
    ]);
    expect(numbers(classes.labels)).toEqual([1, 0]);
    expect(numbers(classes.tokenTypes)).toEqual([0, 1, 0, 0]);
    const segments = batchOf([
      { ids: [1, 2], segments: [1, 2], positions: [0, 0] },
      { ids: [3], segments: [1], positions: [0] },
    ]);
    expect(numbers(segments.segments)).toEqual([1, 2, 1, 0]);
    expect(numbers(segments.positions)).toEqual([0, 0, 0, 0]);
  });

  it('is refused with a sentence where rows are too long, differ in kind or there are none', () => {
    expect(() => batchOf(rows, { length: 2 })).toThrow(/has 3 tokens, and rows of 2 were asked for/);
    expect(() => batchOf([{ ids: [1], label: 1 }, { ids: [2] }])).toThrow(
      /Of the 2 sequences of a batch 1 have "label"/,
    );
    expect(() => batchOf([])).toThrow(/at least 1 sequence; got 0/);
    expect(() => grouped(listed([1]), 0)).toThrow(/at least 1 item; got 0/);
  });
});

describe('what the loop takes', () => {
  const make = () => padded(grouped(chunked(listed(textsOf([5, 9, 2])), { length: 3, segments: true }), 2));

  it('are the arrays of each batch by name, until there are no more, and again from where it was', async () => {
    const batches = await collected(make());
    const source = batchSource(make());
    const seen = [];
    const positions = [source.position()];
    for (let inputs = await source.next(); inputs; inputs = await source.next()) {
      seen.push(inputs);
      positions.push(source.position());
    }
    expect(seen).toEqual(batches.map(tensorsOf));
    expect(Object.keys(seen[0]!).sort()).toEqual(['ids', 'labels', 'mask', 'positions', 'segments']);
    expect(seen[0]!.ids).toEqual({ dtype: 'int64', shape: [2, 3], data: batches[0]!.ids });
    const later = batchSource(make(), JSON.parse(JSON.stringify(positions[1])));
    expect(await later.next()).toEqual(seen[1]);
    expect(() => batchSource(make(), { batches: 3 })).toThrow(/position is of the stage "undefined"/);
  });

  it('has a label a row where rows have a class', () => {
    const { labels, ids } = tensorsOf(batchOf([{ ids: [1], label: 4 }]));
    expect([labels!.shape, ids!.shape]).toEqual([[1], [1, 1]]);
  });
});

describe('buckets', () => {
  it('hold every sequence once, within rows and tokens', async () => {
    await fc.assert(
      fc.asyncProperty(
        lengths,
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 40 }),
        async (lengths, rows, tokens) => {
          const texts = textsOf(lengths);
          const groups = await collected(bucketed(listed(texts), { rows, tokens, seed: 3, buffer: 15 }));
          for (const group of groups) {
            expect(group.length).toBeLessThanOrEqual(rows);
            const most = Math.max(...group.map(({ ids }) => ids.length));
            if (group.length > 1) expect(most * group.length).toBeLessThanOrEqual(tokens);
          }
          const found = groups.flat().map(({ ids }) => String(ids));
          expect(found.sort()).toEqual(texts.map(({ ids }) => String(ids)).sort());
        },
      ),
    );
  });

  it('have far less padding than rows as they come', async () => {
    const texts = textsOf(Array.from({ length: 400 }, (_, index) => 1 + ((index * 37) % 100)));
    const paddingOf = (groups: readonly (readonly Sequence[])[]) =>
      groups
        .map((group) => batchOf(group).mask.filter((cell) => cell === 0n).length)
        .reduce((sum, count) => sum + count, 0);
    const plain = paddingOf(await collected(grouped(listed(texts), 8)));
    const sorted = paddingOf(await collected(bucketed(listed(texts), { rows: 8, seed: 1 })));
    expect(sorted).toBeLessThan(plain / 10);
  });
});

describe('masked tokens', () => {
  const length = 20_000;
  const options = { seed: 5, step: 3, maskId: 4, vocabularySize: 1000 };
  const text: Sequence = {
    ids: Array.from({ length }, (_, place) => 500 + (place % 100)),
    special: Array.from({ length }, (_, place) => (place % 10 === 0 ? 1 : 0)),
  };
  const { ids, labels } = maskTokens(text, options);

  it('are 15 % of those that are not special, 80 % mask, 10 % random, 10 % as they were', () => {
    const chosen = labels!.flatMap((label, place) => (label === ignored ? [] : [place]));
    for (const place of chosen) expect([labels![place], text.special![place]]).toEqual([text.ids[place], 0]);
    for (const [place, id] of ids.entries()) if (labels![place] === ignored) expect(id).toBe(text.ids[place]);
    const shareOf = (test: (place: number) => boolean) => chosen.filter(test).length / chosen.length;
    // 18,000 tokens: within five deviations (0.27 %, then 0.8 % of about 2,700).
    expect(Math.abs(chosen.length / 18_000 - 0.15)).toBeLessThan(0.0135);
    expect(Math.abs(shareOf((place) => ids[place] === 4) - 0.8)).toBeLessThan(0.04);
    expect(Math.abs(shareOf((place) => ids[place] === text.ids[place]) - 0.1)).toBeLessThan(0.03);
    const random = chosen
      .filter((place) => ids[place] !== 4 && ids[place] !== text.ids[place])
      .map((place) => ids[place]!);
    expect(Math.abs(random.filter((id) => id < 500).length / random.length - 0.5)).toBeLessThan(0.16);
    expect(random.every((id) => id >= 0 && id < 1000)).toBe(true);
  });

  it('are the same for a seed and a step, and others for another', () => {
    expect(maskTokens(text, options)).toEqual({ ...text, ids, labels });
    const both = (other: typeof options) =>
      maskTokens(text, other).labels!.filter((label, place) => label !== ignored && labels![place] !== ignored).length;
    for (const other of [
      { ...options, step: 4 },
      { ...options, seed: 6 },
    ])
      expect(Math.abs(both(other) / 18_000 - 0.15 ** 2)).toBeLessThan(0.006);
  });

  it('hang on their place alone, whatever follows', () => {
    const start = maskTokens({ ids: text.ids.slice(0, 50), special: text.special!.slice(0, 50) }, options);
    expect(start.ids).toEqual(ids.slice(0, 50));
    expect(() => maskTokens(text, { ...options, share: 0 })).toThrow(/above 0 and at most 1; got 0/);
  });
});

describe('splits', () => {
  const shares = { train: 0.8, validation: 0.1, test: 0.1 };

  it('by group keep a group together, by key alone', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 3 })), fc.integer(), (keys, seed) => {
        const parts = splitByGroup(keys, (key) => key, shares, seed);
        expect(Object.keys(parts)).toEqual(Object.keys(shares));
        expect(Object.values(parts).flat().sort()).toEqual(keys.toSorted());
        const groups = Object.values(parts).map((part) => new Set(part));
        expect(groups.reduce((sum, { size }) => sum + size, 0)).toBe(new Set(keys).size);
        for (const [name, part] of Object.entries(parts))
          for (const key of part) expect(partOf(key, shares, seed)).toBe(name);
      }),
    );
  });

  it('by group have their shares of many groups', () => {
    const keys = Array.from({ length: 10_000 }, (_, index) => `patient-${index}`);
    const { train, validation, test } = splitByGroup(keys, (key) => key, shares, 1);
    expect(Math.abs(train!.length - 8_000)).toBeLessThan(200);
    expect(Math.abs(validation!.length - 1_000)).toBeLessThan(150);
    const other = new Set(splitByGroup(keys, (key) => key, shares, 2).test);
    expect(Math.abs(test!.filter((key) => other.has(key)).length - 100)).toBeLessThan(50);
  });

  it('by fraction have their shares to the nearest item, each item once', () => {
    fc.assert(
      fc.property(fc.nat({ max: 200 }), fc.integer(), (count, seed) => {
        const items = Array.from({ length: count }, (_, index) => index);
        const parts = splitByFraction(items, { a: 0.5, b: 0.25, c: 0.25 }, seed);
        expect(
          Object.values(parts)
            .flat()
            .sort((x, y) => x - y),
        ).toEqual(items);
        expect(parts.a).toHaveLength(Math.round(count / 2));
        expect(Math.abs(parts.b!.length - count / 4)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('are refused where the shares are no whole', () => {
    expect(() => partOf('a', { train: 0.8, test: 0.1 }, 0)).toThrow(/adds up to 0\.9/);
    expect(() => splitByFraction([1], { train: 1.5, test: -0.5 }, 0)).toThrow(/at least 0 and add up to 1/);
  });
});
