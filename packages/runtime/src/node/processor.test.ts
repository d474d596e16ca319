import { expect, test } from 'vitest';
import { createRuntime, processorKind } from './index.ts';

test('the kind of processor is asked once, and does not decide the size of the thread pool', async () => {
  const kind = await processorKind();
  expect(['exact', 'saturating']).toContain(kind.int8Products);
  expect(kind.cores).toBeGreaterThan(0);
  expect(kind.name).not.toBe('');
  // int8 dot products are exact by their definition; the other kinds are what the question is for.
  if (kind.features.some((name) => name.endsWith('_vnni'))) expect(kind.int8Products).toBe('exact');
  expect(await processorKind()).toBe(kind);
  const runtime = createRuntime({ threads: 2 });
  expect(runtime.threads).toBe(2);
  runtime.close();
});
