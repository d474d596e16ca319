import {
  architectureOf,
  dequantise,
  type ForwardInputName,
  forwardInputs,
  type WeightSource,
  type WeightTensor,
  weightSource,
} from '@working-papers/models';
import { weightOf } from '@working-papers/models/testing';
import type { HostTensor } from '@working-papers/runtime';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, describe, expect, test } from 'vitest';
import { loraWeights } from '../lora-weights.ts';
import { mergeAdapter, unmergeAdapter } from '../merge.ts';
import { distance, peftCase, relative } from '../testing/cases.ts';
import type { BaseModel, LoraAdapter } from '../types.ts';
import { adapterOfPeft } from './read.ts';

const runtime = createRuntime();
afterAll(() => runtime.close());

async function logitsOf(
  { config }: BaseModel,
  source: WeightSource,
  inputs: Record<string, HostTensor>,
): Promise<HostTensor> {
  const given = forwardInputs(Object.keys(inputs) as ForwardInputName[], inputs.pixels?.shape);
  const program = await runtime.compile({ answer: architectureOf(config).forward(config, source, given, {}).logits! });
  const { answer } = await program.run(inputs);
  program.release();
  return answer!;
}
const fp32 = ({ tensors }: BaseModel) => weightSource(tensors, 'fp32');
const numbers = (tensor: WeightTensor): HostTensor => ({
  dtype: 'float32',
  shape: tensor.shape,
  data: dequantise(tensor.type, tensor.bytesSync(), tensor.count),
});

const cases = [
  ...['llama-lora', 'llama-all-linear', 'llama-patterns', 'llama-embeddings', 'llama-table', 'llama-head'],
  ...['gpt2-lora', 'gpt-neox-lora', 'bert-classifier', 'vit-classifier'],
];

describe.each(cases)('%s', async (name) => {
  const { model, inputs, logits, fields, tensors } = await peftCase(name);
  const adapter = adapterOfPeft(fields, tensors, model) as LoraAdapter;

  test('attached and merged, logits are those of peft', async () => {
    const attached = await logitsOf(model, loraWeights(fp32(model), adapter), inputs);
    expect(distance(attached, logits)).toBeLessThan(1e-4);
    const merged = mergeAdapter(model, adapter);
    expect(relative(await logitsOf(merged, fp32(merged), inputs), attached)).toBeLessThan(1e-5);
    expect(distance(await logitsOf(model, fp32(model), inputs), attached)).toBeGreaterThan(0.05);
  });

  test('taken out of what it was merged into, the weights are the base to 1e-6', () => {
    const merged = mergeAdapter(model, adapter);
    if (adapter.whole.length > 0) {
      expect(() => unmergeAdapter(merged, adapter)).toThrow(/has put its own '.*(weight|bias)' in place of the base's/);
      return;
    }
    const back = unmergeAdapter(merged, adapter);
    const changed: string[] = [];
    for (const [weight, own] of model.tensors) {
      expect(distance(numbers(back.tensors.get(weight)!), numbers(own)), weight).toBeLessThan(1e-6);
      if (distance(numbers(merged.tensors.get(weight)!), numbers(own)) > 1e-3) changed.push(weight);
    }
    expect(changed.sort()).toEqual([...new Set(adapter.layers.map(({ weight }) => weight))].sort());
  });
});

test('GPT-2 and BERT without the beginnings of their names are the same models', async () => {
  for (const [name, body] of [
    ['gpt2-lora', 'transformer.'],
    ['bert-classifier', 'bert.'],
  ] as const) {
    const { model, inputs, logits, fields, tensors } = await peftCase(name);
    const bare = new Map<string, WeightTensor>();
    for (const [key, tensor] of model.tensors) {
      const short = key.startsWith(body) ? key.slice(body.length) : key;
      bare.set(short, { ...tensor, name: short });
    }
    const short = { ...model, tensors: bare };
    const adapter = adapterOfPeft(fields, tensors, short) as LoraAdapter;
    expect(adapter.layers.every(({ module, weight }) => module.startsWith(body) && !weight.startsWith(body))).toBe(
      true,
    );
    expect(distance(await logitsOf(short, loraWeights(fp32(short), adapter), inputs), logits)).toBeLessThan(1e-4);
  }
});

test('a tied head of which the table alone has an update is parted when it is merged', async () => {
  const { model, inputs, fields, tensors } = await peftCase('llama-embeddings');
  const both = adapterOfPeft(fields, tensors, model) as LoraAdapter;
  const adapter = { ...both, layers: both.layers.filter(({ module }) => module === 'model.embed_tokens') };
  expect(adapter.layers).toHaveLength(1);
  const merged = mergeAdapter(model, adapter);
  expect(merged.config.tie_word_embeddings).toBe(false);
  expect(model.tensors.has('lm_head.weight')).toBe(false);
  const [table, head] = ['model.embed_tokens.weight', 'lm_head.weight'].map((weight) => merged.tensors.get(weight)!);
  expect(distance(numbers(head!), numbers(model.tensors.get(table!.name)!))).toBe(0);
  const attached = await logitsOf(model, loraWeights(fp32(model), adapter), inputs);
  expect(relative(await logitsOf(merged, fp32(merged), inputs), attached)).toBeLessThan(1e-5);
});

test('an encoder with a decoder: logits are those of peft; a head tied to the table of both halves is not merged into it', async () => {
  const { model, inputs, logits, fields, tensors } = await peftCase('t5-lora');
  const adapter = adapterOfPeft(fields, tensors, model) as LoraAdapter;
  expect(distance(await logitsOf(model, loraWeights(fp32(model), adapter), inputs), logits)).toBeLessThan(1e-4);
  expect(() => mergeAdapter(model, adapter)).toThrow(/head 'lm_head', which is tied to the table 'shared.weight'/);
  const headless = { ...adapter, layers: adapter.layers.filter(({ module }) => module !== 'lm_head') };
  const merged = mergeAdapter(model, headless);
  const attached = await logitsOf(model, loraWeights(fp32(model), headless), inputs);
  expect(relative(await logitsOf(merged, fp32(merged), inputs), attached)).toBeLessThan(1e-5);
  expect(distance(attached, logits)).toBeGreaterThan(0.05);
});

test('products that lie turned in a GGUF file are merged as they lie', async () => {
  const { model, inputs, fields, tensors } = await peftCase('gpt2-lora');
  const turned = new Map(model.tensors);
  for (const [name, tensor] of model.tensors) {
    if (!/\.c_(attn|proj|fc)\.weight$/.test(name)) continue;
    const [rows, columns] = tensor.shape as [number, number];
    const own = numbers(tensor).data as Float32Array;
    const values = Float32Array.from(own, (_, i) => own[(i % rows) * columns + Math.floor(i / rows)]!);
    turned.set(name, { ...weightOf(name, [columns, rows], values), transposed: true });
  }
  const lying = { ...model, tensors: turned };
  const adapter = adapterOfPeft(fields, tensors, lying) as LoraAdapter;
  const merged = mergeAdapter(lying, adapter);
  const attached = await logitsOf(model, loraWeights(fp32(model), adapter), inputs);
  expect(relative(await logitsOf(merged, fp32(merged), inputs), attached)).toBeLessThan(1e-5);
});

test('a quantised weight is not merged into, and neither is another model', async () => {
  const { model, fields, tensors } = await peftCase('llama-lora');
  const adapter = adapterOfPeft(fields, tensors, model) as LoraAdapter;
  const name = 'model.layers.0.self_attn.q_proj.weight';
  const quantised = new Map(model.tensors).set(name, { ...model.tensors.get(name)!, type: 'Q8_0' });
  expect(() => mergeAdapter({ ...model, tensors: quantised }, adapter)).toThrow(
    /q_proj.weight' is quantised \(Q8_0\), so a merged one would be rounded again. Attach the adapter instead/,
  );
  const { model: other } = await peftCase('bert-classifier');
  expect(() => mergeAdapter(other, adapter)).toThrow(/module "model.layers.0.*", which this model has not/);
});
