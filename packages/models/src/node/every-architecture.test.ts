import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, expect, test } from 'vitest';
import { architectures } from '../architectures/index.ts';
import { safetensorsFile } from '../formats/safetensors.ts';
import type { WeightTensor } from '../formats/types.ts';
import { distance, fixturesOf, readFixture } from '../testing/fixture.ts';
import { openModel } from './open-model.ts';

const runtime = createRuntime();
const folder = await mkdtemp(join(tmpdir(), 'papers-architectures-'));
afterAll(async () => {
  runtime.close();
  await rm(folder, { recursive: true, force: true });
});

async function writeModel(path: string, config: object, tensors: ReadonlyMap<string, WeightTensor>): Promise<void> {
  await mkdir(path);
  await writeFile(join(path, 'config.json'), JSON.stringify(config));
  const parts = [...tensors.values()].map(({ name, shape, bytes }) => ({ name, shape, bytes, type: 'F32' as const }));
  await writeFile(join(path, 'model.safetensors'), safetensorsFile(parts));
}

const types = [...new Set(architectures.flatMap(({ types }) => types))];

test.each(types)('%s opens from a folder without a tokenizer, and can be looked into', async (type) => {
  const { config, tensors, inputs, outputs, activations } = readFixture(fixturesOf([type])[0]!);
  const path = join(folder, type);
  await writeModel(path, config, tensors);
  const model = await openModel(path, { runtime, weights: 'fp32' });
  const wanted = { ...outputs, ...activations };
  const answer = await model.activations(inputs, Object.keys(wanted));
  for (const [name, expected] of Object.entries(wanted)) {
    expect(distance(answer[name]!, expected), name).toBeLessThan(1e-4);
  }
  expect(() => model.tokenizer.encode('a text')).toThrow(/carries no tokenizer, so no text can be given to it/);
  model.close();
});
