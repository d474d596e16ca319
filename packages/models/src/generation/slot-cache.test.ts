import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { architectures } from '../architectures/index.ts';
import { alibiPositions } from '../architectures/positions.ts';
import { fixturesOf, readFixture } from '../testing/fixture.ts';
import { llamaInDouble } from '../testing/forward-in-double.ts';
import { factsOf } from '../testing/model-facts.ts';
import { randomLlama, tinyLlama } from '../testing/random-checkpoint.ts';
import type { DecoderModel } from '../types.ts';
import { createDecoder } from './decoder.ts';
import type { SlotCache, SlotCacheOptions } from './slot-types.ts';

const runtime = createRuntime();
const tensors = randomLlama(tinyLlama, 3);
let model: DecoderModel;
beforeAll(async () => {
  model = await createDecoder(factsOf(tinyLlama, tensors, runtime));
});
afterAll(() => {
  model.close();
  runtime.close();
});

const tokens = (count: number, seed = 7) =>
  Array.from({ length: count }, (_, i) => (i * 31 + seed * 13 + ((i * i) % 17)) % 96);
const distance = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]!)), Math.abs(a.length - b.length));

type Sees = (query: number, key: number, layer: number, head: number) => boolean;
type Distance = (query: number, key: number, layer: number, head: number) => number;
const expected = (ids: readonly number[], sees: Sees, apart: Distance = (query, key) => query - key) =>
  llamaInDouble(tinyLlama, tensors, ids, { sees: (i, j, ...of) => j <= i && sees(i, j, ...of), distance: apart })
    .logits;

/** The logits of the last tokens: a prompt at once, then the rest one by one. */
async function follow(cache: SlotCache, ids: readonly number[], prompt: number): Promise<Float32Array[]> {
  const logits = [(await model.prefill(cache, ids.slice(0, prompt))).logits(0)];
  for (const id of ids.slice(prompt)) logits.push((await model.step(cache, [id])).logits(0));
  return logits;
}

async function expectFollows(options: SlotCacheOptions, ids: readonly number[], prompt: number, wanted: number[][]) {
  const cache = model.createSlotCache(options);
  const before = cache.bytes;
  for (const [i, logits] of (await follow(cache, ids, prompt)).entries()) {
    expect(distance(logits, wanted[prompt - 1 + i]!), `token ${prompt - 1 + i}`).toBeLessThan(5e-4);
  }
  expect(cache.bytes).toBe(before);
  expect(cache.lengths).toEqual([ids.length]);
  cache.release();
}

describe('ring', () => {
  const [pinned, window] = [3, 8];
  const ids = tokens(60);
  const seesRing: Sees = (i, j) => j < pinned || i - j < window;

  test.each(['rotated', 'unrotated'] as const)('keys %s: distances as in the text', async (keys) => {
    await expectFollows({ ring: { pinned, window }, keys, distances: 'text' }, ids, 41, expected(ids, seesRing));
  });

  test.each(['rotated', 'unrotated'] as const)('keys %s: distances in the cache (StreamingLLM)', async (keys) => {
    const inCache: Distance = (i, j) => (j < pinned ? Math.min(i, pinned + window - 1) - j : i - j);
    await expectFollows({ ring: { pinned, window }, keys }, ids, 41, expected(ids, seesRing, inCache));
  });

  test.each(['rotated', 'unrotated'] as const)('keys %s: distances with a maximum (LM-Infinite)', async (keys) => {
    const options = { ring: { pinned, window }, keys, distances: { maximum: 9 } };
    await expectFollows(
      options,
      ids,
      41,
      expected(ids, seesRing, (i, j) => Math.min(i - j, 9)),
    );
  });

  test('a maximum shorter than the window, and without a ring', async () => {
    const clipped = { keys: 'unrotated', distances: { maximum: 5 } } as const;
    await expectFollows(
      { ring: { pinned, window }, ...clipped },
      ids,
      41,
      expected(ids, seesRing, (i, j) => Math.min(i - j, 5)),
    );
    await expectFollows(
      { capacity: 60, ...clipped },
      ids,
      41,
      expected(
        ids,
        () => true,
        (i, j) => Math.min(i - j, 5),
      ),
    );
  });

  test('without pinned tokens it is a sliding window; a text within it is attended whole', async () => {
    await expectFollows(
      { ring: { pinned: 0, window } },
      ids,
      41,
      expected(ids, (i, j) => i - j < window),
    );
    await expectFollows(
      { ring: { pinned: 2, window: 64 } },
      ids,
      41,
      expected(ids, () => true),
    );
  });

  test('a text many times longer than the context: distances stay within it, and memory stays as it was', async () => {
    const small = { ...tinyLlama, max_position_embeddings: 16 };
    const long = await createDecoder(factsOf(small, tensors, runtime));
    const text = tokens(100);
    const wanted = expected(text, seesRing, (i, j) => (j < pinned ? Math.min(i, pinned + window - 1) - j : i - j));
    for (const keys of ['rotated', 'unrotated'] as const) {
      const cache = long.createSlotCache({ ring: { pinned, window }, keys });
      const next = await long.prefill(cache, text);
      expect(distance(next.logits(), wanted.at(-1)!)).toBeLessThan(5e-4);
      expect(cache.held().places).toEqual([0, 1, 2, 93, 94, 95, 96, 97, 98, 99]);
      cache.release();
    }
    const generation = long.generate({
      ids: text,
      maxTokens: 40,
      stopAtEnd: false,
      cache: { ring: { pinned, window } },
    });
    let made = await generation.next();
    while (!made.done) made = await generation.next();
    expect(made.value).toMatchObject({ finish: 'length', promptTokens: text });
    expect(made.value.tokens).toHaveLength(40);
    const whole = [...text, ...made.value.tokens];
    const inCache = expected(whole, seesRing, (i, j) => (j < pinned ? Math.min(i, pinned + window - 1) - j : i - j));
    for (const [step, id] of made.value.tokens.entries()) {
      const row = inCache[text.length - 1 + step]!;
      expect(row[id]!).toBeGreaterThan(Math.max(...row) - 1e-3);
    }
    await expect(long.generateBatch([{ ids: [1], maxTokens: 1, cache: { ring: { pinned, window } } }])).rejects.toThrow(
      /alone/,
    );
    const prefixes = long.createPrefixCache(1 << 20);
    await expect(
      long.generate({ ids: text, maxTokens: 1, prefixes, cache: { ring: { pinned, window } } }).next(),
    ).rejects.toThrow(/not both/);
    long.close();
  });

  test('an ended run leaves the ring as it was', async () => {
    const cache = model.createSlotCache({ ring: { pinned, window } });
    await model.prefill(cache, ids.slice(0, 30));
    await expect(model.prefill(cache, [1, 2], { signal: AbortSignal.abort() })).rejects.toThrow();
    for (let i = 0; i < 10; i++) {
      const controller = new AbortController();
      const pass = model.step(cache, [i], { signal: controller.signal });
      controller.abort();
      await expect(pass).rejects.toThrow();
      expect(cache.lengths).toEqual([30]);
      expect(cache.held().places).toEqual([0, 1, 2, 23, 24, 25, 26, 27, 28, 29]);
    }
    cache.truncate(0, 29);
    expect(() => cache.truncate(0, 10)).toThrow(/written over.*by 1 tokens at most/);
    const wanted = expected(ids, seesRing, (i, j) => (j < pinned ? Math.min(i, pinned + window - 1) - j : i - j));
    const next = await model.prefill(cache, ids.slice(29, 45));
    expect(distance(next.logits(), wanted[44]!)).toBeLessThan(5e-4);
    cache.release();
  });
});

describe('selection', () => {
  const ids = tokens(30);

  test.each([
    ['rotated', 'text'],
    ['unrotated', 'text'],
    ['unrotated', 'cache'],
  ] as const)('keys %s, distances %s: what is dropped is seen no more', async (keys, distances) => {
    const gone = (i: number, j: number) => (i >= 20 && j % 3 === 1 && j < 20) || (i >= 25 && j >= 21 && j < 24);
    const sees: Sees = (i, j) => !gone(i, j);
    const rank = (i: number, j: number) =>
      Array.from({ length: i - j }, (_, d) => i - d).filter((k) => sees(i, k, 0, 0)).length;
    const wanted = expected(ids, sees, distances === 'cache' ? rank : undefined);
    const cache = model.createSlotCache({ capacity: 25, keys, distances });
    await model.prefill(cache, ids.slice(0, 20));
    const at = (test: (place: number) => boolean) => {
      const { slots, places } = cache.held();
      return slots.filter((_, i) => test(places[i]!));
    };
    cache.drop(
      0,
      at((place) => place % 3 === 1),
    );
    const next = await model.prefill(cache, ids.slice(20, 25));
    expect(distance(next.logits(), wanted[24]!)).toBeLessThan(5e-4);
    cache.keep(
      0,
      at((place) => place < 21 || place >= 24),
    );
    for (let t = 25; t < 29; t++) {
      expect(distance((await model.step(cache, [ids[t]!])).logits(), wanted[t]!)).toBeLessThan(5e-4);
    }
    expect(cache.held().places).toEqual(Array.from(ids.keys()).filter((j) => j < 29 && !gone(28, j)));
    expect(() => cache.drop(0, [24])).not.toThrow();
    expect(() => cache.drop(0, [99])).toThrow(/Slot 99 of row 0 holds nothing/);
    cache.release();
  });

  test.each(['text', 'cache'] as const)(
    'each head of each layer can hold other tokens, distances %s',
    async (distances) => {
      const cache = model.createSlotCache({ capacity: 40, keys: 'unrotated', distances, heads: 'apart' });
      const sees: Sees = (i, j, layer, head) => i < 20 || j >= 20 || j % (2 + layer + 2 * head) === 0;
      const rank: Distance = (i, j, ...of) =>
        Array.from({ length: i - j }, (_, d) => i - d).filter((k) => sees(i, k, ...of)).length;
      await model.prefill(cache, ids.slice(0, 20));
      for (let layer = 0; layer < 2; layer++) {
        for (let head = 0; head < 2; head++) {
          const { slots, places } = cache.held(0, { layer, head });
          cache.keep(
            0,
            slots.filter((_, i) => places[i]! % (2 + layer + 2 * head) === 0),
            { layer, head },
          );
        }
      }
      const wanted = expected(ids, sees, distances === 'cache' ? rank : undefined);
      const smaller = model.createSlotCache({ capacity: 20, keys: 'unrotated', distances, heads: 'apart', rows: 2 });
      smaller.copy(1, cache);
      smaller.load(0, cache.read());
      for (let t = 20; t < 25; t++) {
        expect(distance((await model.step(cache, [ids[t]!])).logits(), wanted[t]!)).toBeLessThan(5e-4);
        const both = await model.step(smaller, [ids[t]!, ids[t]!]);
        for (const row of [0, 1]) expect(distance(both.logits(row), wanted[t]!)).toBeLessThan(5e-4);
      }
      expect(() => cache.held()).toThrow(/name the layer and the head/);
      for (const one of [cache, smaller]) one.release();
    },
  );

  test('any real positions, also given to keys that are held', async () => {
    const positions = ids.map((_, i) => (i < 10 ? i / 4 : 2.5 + (i - 10) * 1.5));
    const cache = model.createSlotCache({ capacity: 40, keys: 'unrotated' });
    await model.prefill(cache, ids.slice(0, 12), { positions: positions.slice(0, 12) });
    const moved = (place: number) => (place < 12 ? place * 0.75 : positions[place]!);
    cache.reposition(0, moved, positions[12]!);
    // What the held keys are made of was computed at the first positions, and they are met at the later ones.
    const apart: Distance = (i, j) => (i < 12 ? positions[i]! - positions[j]! : positions[i]! - moved(j));
    const wanted = expected(ids, () => true, apart);
    const next = await model.prefill(cache, ids.slice(12), { positions: positions.slice(12) });
    expect(distance(next.logits(), wanted.at(-1)!)).toBeLessThan(5e-4);
    cache.release();
  });
});

test('rows of uneven length are aligned right, and an empty one stays as it is', async () => {
  const prompts = [tokens(300, 1), tokens(5, 2), tokens(1, 3), []];
  const cache = model.createSlotCache({ capacity: 310, rows: 4 });
  const first = await model.prefill(cache, prompts);
  expect(cache.lengths).toEqual([300, 5, 1, 0]);
  const wanted = (ids: readonly number[]) => llamaInDouble(tinyLlama, tensors, ids).logits.at(-1)!;
  for (const row of [0, 1, 2]) expect(distance(first.logits(row), wanted(prompts[row]!))).toBeLessThan(5e-4);
  const next = await model.step(cache, [11, 12, 13, 14]);
  for (const [row, prompt] of prompts.entries()) {
    expect(distance(next.logits(row), wanted([...prompt, 11 + row]))).toBeLessThan(5e-4);
    const { ids } = await next.likeliest!(1, row);
    expect(ids[0]).toBe(next.ids[row]);
  }
  cache.release();
});

test('a cache of tokens in order is copied into slots', async () => {
  const ids = tokens(40);
  const inOrder = model.createCache(30);
  await model.prefill(inOrder, ids.slice(0, 30));
  const ring = model.createSlotCache({ ring: { pinned: 2, window: 16 }, distances: 'text', rows: 2 });
  ring.copy(1, inOrder);
  ring.load(0, ring.read(1));
  const sees: Sees = (i, j) => i < 30 || j < 2 || i - j < 16;
  const wanted = expected(ids, sees);
  for (let t = 30; t < 40; t++) {
    const next = await model.step(ring, [ids[t]!, ids[t]!]);
    for (const row of [0, 1]) expect(distance(next.logits(row), wanted[t]!)).toBeLessThan(5e-4);
  }
  const unrotated = model.createSlotCache({ capacity: 40, keys: 'unrotated' });
  expect(() => unrotated.copy(0, inOrder)).toThrow(/held rotated do not fit a cache of unrotated/);
  for (const one of [inOrder, ring, unrotated]) one.release();
});

test('probabilities over slots are shown, a column a slot; nothing dropped has any', async () => {
  const shown: ArrayLike<number>[] = [];
  const name = 'blocks.1.attention.probabilities';
  const watched = await model.instrument({
    names: [name],
    onActivations: ({ activations }) => void shown.push(activations[name]!.data as Float32Array),
  });
  const cache = watched.createSlotCache({ capacity: 12 });
  await watched.prefill(cache, tokens(8));
  cache.drop(0, [2, 5]);
  await watched.step(cache, [9]);
  const step = Array.from(shown.at(-1)!);
  expect(step).toHaveLength(4 * cache.slots); // [1, heads, 1, slots]
  const { slots } = cache.held();
  for (let head = 0; head < 4; head++) {
    const row = step.slice(head * cache.slots, (head + 1) * cache.slots);
    for (const [slot, value] of row.entries()) expect(value > 0).toBe(slots.includes(slot));
    expect(row.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5);
  }
  cache.release();
  watched.close();
});

const decoders = architectures.filter(({ kind }) => kind === 'decoder').flatMap(({ types }) => fixturesOf(types));

test.each(decoders)('%s: uneven rows over slots give the logits of transformers', async (name) => {
  const { config, tensors, inputs, outputs } = readFixture(name);
  const decoder = await createDecoder(factsOf(config, tensors, runtime));
  const ids = inputs.ids!;
  const length = ids[0]!.length;
  const vocabulary = outputs.logits!.shape[2]!;
  const logitsAt = (row: number, place: number) =>
    outputs.logits!.data.subarray((row * length + place) * vocabulary, (row * length + place + 1) * vocabulary);
  const embedded = config.model_type === 'gpt2';
  for (const keys of embedded ? (['rotated'] as const) : (['rotated', 'unrotated'] as const)) {
    const cache = decoder.createSlotCache({ capacity: length, rows: 2, keys });
    let next = await decoder.prefill(cache, [ids[0]!.slice(0, 7), ids[1]!.slice(0, 4)]);
    for (let step = 0; ; step++) {
      expect(distance(next.logits(0), logitsAt(0, 6 + step))).toBeLessThan(1e-4);
      expect(distance(next.logits(1), logitsAt(1, 3 + step))).toBeLessThan(1e-4);
      if (7 + step === length) break;
      next = await decoder.step(cache, [ids[0]![7 + step]!, ids[1]![4 + step]!]);
    }
    cache.release();
  }
  if (embedded) {
    const cache = decoder.createSlotCache({ ring: { pinned: 1, window: 4 } });
    await expect(
      decoder.prefill(
        cache,
        Array.from({ length: 65 }, () => 1),
      ),
    ).rejects.toThrow(/position 64; this model's positions are whole numbers below 64/);
    expect(() => decoder.createSlotCache({ capacity: 8, keys: 'unrotated' })).toThrow(
      /positions are in the embeddings/,
    );
    expect(() => decoder.createSlotCache({ capacity: 8, distances: 'cache' })).toThrow(/only distances: 'text'/);
    cache.release();
  }
  decoder.close();
});

test('ALiBi over slots: distances of the text, of the cache and with a maximum', async () => {
  const alibi = await createDecoder(factsOf(tinyLlama, tensors, runtime), { parts: { positions: alibiPositions(4) } });
  const ids = tokens(24);
  const plain = alibi.createCache(24);
  const whole = await alibi.prefill(plain, ids);
  const wide = alibi.createSlotCache({ capacity: 24 });
  expect(distance((await alibi.prefill(wide, ids)).logits(), whole.logits())).toBeLessThan(1e-4);
  // Nothing is beyond the maximum, or beyond the window: all three are the same.
  for (const distances of ['text', 'cache', { maximum: 30 }] as const) {
    const ring = alibi.createSlotCache({ ring: { pinned: 2, window: 30 }, distances });
    expect(distance((await alibi.prefill(ring, ids)).logits(), whole.logits())).toBeLessThan(1e-4);
    ring.release();
  }
  const clipped = alibi.createSlotCache({ capacity: 24, distances: { maximum: 1 } });
  expect(distance((await alibi.prefill(clipped, ids)).logits(), whole.logits())).toBeGreaterThan(1e-3);
  expect(() => alibi.createSlotCache({ capacity: 8, keys: 'unrotated' })).toThrow(/added to the scores/);
  expect(() => alibi.createSlotCache({ capacity: 8, heads: 'apart' })).toThrow(/same for all heads/);
  for (const one of [plain, wide, clipped]) one.release();
  alibi.close();
});

test.each([
  [{}, /capacity or a ring/],
  [{ capacity: 8, ring: { pinned: 1, window: 4 } }, /one of the two/],
  [{ ring: { pinned: 4, window: 0 } }, /at least 1 token, so that a token sees itself, beside its 4 pinned/],
  [{ ring: { pinned: -1, window: 4 } }, /pinned tokens of a ring must be a whole number of at least 0; got -1/],
  [{ ring: { pinned: 1000, window: 100 } }, /longer than the model's context of 1024/],
  [{ ring: { pinned: 1, window: 4 }, heads: 'apart' }, /same places in every head/],
  [{ capacity: 2000 }, /2000 tokens is longer than the model's context of 1024/],
  [{ capacity: 8, distances: 'cache' }, /choose keys: 'unrotated'/],
  [{ capacity: 8, distances: { maximum: 4 } }, /choose keys: 'unrotated'/],
  [
    { capacity: 8, keys: 'unrotated', distances: { maximum: 0 } },
    /maximum of the distances must be .* at least 1; got 0/,
  ],
  [{ capacity: 8, keys: 'unrotated', distances: { maximum: 2000 } }, /beyond the model's context of 1024/],
  [{ capacity: 8, rows: 0 }, /rows of a cache must be a whole number of at least 1/],
] as [SlotCacheOptions, RegExp][])('what makes no sense fails when it is made: %#', (options, message) => {
  expect(() => model.createSlotCache(options)).toThrow(message);
});

test('what does not fit is named', async () => {
  const cache = model.createSlotCache({ capacity: 4 });
  await expect(model.prefill(cache, tokens(5))).rejects.toThrow(/holds 4 tokens, 0 are taken in row 0 and 5 were/);
  await expect(model.prefill(cache, [[1], [2]])).rejects.toThrow(/has 1 rows; tokens were given for 2/);
  await expect(model.prefill(cache, [1, 2], { positions: [1] })).rejects.toThrow(/2 tokens and 1 positions/);
  await expect(model.prefill(cache, [])).rejects.toThrow(/no token to compute/);
  const ring = model.createSlotCache({ ring: { pinned: 1, window: 4 } });
  await expect(model.prefill(ring, [1], { positions: [4] })).rejects.toThrow(/positions follow from what is held/);
  expect(() => cache.reposition(0, () => 0)).toThrow(/give the cache keys: 'unrotated'/);
  const inOrder = model.createCache(8);
  await expect(model.prefill(inOrder, [[1], [2]])).rejects.toThrow(/createSlotCache/);
  await expect(model.step(inOrder, [1], { positions: [4] })).rejects.toThrow(/a token stands at its place/);
  for (const one of [cache, ring, inOrder]) one.release();
});
