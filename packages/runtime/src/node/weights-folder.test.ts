/** Weights where the system cannot map files: a folder that ONNX Runtime reads. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test, vi } from 'vitest';
import { createRuntime } from './index.ts';
import { testModel, value } from './test-graph.ts';

vi.mock('./mapped-file.ts', () => ({ canMapFiles: false }));

test('programs of a sharing runtime each hold their own, and leave nothing in the temporary folder', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'working-papers-test-'));
  // ONNX Runtime leaves files of its own where its environment is made.
  const runtime = createRuntime();
  vi.stubEnv('TMPDIR', folder);
  try {
    const sharing = runtime.sharing();
    const data = Float32Array.from({ length: 1024 }, (_, i) => (i % 33 === 0 ? 2 : 0)); // Twice the identity, 32 by 32.
    let asked = 0;
    const bytes = () => {
      asked++;
      return new Uint8Array(data.buffer);
    };
    const model = testModel({
      inputs: [value('x', 'float32', ['rows', 32])],
      outputs: [value('y', 'float32', ['rows', 32])],
      nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }],
      weights: [{ name: 'w', dtype: 'float32', shape: [32, 32], bytes }],
    });
    const x = Float32Array.from({ length: 32 }, (_, i) => i);
    for (const program of [await sharing.load(model), await sharing.load(model)]) {
      expect((await program.run({ x: { dtype: 'float32', shape: [1, 32], data: x } })).y!.data).toEqual(
        x.map((each) => 2 * each),
      );
    }
    expect(asked).toBe(2);
    const broken = [{ ...model.initializers[0]!, bytes: async () => new Uint8Array(3) }];
    await expect(sharing.load({ ...model, initializers: broken })).rejects.toThrow('its source gave 3');
    runtime.close();
    expect(readdirSync(folder)).toEqual([]);
  } finally {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  }
});
