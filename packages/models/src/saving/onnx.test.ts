/** Whole passes saved as ONNX files, opened by ONNX Runtime's own npm API, against what transformers computed. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterAll, expect, test } from 'vitest';
import type { ForwardInput } from '../activations/types.ts';
import { saveOnnx } from '../node/save-model.ts';
import { distance, readFixture } from '../testing/fixture.ts';
import { onnxProgram } from './onnx.ts';

const folder = await mkdtemp(join(tmpdir(), 'papers-onnx-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

const table = (rows: readonly (readonly number[])[]) =>
  new Tensor('int64', BigInt64Array.from(rows.flat(), BigInt), [rows.length, rows[0]!.length]);
const filled = (rows: readonly (readonly number[])[], value: number) => rows.map((row) => row.map(() => value));

/** The inputs that a file takes, out of a fixture's; a mask of all tokens where the fixture has none. */
function feeds({ ids, mask, tokenTypes, decoderIds, decoderMask, pixels }: ForwardInput, names: readonly string[]) {
  const all: Record<string, Tensor | undefined> = {
    input_ids: ids && table(ids),
    attention_mask: ids && table(mask ?? filled(ids, 1)),
    token_type_ids: ids && table(tokenTypes ?? filled(ids, 0)),
    decoder_input_ids: decoderIds && table(decoderIds),
    decoder_attention_mask: decoderIds && table(decoderMask ?? filled(decoderIds, 1)),
    pixel_values: pixels && new Tensor('float32', pixels.data as Float32Array, [...pixels.shape]),
  };
  return Object.fromEntries(names.map((name) => [name, all[name]!]));
}

const outputNames: Record<string, string> = { hidden: 'last_hidden_state', pooled: 'pooler_output' };

test.each(['llama', 'gpt2', 'gpt-neox', 'bert', 'bert-sequence', 'roberta', 't5', 'bart', 'vit', 'esm2'])(
  '%s computes what transformers does',
  async (name) => {
    const { config, tensors, inputs, outputs } = readFixture(name);
    const file = join(folder, `${name}.onnx`);
    await saveOnnx({ config, tensors }, file);
    const session = await InferenceSession.create(file, { logSeverityLevel: 3, intraOpNumThreads: 1 });
    const answer = await session.run(feeds(inputs, session.inputNames));
    const wanted = Object.keys(outputs).filter((output) => answer[outputNames[output] ?? output]);
    expect(wanted.length).toBeGreaterThan(0);
    for (const output of wanted) {
      const { dims, data } = answer[outputNames[output] ?? output]!;
      expect(distance({ shape: dims, data: data as Float32Array }, outputs[output]!), output).toBeLessThan(1e-4);
    }
    await session.release();
  },
);

test('no operator without a domain is one that only ONNX Runtime knows', () => {
  const { config, tensors } = readFixture('llama');
  const model = Buffer.from(onnxProgram({ config, tensors }).model).toString('latin1');
  expect(model).toContain('ReduceMean');
  // Field 4 of a node, its type, and the length of the name.
  expect(model).not.toContain('\x22\x1cSimplifiedLayerNormalization');
});
