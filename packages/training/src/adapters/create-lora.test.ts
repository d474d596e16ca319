import { randomBert, randomLlama, tinyBert, tinyLlama } from '@working-papers/models/testing';
import { describe, expect, test } from 'vitest';
import { adaptableWeights } from './adaptable.ts';
import { createLora } from './create-lora.ts';
import { type LoraConfig, loraScale } from './lora-config.ts';
import { peftCase } from './testing/cases.ts';
import type { BaseModel } from './types.ts';

const llama: BaseModel = { config: tinyLlama, tensors: randomLlama(tinyLlama) };
const untied: BaseModel = (() => {
  const config = { ...tinyLlama, tie_word_embeddings: false };
  return { config, tensors: randomLlama(config) };
})();
const modulesOf = (model: BaseModel, config: Partial<LoraConfig>) =>
  createLora(model, config)
    .layers.map(({ module }) => module)
    .sort();

describe('what of a model can be adapted', () => {
  test('products with their sizes, tables, and a tied head apart from its table', () => {
    const weights = adaptableWeights(llama);
    expect(weights).toHaveLength(2 * 7 + 2);
    expect(weights[0]).toEqual({
      weight: 'model.embed_tokens.weight',
      module: 'model.embed_tokens',
      kind: 'embedding',
      inFeatures: 96,
      outFeatures: 64,
      inOut: false,
      head: false,
    });
    const found = (module: string) => weights.find((weight) => weight.module === module);
    expect(found('model.layers.1.mlp.down_proj')).toMatchObject({ inFeatures: 128, outFeatures: 64, head: false });
    expect(found('model.layers.0.self_attn.k_proj')).toMatchObject({ inFeatures: 64, outFeatures: 32 });
    expect(found('lm_head')).toMatchObject({
      weight: 'model.embed_tokens.weight',
      kind: 'linear',
      inFeatures: 64,
      outFeatures: 96,
      head: true,
    });
    expect(adaptableWeights(untied).find(({ head }) => head)?.weight).toBe('lm_head.weight');
  });

  test("GPT-2's products are turned, in a GGUF file they lie as all others'", async () => {
    const { model } = await peftCase('gpt2-lora');
    const inner = 'transformer.h.0.mlp.c_fc';
    const found = (of: BaseModel) => adaptableWeights(of).find(({ module }) => module === inner);
    expect(found(model)).toMatchObject({ inFeatures: 32, outFeatures: 128, inOut: true });
    const tensors = new Map(model.tensors);
    tensors.set(`${inner}.weight`, { ...tensors.get(`${inner}.weight`)!, shape: [128, 32], transposed: true });
    expect(found({ ...model, tensors })).toMatchObject({ inFeatures: 32, outFeatures: 128, inOut: true });
  });
});

test("modules are called as in transformers' class, however the checkpoint calls its weights", async () => {
  for (const [name, body, module, weight] of [
    ['gpt2-lora', 'transformer.', 'transformer.h.1.attn.c_attn', 'h.1.attn.c_attn.weight'],
    ['bert-classifier', 'bert.', 'bert.pooler.dense', 'pooler.dense.weight'],
    ['vit-classifier', '-', 'vit.layers.1.attention.q_proj', 'vit.encoder.layer.1.attention.attention.query.weight'],
    ['gpt-neox-lora', '-', 'lm_head', 'embed_out.weight'],
  ] as const) {
    const { model } = await peftCase(name);
    const short = (weight: string) => (weight.startsWith(body) ? weight.slice(body.length) : weight);
    const tensors = new Map([...model.tensors].map(([key, tensor]) => [short(key), { ...tensor, name: short(key) }]));
    const found = adaptableWeights({ ...model, tensors }).find((candidate) => candidate.module === module);
    expect(found?.weight).toBe(weight);
    const whole = createLora({ ...model, tensors }, { targets: [module.replace(/.*\./, '')] }).whole.map(
      ({ name }) => name,
    );
    expect(whole.sort()).toEqual(name.endsWith('classifier') ? ['classifier.bias', 'classifier.weight'] : []);
  }
});

describe('targets', () => {
  test('ends of names, whole names and expressions, as peft takes them', () => {
    expect(modulesOf(llama, { targets: ['v_proj'] })).toEqual([0, 1].map((n) => `model.layers.${n}.self_attn.v_proj`));
    expect(modulesOf(llama, { targets: ['model.layers.1.mlp.up_proj'] })).toEqual(['model.layers.1.mlp.up_proj']);
    // An expression is matched whole.
    expect(modulesOf(llama, { targets: '.*\\.1\\..*(?P<which>q|k)_proj' })).toEqual([
      'model.layers.1.self_attn.k_proj',
      'model.layers.1.self_attn.q_proj',
    ]);
    expect(() => modulesOf(llama, { targets: 'q_proj' })).toThrow(/pattern 'q_proj' of targets matches no module/);
  });

  test("all-linear is all that multiplies but the head; what peft chooses of the fixtures' models is chosen", async () => {
    expect(modulesOf(untied, { targets: 'ALL-linear' })).toHaveLength(14);
    expect(modulesOf(llama, {})).toEqual(modulesOf(untied, {}));
    const { model, fields } = await peftCase('llama-all-linear');
    expect(modulesOf(model, { targets: 'all-linear' })).toEqual(fields.target_modules);
    const bert = await peftCase('bert-classifier');
    const chosen = createLora(bert.model, { targets: bert.fields.target_modules as string[] });
    expect(chosen.whole.map(({ name }) => name).sort()).toEqual(['classifier.bias', 'classifier.weight']);
    const inFile = [...bert.tensors.keys()].map((key) => key.replace('base_model.model.', '')).sort();
    expect([...chosen.tensors.keys()].sort()).toEqual(inFile);
    expect(chosen.taskType).toBe(bert.fields.task_type);
  });

  test('what is excluded or trained whole has no update', () => {
    const modules = modulesOf(llama, { excluded: ['mlp.up_proj', 'o_proj'], modulesToSave: ['layers.0.self_attn'] });
    expect(modules).toEqual(
      [
        ...['gate_proj', 'down_proj'].flatMap((name) => [0, 1].map((n) => `model.layers.${n}.mlp.${name}`)),
        ...['q', 'k', 'v'].map((name) => `model.layers.1.self_attn.${name}_proj`),
      ].sort(),
    );
    const whole = createLora(llama, { modulesToSave: ['layers.0.self_attn'] }).whole;
    expect(whole.map(({ weight }) => weight.replace('model.layers.0.self_attn.', '')).sort()).toEqual([
      'k_proj.weight',
      'o_proj.weight',
      'q_proj.weight',
      'v_proj.weight',
    ]);
  });

  test('says what is wrong, and what there is', () => {
    expect(() => createLora(llama, { r: 0 })).toThrow(/rank r must be a whole number of at least 1; got 0/);
    expect(() => createLora(llama, { r: 2.5 })).toThrow(/got 2.5/);
    expect(() => createLora(llama, { alpha: Number.NaN })).toThrow(/alpha must be a number above 0; got NaN/);
    expect(() => createLora(llama, { dropout: 1 })).toThrow(/dropout must be from 0 to below 1; got 1/);
    expect(() => createLora(llama, { targets: [] })).toThrow(/targets names no module/);
    expect(() => createLora(llama, { targets: ['c_attn'] })).toThrow(
      /No module is called 'c_attn', as targets has it, or ends so. Modules of this model end in embed_tokens, q_proj, k_proj.*one is model.embed_tokens/,
    );
    expect(() => createLora(llama, { targets: '(' })).toThrow(/The pattern '\(' of targets is no regular expression/);
    expect(() => createLora(llama, { excluded: 'x' })).toThrow(/pattern 'x' of excluded matches no module/);
    expect(() => createLora(llama, { targets: ['q_proj'], excluded: ['q_proj'] })).toThrow(/nothing to adapt/);
    expect(() => createLora(llama, { modulesToSave: ['score'] })).toThrow(
      /modulesToSave names 'score', but .* no weight/,
    );
    expect(() => createLora(llama, {}, 0.5)).toThrow(/A seed must be a whole number; got 0.5/);
  });
});

test('A is uniform within 1 / sqrt(in) and B is 0, of tables B is normal and A is 0; seed and name decide alone', () => {
  const all = createLora(llama, { r: 16, targets: ['up_proj', 'down_proj', 'embed_tokens'] }, 3).tensors;
  const values = (name: string) => all.get(name)!.values;
  const a = values('model.layers.0.mlp.down_proj.lora_A.weight');
  const bound = 1 / Math.sqrt(128);
  expect(Math.max(...a.map(Math.abs))).toBeLessThanOrEqual(bound);
  expect(Math.max(...a)).toBeGreaterThan(0.99 * bound);
  const variance = (list: Float32Array) => list.reduce((sum, value) => sum + value * value, 0) / list.length;
  // Of uniform numbers bound^2 / 3; five standard errors.
  const share = variance(a) / (bound * bound);
  expect(Math.abs(share - 1 / 3)).toBeLessThan(5 * Math.sqrt(4 / 45 / a.length));
  expect(values('model.layers.0.mlp.down_proj.lora_B.weight').every((value) => value === 0)).toBe(true);
  const table = values('model.embed_tokens.lora_embedding_B');
  expect(Math.abs(variance(table) - 1)).toBeLessThan(5 * Math.sqrt(2 / table.length));
  expect(values('model.embed_tokens.lora_embedding_A').every((value) => value === 0)).toBe(true);

  const alone = (seed: number) =>
    createLora(llama, { r: 16, targets: ['down_proj'] }, seed).tensors.get(
      'model.layers.0.mlp.down_proj.lora_A.weight',
    )!.values;
  expect(alone(3)).toEqual(a);
  expect(alone(4)).not.toEqual(a);
  expect(values('model.layers.1.mlp.down_proj.lora_A.weight')).not.toEqual(a);
});

test('the scale is alpha / r, with rsLoRA alpha / sqrt(r)', () => {
  expect(loraScale({ r: 16, alpha: 8 }, { rslora: false })).toBe(0.5);
  expect(loraScale({ r: 16, alpha: 8 }, { rslora: true })).toBe(2);
});

test('an encoder without a head has all its products', () => {
  const model = { config: tinyBert, tensors: randomBert(tinyBert) };
  expect(modulesOf(model, {})).toHaveLength(12);
  expect(createLora(model).taskType).toBeUndefined();
});
