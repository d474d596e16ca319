import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDecoder } from '../generation/decoder.ts';
import { factsOf } from '../testing/model-facts.ts';
import { randomLlama, tinyLlama } from '../testing/random-checkpoint.ts';
import type { DecoderModel } from '../types.ts';
import { loadPrefixes, savePrefixes } from './prefix-file.ts';

const runtime = createRuntime();
const folder = await mkdtemp(join(tmpdir(), 'prefixes-'));
let model: DecoderModel;
beforeAll(async () => {
  model = await createDecoder({ ...factsOf(tinyLlama, randomLlama(tinyLlama, 3), runtime), sha256: 'abc' });
});
afterAll(async () => {
  model.close();
  runtime.close();
  await rm(folder, { recursive: true });
});

test('prefixes come back from a file, to their model alone', async () => {
  const path = join(folder, 'prefixes.safetensors');
  const prompts = [30, 50].map((count) => Array.from({ length: count }, (_, i) => (i * 7 + count) % 90));
  const prefixes = model.createPrefixCache(1e7);
  const cache = model.createCache(60);
  for (const prompt of prompts) {
    cache.truncate(0, 0);
    await model.prefill(cache, prompt);
    prefixes.keep(prompt, cache);
  }
  await savePrefixes(path, prefixes, model);
  const loaded = model.createPrefixCache(1e7);
  expect(await loadPrefixes(path, loaded, model)).toBe(2);
  for (const prompt of prompts) {
    expect(loaded.restore([...prompt, 1], cache)).toBe(prompt.length);
    const restored = cache.read(0);
    prefixes.restore([...prompt, 1], cache);
    expect(restored).toEqual(cache.read(0));
  }
  await expect(loadPrefixes(path, loaded, { ...model, sha256: 'other' })).rejects.toThrow(
    /is of test \(sha256 abc\); this model is test \(sha256 other\)/,
  );
  await expect(loadPrefixes(path, loaded, { ...model, weights: 'q4' })).rejects.toThrow(/weights fp32.*weights q4/);
  await truncate(path, 5000);
  await expect(loadPrefixes(path, loaded, model)).rejects.toThrow(/safetensors|bytes/);
  await writeFile(path, 'x');
  await expect(loadPrefixes(path, loaded, model)).rejects.toThrow(/begins with 8 bytes/);
  for (const one of [prefixes, loaded]) one.clear();
  cache.release();
});
