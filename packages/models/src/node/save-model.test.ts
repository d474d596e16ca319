/** Models saved and opened again: what comes out is what transformers computed (architectures/fixtures), or the same bytes. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, describe, expect, test } from 'vitest';
import { dequantise } from '../formats/dequantise.ts';
import { openCheckpoint } from '../formats/node/open-checkpoint.ts';
import { quantise } from '../formats/quantise.ts';
import { floatTensor, withTensors } from '../saving/tensors.ts';
import type { ModelToSave } from '../saving/types.ts';
import { distance, readFixture } from '../testing/fixture.ts';
import { randomLlama, tinyLlama } from '../testing/random-checkpoint.ts';
import { openModel } from './open-model.ts';
import { saveGguf, saveHuggingFace, saveModel } from './save-model.ts';

const runtime = createRuntime();
const folder = await mkdtemp(join(tmpdir(), 'papers-saving-'));
afterAll(async () => {
  runtime.close();
  await rm(folder, { recursive: true, force: true });
});

function fixtureModel(name: string): ModelToSave & ReturnType<typeof readFixture> & { tensors: never } {
  const fixture = readFixture(name);
  return { ...fixture, tensors: [...fixture.tensors.values()] as never };
}

async function answersAs(path: string, name: string, left: readonly string[] = []): Promise<void> {
  const { inputs, outputs } = readFixture(name);
  const wanted = Object.keys(outputs).filter((output) => !left.includes(output));
  const model = await openModel(path, { runtime, weights: 'fp32' });
  const answer = await model.activations(inputs, wanted);
  for (const output of wanted) expect(distance(answer[output]!, outputs[output]!), output).toBeLessThan(1e-4);
  model.close();
}

const written = [
  'llama',
  'llama-tied-biases',
  'llama3-scaled',
  'llama-linear',
  'llama-yarn',
  'mistral-window',
  'qwen2',
  'qwen3',
  'gpt2',
  'gpt-neox',
  'gpt-neox-sequential',
  'gpt-neox-yarn',
  'bert',
];

/** Whether both are the same bytes; far quicker than comparing them with toEqual. */
const same = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;

describe.each(written)('%s', (name) => {
  const beside = name === 'bert' ? ['pooled'] : []; // llama.cpp has no pooler

  test('as GGUF computes what transformers does, and goes on to a folder', async () => {
    const file = join(folder, `${name}.gguf`);
    await saveGguf(fixtureModel(name), file, { type: 'F32' });
    if (name !== 'mistral-window') await answersAs(file, name, beside);
    const onward = join(folder, `${name}-from-gguf`);
    await saveModel(file, onward, { format: 'hf' });
    if (name !== 'mistral-window') await answersAs(onward, name, beside);
    const { tensors } = await openCheckpoint(onward);
    for (const { name: tensor, bytes } of fixtureModel(name).tensors as ModelToSave['tensors']) {
      const found = tensors.get(tensor) ?? tensors.get(`${name === 'bert' ? 'bert.' : 'transformer.'}${tensor}`);
      if (found) expect(same(await found.bytes(), await bytes()), tensor).toBe(true);
    }
  });

  test('as shards computes what transformers does', async () => {
    const path = join(folder, `${name}-shards`);
    const { files } = await saveHuggingFace(fixtureModel(name), path, { maxShardSize: 20_000 });
    expect(files.filter(({ path }) => /model-\d{5}-of-\d{5}\.safetensors$/.test(path)).length).toBeGreaterThan(1);
    await answersAs(path, name);
  });
});

/** A folder as transformers leaves it, with files that are copied. */
async function sourceFolder(name: string): Promise<string> {
  const path = join(folder, `${name}-source`);
  await rm(path, { recursive: true, force: true });
  await saveHuggingFace(fixtureModel(name), path);
  await writeFile(join(path, 'generation_config.json'), '{"eos_token_id": [2, 3]}');
  await writeFile(join(path, 'chat_template.jinja'), '{{ messages }}');
  await writeFile(join(path, 'private.txt'), 'not of the model');
  return path;
}

/** The fixtures of these do what llama.cpp does not; their weights come back all the same where that is left out. */
test.each([
  ['smollm3', { no_rope_layers: undefined, no_rope_layer_interval: 4 }],
  ['smollm3-yarn', { no_rope_layers: undefined, no_rope_layer_interval: 4 }],
  ['qwen2-yarn', { rope_scaling: { rope_type: 'yarn', factor: 8, attention_factor: 0.75 } }],
  ['t5', { relative_attention_max_distance: 128 }],
  ['t5-gated-untied', { relative_attention_max_distance: 128 }],
  ['umt5', { relative_attention_max_distance: 128 }],
  ['t5-encoder', { relative_attention_max_distance: 128 }],
])('%s computes the same after GGUF', async (name, changes) => {
  const { inputs, outputs, ...fixture } = fixtureModel(name);
  const model = { ...fixture, config: { ...fixture.config, ...changes } };
  const [source, file] = [join(folder, `${name}-plain`), join(folder, `${name}.gguf`)];
  await saveHuggingFace(model, source);
  await saveGguf(model, file, { type: 'F32' });
  const answers = [];
  for (const path of [source, file]) {
    const opened = await openModel(path, { runtime, weights: 'fp32' });
    answers.push(await opened.activations(inputs, Object.keys(outputs)));
    opened.close();
  }
  for (const name of Object.keys(outputs)) {
    const { shape, data } = answers[0]![name]!;
    expect(distance(answers[1]![name]!, { shape, data: data as Float32Array }), name).toBeLessThan(3e-5);
  }
});

test('a folder saved without a type keeps every byte, and what stands beside its weights', async () => {
  const source = await sourceFolder('llama');
  const out = join(folder, 'same');
  await saveModel(source, out, { format: 'hf' });
  expect((await readdir(out)).sort()).toEqual((await readdir(source)).filter((name) => name !== 'private.txt').sort());
  for (const name of ['model.safetensors', 'generation_config.json', 'chat_template.jinja'])
    expect(same(await readFile(join(out, name)), await readFile(join(source, name))), name).toBe(true);
});

test.each([
  ['fp16', 'F16', 'float16'],
  ['bf16', 'BF16', 'bfloat16'],
] as const)('%s is each weight rounded, and config.json says so', async (dtype, type, named) => {
  const source = await sourceFolder('llama');
  const out = join(folder, dtype);
  await saveModel(source, out, { format: 'hf', dtype });
  const [before, after] = [await openCheckpoint(source), await openCheckpoint(out)];
  for (const [name, tensor] of before.tensors) {
    const rounded = quantise(type, dequantise(tensor.type, await tensor.bytes(), tensor.count));
    expect(same(await after.tensors.get(name)!.bytes(), rounded), name).toBe(true);
  }
  expect(after.config.torch_dtype ?? after.config.dtype).toBe(named);
});

test('blocks of few bits go on as they are, and into a folder as what they stand for', async () => {
  for (const type of ['Q8_0', 'Q4_0'] as const) {
    const file = join(folder, `${type}.gguf`);
    await saveGguf({ config: tinyLlama, tensors: [...randomLlama(tinyLlama).values()] }, file, { type });
    const again = join(folder, `${type}-again.gguf`);
    await saveModel(file, again, { format: 'gguf', type });
    const [first, second] = [await openCheckpoint(file), await openCheckpoint(again)];
    const out = join(folder, `${type}-folder`);
    await saveModel(file, out, { format: 'hf' });
    const floats = await openCheckpoint(out);
    const types = new Set<string>();
    for (const [name, tensor] of first.tensors) {
      types.add(tensor.type);
      expect(same(await second.tensors.get(name)!.bytes(), await tensor.bytes()), name).toBe(true);
      const values = dequantise(tensor.type, await tensor.bytes(), tensor.count);
      const other = floats.tensors.get(name)!;
      const floated = dequantise(other.type, await other.bytes(), other.count);
      expect(same(quantise('F32', floated), quantise('F32', values)), name).toBe(true);
    }
    expect([...types]).toContain(type);
  }
});

test('tensors and fields that a caller exchanges are saved in place of its own', async () => {
  const source = await sourceFolder('llama');
  const checkpoint = await openCheckpoint(source);
  const name = 'model.norm.weight';
  const values = new Float32Array(checkpoint.config.hidden_size).fill(0.5);
  const model = withTensors({ ...checkpoint, tensors: [...checkpoint.tensors.values()] }, [
    floatTensor(name, [values.length], async () => values),
  ]);
  const out = join(folder, 'edited');
  await saveHuggingFace({ ...model, config: { ...model.config, rope_theta: 12345 } }, out);
  const edited = await openCheckpoint(out);
  expect(await edited.tensors.get(name)!.bytes()).toEqual(quantise('F32', values));
  expect(JSON.parse(await readFile(join(out, 'config.json'), 'utf8')).rope_theta).toBe(12345);
  const wrong = withTensors(model, [floatTensor(name, [values.length + 1], values)]);
  await expect(saveHuggingFace(wrong, join(folder, 'wrong'))).rejects.toThrow(/"model.norm.weight".*were given/);
});

test('what is there is kept unless it is to be written over, and then loses its other weights only', async () => {
  const source = await sourceFolder('llama');
  const out = await sourceFolder('qwen2');
  await expect(saveModel(source, out, { format: 'hf' })).rejects.toThrow(/is there already/);
  await writeFile(join(out, 'pytorch_model.bin'), 'old');
  await saveModel(source, out, { format: 'hf', overwrite: true, maxShardSize: 20_000 });
  const names = await readdir(out);
  expect(names).toContain('private.txt');
  expect(names).toContain('model.safetensors.index.json');
  expect(names).not.toContain('pytorch_model.bin');
  expect(names).not.toContain('model.safetensors');
  await answersAs(out, 'llama');
  await expect(saveModel(source, join(out, 'config.json'), { format: 'hf' })).rejects.toThrow(/is a file; a folder/);
  await expect(saveModel(source, join(folder, 'no', 'x.gguf'), { format: 'gguf' })).rejects.toThrow(/Make it first/);
});

test('cancelled or failed, nothing of it stays', async () => {
  const source = await sourceFolder('llama');
  const place = join(folder, 'cancelled');
  await mkdir(place);
  for (const format of ['hf', 'gguf', 'onnx'] as const) {
    const cancel = new AbortController();
    const out = join(place, format === 'hf' ? 'folder' : `model.${format}`);
    const saving = saveModel(source, out, {
      format,
      signal: cancel.signal,
      onProgress: () => cancel.abort(new Error('Enough.')),
    });
    await expect(saving).rejects.toThrow('Enough.');
  }
  const large = floatTensor('model.norm.weight', [64], new Float32Array(64).fill(1e6));
  await expect(
    saveHuggingFace(withTensors(fixtureModel('llama'), [large]), join(place, 'large'), { dtype: 'fp16' }),
  ).rejects.toThrow(/"model.norm.weight" cannot be saved: It holds the value 1000000/);
  expect(await readdir(place)).toEqual([]);
});

const longrope = (short: number, long: number) => ({
  rope_type: 'longrope',
  factor: 1,
  short_factor: [short, 1, 1, 1],
  long_factor: [long, 1, 1, 1],
});

test.each([
  ['vit', {}, /type 'vit' is not written as GGUF/],
  ['llama', { rope_scaling: { rope_type: 'dynamic', factor: 2 } }, /rope_scaling 'dynamic' says, which GGUF cannot/],
  ['llama', { rope_scaling: { rope_type: 'yarn', factor: 2, truncate: false } }, /rounds the dimensions between/],
  ['llama', { rope_scaling: { rope_type: 'yarn', factor: 2, beta_fast: 8 } }, /beta_fast 32 and beta_slow 1.*8 and 1/],
  ['llama-longrope', {}, /rope_scaling 'longrope' says with an attention factor, which GGUF cannot/],
  ['llama', { rope_scaling: longrope(1, 2) }, /changes its frequencies with the length.*save it as a Hugging Face/],
  [
    'qwen2',
    { rope_scaling: { rope_type: 'llama3', factor: 2 } },
    /'llama3' says in the architecture qwen2, which GGUF/,
  ],
  ['llama', { hidden_act: 'gelu' }, /llama.cpp runs llama with silu/],
  ['smollm3', { no_rope_layers: undefined, no_rope_layer_interval: 3 }, /every fourth layer/],
] as const)('%s with %o is refused as GGUF', async (name, changes, sentence) => {
  const model = fixtureModel(name);
  const file = join(folder, `refused-${basename(name)}.gguf`);
  await expect(saveGguf({ ...model, config: { ...model.config, ...changes } }, file)).rejects.toThrow(sentence);
});
