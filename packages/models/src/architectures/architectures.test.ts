import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, describe, expect, test } from 'vitest';
import { compileForward } from '../activations/forward.ts';
import { distance, fixturesOf, readFixture } from '../testing/fixture.ts';
import { weightSource } from '../weights/weight-source.ts';
import { architectureOf, architectures } from './index.ts';

const runtime = createRuntime();
afterAll(() => runtime.close());

describe.each(architectures)('$kind $types', (architecture) => {
  const { types } = architecture;
  const names = fixturesOf(types).filter((name) => architectureOf(readFixture(name).config) === architecture);
  test('has a case for each of its model types', () => {
    expect([...new Set(names.map((name) => readFixture(name).config.model_type))].sort()).toEqual([...types].sort());
  });

  test.each(names)('%s: outputs and activations are those of transformers', async (name) => {
    const { config, tensors, inputs, outputs, activations } = readFixture(name);
    const model = { runtime, architecture, config, weights: weightSource(tensors, 'fp32') };
    const asked = [...Object.keys(outputs), ...Object.keys(activations)];
    const plain = await compileForward(model, inputs, Object.keys(outputs), []);
    const watched = await compileForward(model, inputs, asked, []);
    const [fast, seen] = [await plain.run(inputs, []), await watched.run(inputs, [])];
    for (const key of Object.keys(outputs)) expect(distance(fast[key]!, outputs[key]!), key).toBeLessThan(1e-4);
    for (const key of asked) {
      expect(distance(seen[key]!, outputs[key] ?? activations[key]!), key).toBeLessThan(1e-4);
    }
    plain.release();
    watched.release();
  });
});
