import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openModel, saveHuggingFace } from '@working-papers/models/node';
import { afterAll, describe, expect, test } from 'vitest';
import { createLora } from '../../adapters/create-lora.ts';
import { mergeAdapter } from '../../adapters/merge.ts';
import { peftCase } from '../../adapters/testing/cases.ts';
import type { LoraAdapter } from '../../adapters/types.ts';
import { openAdaptedModel } from './open-adapted-model.ts';
import { openAdapter } from './open-adapter.ts';
import { saveAdapter } from './save-adapter.ts';

const folder = mkdtempSync(join(tmpdir(), 'adapters-'));
afterAll(() => rmSync(folder, { recursive: true }));

const cases = [
  ...['llama-lora', 'llama-all-linear', 'llama-patterns', 'llama-embeddings', 'llama-table', 'llama-head'],
  ...['gpt2-lora', 'gpt-neox-lora', 'bert-classifier', 'vit-classifier', 'llama-prompt', 'gpt2-prefix'],
];

describe.each(cases)('%s', async (name) => {
  const { model, folder: theirs, fields, tensors } = await peftCase(name);
  test('opened and saved, tensors and configuration are those that peft wrote', async () => {
    const adapter = await openAdapter(theirs, model);
    const ours = join(folder, name);
    await saveAdapter(adapter, ours, { base: name });
    const again = await openAdapter(ours, model);
    // Targets by an expression come back by name.
    const named = (of: typeof adapter) =>
      of.kind === 'lora' ? { ...of, config: { ...of.config, targets: '', excluded: '' } } : of;
    expect(named(again)).toEqual(named(adapter));
    const written = JSON.parse(await readFile(join(ours, 'adapter_config.json'), 'utf8'));
    const of = ['peft_type', 'task_type', 'base_model_name_or_path', 'inference_mode', 'modules_to_save'];
    const lora = ['r', 'lora_alpha', 'lora_dropout', 'use_rslora', 'bias', 'fan_in_fan_out'];
    const prompts = [
      'num_virtual_tokens',
      'num_layers',
      'num_attention_heads',
      'token_dim',
      'num_transformer_submodules',
    ];
    for (const field of [...of, ...(adapter.kind === 'lora' ? lora : prompts)]) {
      if (field in written || fields[field] !== null) expect(written[field], field).toEqual(fields[field]);
    }
    // peft saves the base's own tables with adapted embeddings.
    const prefix = adapter.kind === 'lora' ? 'base_model.model.' : '';
    const kept = [...tensors.keys()].filter((key) => !key.includes('.base_layer.'));
    expect([...again.tensors.keys()].map((key) => prefix + key).sort()).toEqual(kept.sort());
    const first = kept[0]!;
    expect(again.tensors.get(first.slice(prefix.length))!.values).toEqual(
      new Float32Array(tensors.get(first)!.bytesSync().slice().buffer),
    );
  });
});

test('an adapted model is the merged one: opened with its adapter, and saved with it', async () => {
  const { model, folder: adapterFolder } = await peftCase('llama-lora');
  const [base, merged] = [join(folder, 'base'), join(folder, 'merged')];
  await saveHuggingFace({ ...model, tensors: model.tensors.values() }, base);
  const adapter = (await openAdapter(adapterFolder, model)) as LoraAdapter;
  const changed = mergeAdapter(model, adapter);
  await saveHuggingFace({ ...changed, tensors: changed.tensors.values() }, merged);
  const ids = [3, 14, 15, 9, 26, 5];
  const logits = async (opened: Awaited<ReturnType<typeof openModel>>) => {
    if (opened.kind !== 'decoder') throw new Error('The model of this test is a decoder.');
    const { logits } = await opened.logits(ids);
    opened.close();
    return logits;
  };
  const one = await logits(await openAdaptedModel(base, adapterFolder));
  const other = await logits(await openModel(merged));
  const plain = await logits(await openModel(base));
  const distance = (a: Float32Array, b: Float32Array) => Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));
  expect(distance(one, other)).toBeLessThan(1e-4);
  expect(distance(one, plain)).toBeGreaterThan(0.1);
  await expect(openAdaptedModel(base, adapterFolder, { weights: 'int8' })).rejects.toThrow(
    /merge the adapter into the checkpoint first/,
  );
  const { folder: prefixFolder } = await peftCase('llama-prefix');
  await expect(openAdaptedModel(base, prefixFolder)).rejects.toThrow(/holds a prefix, which stands before a text/);
});

test('pickled weights, as peft wrote them once, are the same adapter', async () => {
  const { model, folder: theirs } = await peftCase('llama-lora');
  const [one, other] = [await openAdapter(theirs, model), await openAdapter(join(theirs, '../pickled'), model)];
  // The two files have them in another order.
  const listed = (of: typeof one) => [...of.tensors].sort(([a], [b]) => (a < b ? -1 : 1));
  const layers = (of: typeof one) => (of as LoraAdapter).layers.map(({ module }) => module).sort();
  expect(listed(other)).toEqual(listed(one));
  expect(layers(other)).toEqual(layers(one));
});

test('nothing is written over unasked; a folder that holds no adapter is named', async () => {
  const { model } = await peftCase('llama-lora');
  const path = join(folder, 'twice');
  const adapter = createLora(model, { targets: ['q_proj'] });
  await saveAdapter(adapter, path);
  await expect(saveAdapter(adapter, path)).rejects.toThrow(/twice is there already/);
  await saveAdapter(createLora(model, { targets: ['k_proj'] }), path, { overwrite: true });
  expect((await openAdapter(path, model)) as LoraAdapter).toMatchObject({ config: { targets: ['k_proj'] } });
  await expect(openAdapter(folder, model)).rejects.toThrow(/adapters-.*: There is no adapter_config.json/);
  rmSync(join(path, 'adapter_model.safetensors'));
  await expect(openAdapter(path, model)).rejects.toThrow(/neither adapter_model.safetensors nor adapter_model.bin/);
  writeFileSync(join(path, 'adapter_model.safetensors'), 'no tensors');
  await expect(openAdapter(path, model)).rejects.toThrow(/twice: The safetensors header/);
});
