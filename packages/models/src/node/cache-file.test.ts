import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDecoder } from '../generation/decoder.ts';
import type { SlotCache, SlotCacheOptions } from '../generation/slot-types.ts';
import type { KVCache } from '../generation/types.ts';
import { factsOf } from '../testing/model-facts.ts';
import { randomLlama, tinyLlama } from '../testing/random-checkpoint.ts';
import type { DecoderModel } from '../types.ts';
import { loadCache, saveCache } from './cache-file.ts';

const runtime = createRuntime();
const folder = await mkdtemp(join(tmpdir(), 'caches-'));
let model: DecoderModel;
beforeAll(async () => {
  model = await createDecoder({ ...factsOf(tinyLlama, randomLlama(tinyLlama, 3), runtime), sha256: 'abc' });
});
afterAll(async () => {
  model.close();
  runtime.close();
  await rm(folder, { recursive: true });
});

const tokens = (count: number, seed: number) =>
  Array.from({ length: count }, (_, i) => (i * 31 + seed * 13 + ((i * i) % 17)) % 96);

/** The likeliest tokens that follow, each row by itself. */
async function continued(cache: SlotCache | KVCache, rows: number, count: number): Promise<number[][]> {
  const texts: number[][] = Array.from({ length: rows }, () => []);
  let ids = new Array<number>(rows).fill(5);
  for (let i = 0; i < count; i++) {
    const next = await model.step(cache as KVCache, ids);
    ids = ids.map((_, row) => {
      const logits = next.logits(row);
      return logits.indexOf(Math.max(...logits));
    });
    for (const [row, text] of texts.entries()) text.push(ids[row]!);
  }
  return texts;
}

const path = join(folder, 'cache.safetensors');

test('a cache in order goes on from a file as it would have', async () => {
  const [cache, again] = [model.createCache(64, 2), model.createCache(80, 2)];
  for (const row of [0, 1]) await model.prefill(cache.view(row), tokens(20 + row, row));
  await saveCache(path, cache, model);
  await loadCache(path, again, model);
  expect(again.lengths).toEqual(cache.lengths);
  expect(await continued(again, 2, 12)).toEqual(await continued(cache, 2, 12));
  const short = model.createCache(8, 2);
  await expect(loadCache(path, short, model)).rejects.toThrow(/20 tokens of row 0.*do not fit into a cache of 8/);
  for (const one of [cache, again, short]) one.release();
});

const kinds: [string, SlotCacheOptions, ((cache: SlotCache) => void)?][] = [
  ['left-padded rows', { capacity: 64, rows: 2 }],
  ['a ring with a pinned start that has gone round', { ring: { pinned: 3, window: 12 }, rows: 2 }],
  ['a ring of unrotated keys', { ring: { pinned: 2, window: 16 }, keys: 'unrotated', rows: 2 }],
  [
    'sliced',
    { capacity: 64, rows: 2 },
    (cache) => {
      for (const row of [0, 1]) cache.drop(row, cache.held(row).slots.slice(4, 11));
    },
  ],
  [
    'sliced in each head',
    { capacity: 64, rows: 2, heads: 'apart' },
    (cache) => {
      for (let layer = 0; layer < cache.layers; layer++) {
        for (let head = 0; head < cache.kvHeads; head++) {
          const of = { layer, head };
          for (const row of [0, 1]) cache.drop(row, cache.held(row, of).slots.slice(layer, 5 + 2 * head), of);
        }
      }
    },
  ],
  [
    'at other positions',
    { capacity: 64, rows: 2, keys: 'unrotated' },
    (cache) => cache.reposition(1, (place) => place / 2, 30.5),
  ],
];

describe.each(kinds)('%s', (_, options, change) => {
  test('goes on from a file as it would have', async () => {
    const [cache, again] = [model.createSlotCache(options), model.createSlotCache(options)];
    await model.prefill(cache, [tokens(40, 1), tokens(23, 2)]);
    change?.(cache);
    await saveCache(path, cache, model);
    await model.prefill(again, [tokens(9, 8), tokens(7, 9)]); // what it held before is gone
    await loadCache(path, again, model);
    expect(again.lengths).toEqual(cache.lengths);
    expect(again.read(1)).toEqual(cache.read(1));
    expect(await continued(again, 2, 12)).toEqual(await continued(cache, 2, 12));
    for (const one of [cache, again]) one.release();
  });
});

test('files of another model, of other options and damaged ones are refused', async () => {
  const cache = model.createSlotCache({ capacity: 32 });
  await model.prefill(cache, tokens(20, 1));
  await saveCache(path, cache, model);
  const whole = await readFile(path);
  await expect(loadCache(path, cache, { ...model, sha256: 'other' })).rejects.toThrow(
    /sha256 abc\); this model is test/,
  );
  const others: [SlotCache | KVCache, RegExp][] = [
    [model.createSlotCache({ ring: { pinned: 1, window: 31 } }), /holds a cache that is .*this one is .*ring/],
    [model.createCache(32), /this one is "in order"/],
    [model.createSlotCache({ capacity: 32, rows: 2 }), /no lengths of type I64 and shape \[2\]/],
    [model.createSlotCache({ capacity: 8 }), /hold 20, 20 tokens; this cache holds from 0 to 8/],
  ];
  for (const [other, sentence] of others) {
    await expect(loadCache(path, other, model)).rejects.toThrow(sentence);
    other.release();
  }
  const changed = async (name: string, change: (bytes: Buffer, start: number) => void) => {
    const bytes = Buffer.from(whole);
    const headerBytes = Number(bytes.readBigUInt64LE(0));
    const header = JSON.parse(bytes.subarray(8, 8 + headerBytes).toString());
    change(bytes, 8 + headerBytes + header[name].data_offsets[0]);
    await writeFile(path, bytes);
    return expect(loadCache(path, cache, model)).rejects;
  };
  const before = cache.read();
  await (await changed('0.places.1', (bytes, at) => bytes.writeBigInt64LE(7n, at))).toThrow(/Places must rise/);
  await (await changed('0.positions.0', (bytes, at) => bytes.writeDoubleLE(Number.NaN, at))).toThrow(/finite number/);
  await (await changed('0.counts.0', (bytes, at) => bytes.writeBigInt64LE(-1n, at))).toThrow(/hold -1, 20 tokens/);
  await (await changed('lengths', (bytes, at) => bytes.writeBigInt64LE(-1n, at))).toThrow(/has had -1 tokens/);
  await (await changed('lengths', (bytes, at) => bytes.writeBigInt64LE(3n, at))).toThrow(/below the 3 tokens/);
  expect(cache.read()).toEqual(before);
  await truncate(path, 3000);
  await expect(loadCache(path, cache, model)).rejects.toThrow(/safetensors|bytes/);
  cache.release();
});
