import { FormatError, type WeightTensor } from '@working-papers/models';
import { weightOf } from '@working-papers/models/testing';
import { describe, expect, test } from 'vitest';
import { peftCase } from '../testing/cases.ts';
import type { LoraAdapter } from '../types.ts';
import { endMatcher, valuesByModule } from './end-match.ts';
import { adapterOfPeft } from './read.ts';

const lora = await peftCase('llama-lora');
const bert = await peftCase('bert-classifier');
const prompt = await peftCase('llama-prompt');
const prefix = await peftCase('llama-prefix');

describe('ranks and scales by module', () => {
  test('are those of patterns, whose expressions match the ends of names', async () => {
    const { fields, tensors, model } = await peftCase('llama-patterns');
    const { layers } = adapterOfPeft(fields, tensors, model) as LoraAdapter;
    const found = layers.map(({ module, r, alpha }) => [module.replace(/.*\./, ''), r, alpha]);
    expect(found.sort()).toEqual([
      ['k_proj', 4, 8],
      ['o_proj', 2, 3],
    ]);
  });

  // What Python says: re.match(rf"(.*\\.)?({key})$", name), which is peft's get_pattern_key.
  test.each([
    ['o_proj', 'model.layers.1.self_attn.o_proj', true],
    ['proj', 'model.layers.1.self_attn.o_proj', false],
    ['o_proj$', 'o_proj', true],
    ['^layers.0.o_proj', 'model.layers.0.o_proj', false],
    ['^model.layers.0.o_proj', 'model.layers.0.o_proj', true],
    ['layers\\.\\d\\.o_proj', 'model.layers.7.o_proj', true],
    ['layers\\.\\d\\.o_proj', 'model.layers.17.o_proj', false],
    ['layers\\.\\d+\\.o_proj', 'model.layers.17.o_proj', true],
    ['.*(q|k)_proj', 'model.layers.17.k_proj', true],
    ['.*(q|k)_proj', 'model.layers.17.v_proj', false],
  ])('%s and %s: %s', (key, module, matches) => {
    expect(endMatcher(key)(module)).toBe(matches);
  });

  test('an expression that would take JavaScript for ever takes no time, and there are not too many', () => {
    const began = performance.now();
    const matches = endMatcher('([a-z._0-9]|[a-z._])*!');
    expect(matches('model.layers.0.self_attn.q_projections.model.layers.0.self_attn.q_proj')).toBe(false);
    expect(matches('a.b!')).toBe(true);
    expect(performance.now() - began).toBeLessThan(2000);
    const many = Array.from({ length: 101 }, (_, i): [string, number] => [`x{${i}}`, 1]);
    expect(() => valuesByModule(many)).toThrow(/101 patterns that are expressions; at most 100 are read/);
    const plain = many.map(([, value], i): [string, number] => [`layers.${i}.x`, value + i]);
    expect(valuesByModule(plain)('model.layers.70.x')).toBe(71);
  });
});

describe('what is not read, or not of this model', () => {
  const read =
    ({ fields, tensors, model }: typeof lora) =>
    (change: Record<string, unknown>, others: (tensors: Map<string, WeightTensor>) => void = () => {}) => {
      const own = new Map(tensors);
      others(own);
      return () => adapterOfPeft({ ...fields, ...change }, own, model);
    };
  const anA = 'base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight';
  const numbers = (name: string, shape: number[]) =>
    weightOf(name, shape, new Float32Array(shape.reduce((product, size) => product * size, 1)));
  const cases: [string, () => unknown, RegExp][] = [
    [
      'another type',
      read(lora)({ peft_type: 'IA3' }),
      /of type "IA3" cannot be opened; these can: LORA, PROMPT_TUNING/,
    ],
    ['no type', read(lora)({ peft_type: undefined }), /of type null/],
    ['a type of the language', read(lora)({ peft_type: 'toString' }), /of type "toString"/],
    ['DoRA', read(lora)({ use_dora: true }), /is DoRA \(use_dora\), which is not built/],
    ['trained biases', read(lora)({ bias: 'all' }), /trains biases \(bias "all"\)/],
    ['PiSSA', read(lora)({ init_lora_weights: 'pissa_niter_4' }), /begun with "pissa_niter_4", which changes the base/],
    [
      'a rank of nothing',
      read(lora)({ r: 0 }),
      /r in adapter_config.json must be a whole number of at least 1; it is 0/,
    ],
    ['an alpha of text', read(lora)({ lora_alpha: '8' }), /lora_alpha .* must be a number; it is "8"/],
    [
      'targets of numbers',
      read(lora)({ target_modules: [1] }),
      /target_modules .* must be a list of texts; it is \[1\]/,
    ],
    ['patterns of text', read(lora)({ alpha_pattern: { a: 'b' } }), /alpha_pattern .* must be an object of numbers/],
    ['a pattern of look-around', read(lora)({ alpha_pattern: { '(?=a)b': 1 } }), /do not support/],
    ['dropout of all', read(lora)({ lora_dropout: 1 }), /dropout must be from 0 to below 1/],
    ['no tensors', read(lora)({}, (own) => own.clear()), /holds no tensors/],
    ['half of an update', read(lora)({}, (own) => own.delete(anA)), /has no matrix '.*q_proj.lora_A.weight'/],
    [
      'a matrix of another shape',
      read(lora)({}, (own) => own.set(anA, numbers(anA, [4, 31]))),
      /q_proj.lora_A.weight' has the shape \[4, 31\]; the model's weight .* needs \[4, 32\]/,
    ],
    [
      'a module of another model',
      read(lora)({}, (own) => own.set(anA.replace('q_proj', 'x'), numbers('', [4, 32]))),
      /an update of the module "model.layers.0.self_attn.x", which this model has not. It was made for "llama-lora"/,
    ],
    [
      'a name of another layout',
      read(lora)({}, (own) => own.set('lora_unet_down', numbers('', [1, 1]))),
      /names in the PEFT layout begin with 'base_model.model.'/,
    ],
    [
      'a magnitude',
      read(lora)({}, (own) => own.set(anA.replace('lora_A.weight', 'lora_magnitude_vector'), numbers('', [4]))),
      /lora_magnitude_vector', which plain LoRA has not/,
    ],
    [
      'whole numbers',
      read(lora)({}, (own) => own.set(anA, { ...numbers(anA, [4, 32]), type: 'I32' })),
      /is of type I32; floating-point numbers are read/,
    ],
    [
      'a table of more words',
      read(lora)({}, (own) => own.set('base_model.model.lm_head.weight', numbers('', [64, 32]))),
      /shape \[64, 32\] and the model's own \[61, 32\]: vocabulary or head were resized/,
    ],
    [
      'a head that the model has not',
      read(lora)({}, (own) => own.set('base_model.model.score.weight', numbers('', [2, 32]))),
      /no use for the adapter's weight 'score.weight': its configuration says architectures \["LlamaForCausalLM"\]/,
    ],
    [
      'an adapter for another model',
      () => adapterOfPeft(lora.fields, lora.tensors, bert.model),
      /which this model has not/,
    ],
    [
      'virtual tokens by another count',
      read(prompt)({ num_virtual_tokens: 4 }),
      /shape \[3, 32\]; for this model they are \[4, 32\]/,
    ],
    ['no number of virtual tokens', read(prompt)({ num_virtual_tokens: null }), /it is null/],
    ['a prompt of an encoder', () => adapterOfPeft(prompt.fields, prompt.tensors, bert.model), /is no decoder/],
    ['two halves', read(prefix)({ num_transformer_submodules: 2 }), /for an encoder with a decoder/],
    ['no embeddings', read(prompt)({}, (own) => own.clear()), /has no tensor 'prompt_embeddings'/],
    [
      'a head beside them',
      read(prompt)({}, (own) => own.set('classifier.weight', numbers('', [2, 32]))),
      /holds 'classifier.weight' beside its prompt_embeddings/,
    ],
  ];
  test.each(cases)('%s', (_, attempt, message) => {
    expect(attempt).toThrow(message);
  });

  test('what is malformed is an error of the format', () => {
    expect(read(lora)({ r: '4' })).toThrow(FormatError);
    expect(read(prompt)({}, (own) => own.clear())).toThrow(FormatError);
  });
});
