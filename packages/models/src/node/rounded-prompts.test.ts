import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, expect, test } from 'vitest';
import { safetensorsFile } from '../formats/safetensors.ts';
import type { ModelConfig, WeightTensor } from '../formats/types.ts';
import { fixturesOf, readFixture } from '../testing/fixture.ts';
import { randomBert, randomLlama, tinyBert, tinyLlama } from '../testing/random-checkpoint.ts';
import type { DecoderModel, EncoderModel } from '../types.ts';
import { openModel } from './open-model.ts';

const runtime = createRuntime();
const cacheFolder = await mkdtemp(join(tmpdir(), 'papers-int8-'));
afterAll(async () => {
  runtime.close();
  await rm(cacheFolder, { recursive: true, force: true });
});

async function folderOf(config: ModelConfig, tensors: ReadonlyMap<string, WeightTensor>): Promise<string> {
  const path = await mkdtemp(join(cacheFolder, 'model-'));
  await writeFile(join(path, 'config.json'), JSON.stringify(config));
  const parts = [...tensors.values()].map(({ name, shape, bytes }) => ({ name, shape, bytes, type: 'F32' as const }));
  await writeFile(join(path, 'model.safetensors'), safetensorsFile(parts));
  return path;
}

const ids = Array.from({ length: 40 }, (_, i) => (i * 37 + 5) % 96);

const rootMeanSquare = (values: Float32Array) =>
  Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);

/** The difference over what was expected, both as root mean squares. */
const relative = (got: Float32Array, expected: Float32Array): number =>
  rootMeanSquare(expected.map((value, i) => value - got[i]!)) / rootMeanSquare(expected);

test.each([
  ['tied', { ...tinyLlama }],
  ['untied, of 96 numbers', { ...tinyLlama, hidden_size: 96, tie_word_embeddings: false }],
])('a Llama with its stream rotated predicts as it did (%s)', async (_, config) => {
  const path = await folderOf(config, randomLlama(config));
  const [plain, rotated] = await Promise.all(
    (['fp32', 'int8'] as const).map(
      async (weights) => (await openModel(path, { runtime, weights, cacheFolder })) as DecoderModel,
    ),
  );
  const expected = await plain!.logits(ids);
  const got = await rotated!.logits(ids);
  expect(relative(got.logits, expected.logits)).toBeLessThan(0.1);
  expect(rotated!.weights).toBe('int8');
  expect(rotated!.notes.join(' ')).toMatch(/int8 prompts diverge from single steps by 0\.0\d+ nats a token/);
  // One cache for prompts and steps, and a token's numbers do not depend on the chunk it comes in.
  const cache = rotated!.createCache(64);
  await rotated!.prefill(cache, ids.slice(0, 17));
  await rotated!.prefill(cache, ids.slice(17, 39));
  const last = await rotated!.prefill(cache, ids.slice(39));
  cache.release();
  const row = (all: Float32Array) => all.subarray(39 * 96, 40 * 96);
  expect(relative(last.logits(), row(expected.logits))).toBeLessThan(0.1);
  // Many rows step as prompts are computed, a few as single steps are; from eight or from nine on, by the processor.
  const whole = rotated!.createCache(64);
  const prompted = await rotated!.prefill(whole, ids);
  whole.release();
  for (const [rows, close] of [
    [9, true],
    [7, false],
  ] as const) {
    const batch = rotated!.createCache(64, rows);
    for (let index = 0; index < rows; index++) await rotated!.prefill(batch.view(index), ids.slice(0, 39));
    const next = await rotated!.step(batch, new Array(rows).fill(ids[39]));
    expect(relative(next.logits(rows - 1), prompted.logits()) < 1e-5).toBe(close);
    expect(relative(next.logits(rows - 1), row(expected.logits))).toBeLessThan(0.1);
    batch.release();
  }
  for (const model of [plain!, rotated!]) model.close();
});

test.each(['qwen3', 'smollm3', 'gpt2', 'gpt_neox'])('%s predicts as it did', async (type) => {
  const { config, tensors, inputs } = readFixture(fixturesOf([type])[0]!);
  const path = await folderOf(config, tensors);
  const sequence = inputs.ids![0]!;
  const answers: Float32Array[] = [];
  for (const weights of ['fp32', 'int8'] as const) {
    const model = (await openModel(path, { runtime, weights, cacheFolder })) as DecoderModel;
    answers.push((await model.logits(sequence)).logits);
    model.close();
  }
  expect(relative(answers[1]!, answers[0]!)).toBeLessThan(0.1);
});

test('an encoder embeds as it did, with each input rotated on the fly', async () => {
  const path = await folderOf(tinyBert, randomBert(tinyBert));
  const plain = (await openModel(path, { runtime, weights: 'fp32', cacheFolder })) as EncoderModel;
  const rounded = (await openModel(path, { runtime, weights: 'int8', cacheFolder })) as EncoderModel;
  const [[a], [b]] = [await plain.embedIds([ids]), await rounded.embedIds([ids])];
  expect(a!.reduce((sum, value, i) => sum + value * b![i]!, 0)).toBeGreaterThan(0.999);
  expect(rounded.notes.join(' ')).toMatch(/cosine of at least (0\.99|1\.00)/);
  plain.close();
  rounded.close();
});

test('what it costs is measured once a model, and a model that does not bear it is refused', async () => {
  const path = await folderOf(tinyLlama, randomLlama(tinyLlama, 7));
  const model = await openModel(path, { runtime, weights: 'int8', cacheFolder });
  model.close();
  const folder = join(cacheFolder, 'int8');
  const file = (await readdir(folder)).find((name) => name.startsWith(model.sha256))!;
  const record = JSON.parse(await readFile(join(folder, file), 'utf8'));
  await writeFile(join(folder, file), JSON.stringify({ ...record, proof: { ...record.proof, value: 0.5 } }));
  await expect(openModel(path, { runtime, weights: 'int8', cacheFolder })).rejects.toThrow(
    /does not bear int8 weights: int8 prompts diverge from single steps by 0\.5000 nats .* Use 'q8' or 'fp32'\./,
  );
  await writeFile(join(folder, file), 'not JSON');
  (await openModel(path, { runtime, weights: 'int8', cacheFolder })).close();
});

test('models that read images or write answers have none', async () => {
  const { config, tensors } = readFixture(fixturesOf(['vit'])[0]!);
  const path = await folderOf(config, tensors);
  await expect(openModel(path, { runtime, weights: 'int8', cacheFolder })).rejects.toThrow(
    "Weights 'int8' are for decoders and encoders of text; 'vit' is neither. Use 'fp32'.",
  );
});
