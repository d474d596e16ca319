/** Stretched rotary embeddings in GGUF files: logits are those of transformers with the same weights (fixtures/rope-scaling). */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, describe, expect, test } from 'vitest';
import { parseGgufHeader } from '../formats/gguf.ts';
import { openCheckpoint } from '../formats/node/open-checkpoint.ts';
import { openModel } from './open-model.ts';
import { saveModel } from './save-model.ts';

const fixtures = new URL('../../fixtures/rope-scaling/', import.meta.url);
const { ids, logits } = JSON.parse(await readFile(new URL('logits.json', fixtures), 'utf8')) as {
  ids: number[];
  logits: Record<string, number[][]>;
};
const runtime = createRuntime();
const folder = await mkdtemp(join(tmpdir(), 'papers-rope-'));
afterAll(async () => {
  runtime.close();
  await rm(folder, { recursive: true, force: true });
});
const pathOf = (name: string) => new URL(`${name}.gguf`, fixtures).pathname;

/** The largest difference from transformers' logits of the last tokens. */
async function differenceOf(path: string, name: string): Promise<number> {
  const model = await openModel(path, { runtime, weights: 'fp32' });
  if (model.kind !== 'decoder') throw new Error(`${name} is no decoder`);
  const found = await model.logits(ids);
  model.close();
  const wanted = logits[name]!.flat();
  const last = found.logits.subarray(found.logits.length - wanted.length);
  return Math.max(...wanted.map((value, i) => Math.abs(value - last[i]!)));
}

describe.each(Object.keys(logits))('%s', (name) => {
  test('as gguf-py writes it', async () => {
    expect(await differenceOf(pathOf(name), name)).toBeLessThan(2e-5);
  });

  test('as we write it, by way of a folder', async () => {
    const [out, again] = [join(folder, name), join(folder, `${name}.gguf`)];
    await saveModel(pathOf(name), out, { format: 'hf' });
    expect(await differenceOf(out, name)).toBeLessThan(2e-5);
    await saveModel(out, again, { format: 'gguf', type: 'F32' });
    expect(await differenceOf(again, name)).toBeLessThan(2e-5);
  });
});

test('the fixtures would differ without their scaling', async () => {
  for (const one of Object.keys(logits)) {
    for (const other of Object.keys(logits)) {
      if (one !== other) expect(await differenceOf(pathOf(one), other)).toBeGreaterThan(0.01);
    }
  }
});

test.each([
  ['zero', 0, /"rope_freqs.weight" must hold numbers above 0/],
  ['nothing that is a number', Number.NaN, /"rope_freqs.weight" must hold numbers above 0/],
])('a divisor of %s is refused', async (_, value, sentence) => {
  const bytes = await readFile(pathOf('llama3'));
  const { start } = parseGgufHeader(bytes, bytes.length).tensors.find(({ name }) => name === 'rope_freqs.weight')!;
  bytes.writeFloatLE(value, start);
  const path = join(folder, 'hostile.gguf');
  await writeFile(path, bytes);
  await expect(openCheckpoint(path)).rejects.toThrow(sentence);
});

test('divisors of another count than the frequencies are refused', async () => {
  const bytes = await readFile(pathOf('llama3'));
  const name = Buffer.from('rope_freqs.weight');
  bytes.writeBigUInt64LE(4n, bytes.indexOf(name) + name.length + 4);
  const path = join(folder, 'short.gguf');
  await writeFile(path, bytes);
  await expect(openCheckpoint(path)).rejects.toThrow(/holds 4 numbers; the rotary embedding of this model has 8/);
});
