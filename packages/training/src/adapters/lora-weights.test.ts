import {
  exp,
  gradient,
  input,
  log,
  logSoftmax,
  mul,
  neg,
  reduceMean,
  reduceSum,
  rmsNorm,
  sigmoid,
  slice,
  sub,
  type Tensor,
  toOnnx,
} from '@working-papers/graph';
import {
  architectureOf,
  createDecoder,
  denseEncoderAttention,
  type ForwardTensors,
  type WeightSource,
  weightSource,
} from '@working-papers/models';
import { randomLlama, tinyLlama } from '@working-papers/models/testing';
import type { HostTensor, ProgramOptions } from '@working-papers/runtime';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, describe, expect, test } from 'vitest';
import { createLora } from './create-lora.ts';
import { loraWeights } from './lora-weights.ts';
import { mergeAdapter } from './merge.ts';
import { distance, int64, peftCase, relative } from './testing/cases.ts';
import type { AdapterTensor, BaseModel, LoraAdapter, TensorOf } from './types.ts';

const runtime = createRuntime();
afterAll(() => runtime.close());

const llamaModel: BaseModel = { config: tinyLlama, tensors: randomLlama(tinyLlama) };
const { model: gpt2Model } = await peftCase('gpt2-lora');
const { model: bertModel } = await peftCase('bert-classifier');
// Joined products of which some have an update, of which all have one, and tables and heads that have one.
const models: [string, BaseModel, readonly string[]][] = [
  ['Llama', llamaModel, ['q_proj', 'v_proj', 'gate_proj', 'up_proj', 'down_proj', 'embed_tokens', 'lm_head']],
  ['GPT-2', gpt2Model, ['c_attn', 'c_fc', 'c_proj', 'wte', 'lm_head']],
  ['BERT', bertModel, ['query', 'key', 'value', 'dense', 'word_embeddings']],
];

const ids = [
  [3, 14, 15, 9, 26, 5, 35],
  [2, 7, 18, 28, 1, 8, 28],
];
/** One input of all graphs: a graph may hold a model twice. */
const tokens: ForwardTensors = { ids: input('ids', 'int64', ['rows', 'sequence']) };
const fp32 = ({ tensors }: BaseModel) => weightSource(tensors, 'fp32');

/** Parts whose every operation has a gradient. */
const differentiable = {
  decoder: { norm: (x: Tensor, gain: Tensor, options: { epsilon: number }) => rmsNorm(x, gain, options) },
  encoder: { attention: denseEncoderAttention },
};

function logitsOf({ config }: BaseModel, source: WeightSource, plain = false): Tensor {
  const architecture = architectureOf(config);
  const isLlama = config.model_type === 'llama';
  const parts = architecture.kind === 'encoder' ? differentiable.encoder : isLlama ? differentiable.decoder : {};
  return architecture.forward(config, source, tokens, plain ? { parts } : {}).logits!;
}

async function run(
  outputs: Record<string, Tensor>,
  feeds: Record<string, HostTensor> = {},
  options: ProgramOptions = {},
): Promise<Record<string, HostTensor>> {
  const program = await runtime.compile(outputs, options);
  const answer = await program.run({ ids: int64(ids), ...feeds });
  program.release();
  return answer;
}

/** The same adapter with all of its numbers moved on, as training moves them. */
function moved(adapter: LoraAdapter): LoraAdapter {
  const tensors = [...adapter.tensors].map(([name, { shape, values }], index): [string, AdapterTensor] => [
    name,
    { shape, values: values.map((value, i) => value + 0.1 * Math.sin(12.9 * i + 78.2 * index + 1)) },
  ]);
  return { ...adapter, tensors: new Map(tensors) };
}

/** Every tensor of an adapter as an input of the graph, and what to feed. */
function trained(adapter: LoraAdapter): { tensor: TensorOf; feeds: Record<string, HostTensor>; tensors: Tensor[] } {
  const inputs = new Map([...adapter.tensors].map(([name, { shape }]) => [name, input(name, 'float32', shape)]));
  const feeds = Object.fromEntries(
    [...adapter.tensors].map(([name, { shape, values }]) => [name, { dtype: 'float32' as const, shape, data: values }]),
  );
  return { tensor: (name) => inputs.get(name)!, feeds, tensors: [...inputs.values()] };
}

describe.each(models)('%s', (_, model, targets) => {
  const fresh = createLora(model, { r: 3, alpha: 7, targets }, 5);
  const later = moved(fresh);

  test('a fresh adapter changes nothing: bit for bit as written, to 1e-6 optimised', async () => {
    const base = fp32(model);
    const outputs = (source: WeightSource) => ({ answer: logitsOf(model, source) });
    const [plain, attached] = [outputs(base), outputs(loraWeights(base, fresh))];
    const asWritten = { optimisation: 'none' } as const;
    const [one, other] = [await run(plain, {}, asWritten), await run(attached, {}, asWritten)];
    const bits = ({ data }: HostTensor) => new Uint32Array((data as Float32Array).buffer);
    expect(bits(other.answer!)).toEqual(bits(one.answer!));
    expect(distance((await run(attached)).answer!, (await run(plain)).answer!)).toBeLessThan(1e-6);
    expect(distance((await run(outputs(loraWeights(base, later)))).answer!, one.answer!)).toBeGreaterThan(0.1);
  });

  test('merged it is what it is attached', async () => {
    const merged = mergeAdapter(model, later);
    const attached = await run({ answer: logitsOf(model, loraWeights(fp32(model), later)) });
    expect(relative((await run({ answer: logitsOf(merged, fp32(merged)) })).answer!, attached.answer!)).toBeLessThan(
      1e-5,
    );
  });

  test('gradients are what finite differences say, and none of the base is computed', async () => {
    const { tensor, feeds, tensors } = trained(later);
    const base = fp32(model);
    const logits = logitsOf(model, loraWeights(base, later, { tensor }), true);
    const loss = neg(reduceMean(slice(logSoftmax(logits, -1), -1, 0, 1)));
    const slopes = gradient(loss, tensors);
    const named = Object.fromEntries(slopes.map((slope, i) => [`slope.${i}`, slope]));
    const { loss: at, ...answer } = await run({ loss, ...named }, feeds);
    const names = [...later.tensors.keys()];
    const direction = names.map((name, i) => later.tensors.get(name)!.values.map((__, j) => Math.cos(3.3 * j + i)));
    const along = async (step: number) => {
      const shifted = names.map((name, i) => {
        const { shape, values } = later.tensors.get(name)!;
        const data = values.map((value, j) => value + step * direction[i]![j]!);
        return [name, { dtype: 'float32' as const, shape, data }];
      });
      return Number((await run({ loss }, Object.fromEntries(shifted))).loss!.data[0]);
    };
    const step = 1e-3;
    const measured = ((await along(step)) - (await along(-step))) / (2 * step);
    let computed = 0;
    for (const [i] of names.entries()) {
      const slope = answer[`slope.${i}`]!;
      expect(slope.shape, names[i]).toEqual(later.tensors.get(names[i]!)!.shape);
      direction[i]!.forEach((value, j) => {
        computed += value * Number(slope.data[j]);
      });
      expect(distance(slope, { ...slope, data: new Float32Array(slope.data.length) }), names[i]).toBeGreaterThan(0);
    }
    expect(Number.isFinite(Number(at!.data[0]))).toBe(true);
    expect(Math.abs(measured)).toBeGreaterThan(1e-2);
    expect(computed / measured).toBeCloseTo(1, 2);

    const weights = new Set(
      [...model.tensors.values()].filter(({ shape }) => shape.length === 2).map(({ shape }) => sorted(shape)),
    );
    for (const name of later.whole.map(({ name }) => name)) weights.delete(sorted(later.tensors.get(name)!.shape));
    const before = new Set(operationsOf([loss]));
    const backward = operationsOf(slopes).filter((op) => !before.has(op));
    const products = backward
      .filter(({ rule }) => rule.name === 'matmul')
      .map(({ outputs }) => sorted(outputs[0]!.shape));
    expect(products.length).toBeGreaterThan(10);
    expect(products.filter((shape) => weights.has(shape))).toEqual([]);
  });
});

const sorted = (shape: readonly (number | string)[]): string => [...shape].sort().join(' x ');

/** All operations behind tensors. */
function operationsOf(tensors: readonly Tensor[]): Tensor['op'][] {
  const seen = new Set<Tensor['op']>();
  const waiting = tensors.map(({ op }) => op);
  while (waiting.length > 0) {
    const op = waiting.pop()!;
    if (seen.has(op)) continue;
    seen.add(op);
    for (const before of op.inputs) if (before) waiting.push(before.op);
  }
  return [...seen];
}

describe('with and without the adapter in one step', () => {
  const adapter = moved(createLora(llamaModel, { r: 2 }, 1));
  const base = fp32(llamaModel);

  test('the base weights are held once, and each is what it is alone', async () => {
    const outputs = {
      reference: logitsOf(llamaModel, base),
      adapted: logitsOf(llamaModel, loraWeights(base, adapter)),
    };
    const bytes = (of: Record<string, Tensor>) => toOnnx(of).initializers.reduce((sum, { length }) => sum + length, 0);
    const own = [...adapter.tensors.values()].reduce((sum, { values }) => sum + values.byteLength, 0);
    expect(bytes(outputs)).toBe(bytes({ reference: outputs.reference }) + own);
    const answer = await run(outputs);
    for (const [name, tensor] of Object.entries(outputs)) {
      expect(distance(answer[name]!, (await run({ alone: tensor })).alone!), name).toBeLessThan(1e-6);
    }
    expect(distance(answer.adapted!, answer.reference!)).toBeGreaterThan(0.1);
  });

  test('the loss of DPO (arXiv 2305.18290) against the model without it is log 2 at first, and its gradient flows to the adapter alone', async () => {
    const fresh = createLora(llamaModel, { r: 2 }, 1);
    const { tensor, feeds, tensors } = trained(fresh);
    const chosen = (source: WeightSource) =>
      reduceSum(slice(logSoftmax(logitsOf(llamaModel, source, true), -1), -1, 4, 5), [1, 2]); // [rows]
    const policy = chosen(loraWeights(base, fresh, { tensor }));
    const reference = chosen(base);
    const ratio = sub(policy, reference);
    const margin = sub(slice(ratio, 0, 0, 1), slice(ratio, 0, 1, 2));
    const loss = neg(reduceMean(log(sigmoid(mul(margin, 0.5)))));
    const slopes = gradient(loss, tensors);
    const still = gradient(reduceMean(exp(mul(reference, 0.01))), tensors);
    const named = (kind: string, list: Tensor[]) => Object.fromEntries(list.map((slope, i) => [`${kind}.${i}`, slope]));
    const answer = await run({ loss, ...named('slope', slopes), ...named('still', still) }, feeds);
    expect(Number(answer.loss!.data[0])).toBeCloseTo(Math.LN2, 6);
    for (const [i, name] of [...fresh.tensors.keys()].entries()) {
      const largest = (kind: string) => Math.max(...Array.from(answer[`${kind}.${i}`]!.data as Float32Array, Math.abs));
      expect(largest('still'), name).toBe(0);
      // While B is 0, nothing flows through it to A.
      if (name.includes('lora_A')) expect(largest('slope'), name).toBe(0);
      else expect(largest('slope'), name).toBeGreaterThan(0);
    }
  });
});

test('dropout is what is given, by module', async () => {
  const adapter = moved(createLora(llamaModel, { r: 2, targets: ['q_proj', 'down_proj'] }, 1));
  const base = fp32(llamaModel);
  const asked: string[] = [];
  const dropped = loraWeights(base, adapter, {
    dropout: (x, module) => {
      asked.push(module);
      return module.endsWith('down_proj') ? mul(x, 0) : x;
    },
  });
  const withoutDown = { ...adapter, layers: adapter.layers.filter(({ module }) => !module.endsWith('down_proj')) };
  const answer = await run({
    dropped: logitsOf(llamaModel, dropped),
    without: logitsOf(llamaModel, loraWeights(base, withoutDown)),
  });
  expect(distance(answer.dropped!, answer.without!)).toBeLessThan(1e-6);
  expect(asked.sort()).toEqual(adapter.layers.map(({ module }) => module).sort());
});

test('over weights of few bits, and over a cache, it is the same adapter', async () => {
  const adapter = moved(createLora(llamaModel, { r: 4 }, 2));
  const q8 = weightSource(llamaModel.tensors, 'q8');
  const attached = await run({ answer: logitsOf(llamaModel, loraWeights(q8, adapter)) });
  const exact = await run({ answer: logitsOf(llamaModel, loraWeights(fp32(llamaModel), adapter)) });
  expect(distance(attached.answer!, exact.answer!)).toBeLessThan(0.1);
  const graphWeights = loraWeights(fp32(llamaModel), adapter);
  const decoder = await createDecoder({
    reference: 'test',
    sha256: '',
    config: llamaModel.config,
    tokenizer: undefined as never,
    weights: 'fp32',
    parameterBytes: 0,
    parameters: 0,
    graphWeights,
    runtime,
    notes: [],
    close: () => {},
  });
  const cache = decoder.createCache(7);
  await decoder.prefill(cache, ids[0]!.slice(0, 5));
  await decoder.step(cache, [ids[0]![5]!]);
  const logits = (await decoder.step(cache, [ids[0]![6]!])).logits(0);
  const last = (exact.answer!.data as Float32Array).subarray(6 * 96, 7 * 96);
  expect(distance(host(logits), host(last))).toBeLessThan(1e-4);
  cache.release();
  decoder.close();
});

const host = (data: Float32Array): HostTensor => ({ dtype: 'float32', shape: [data.length], data });

test('a weight that has an update is no tensor; a whole one is', () => {
  const adapter = createLora(bertModel, { targets: ['query'] });
  const source = loraWeights(fp32(bertModel), adapter);
  expect(() => source.get('bert.encoder.layer.0.attention.self.query.weight')).toThrow(/ask for products with it/);
  expect(source.get('classifier.weight', [3, 32]).shape).toEqual([3, 32]);
  expect(() => source.get('classifier.weight', [2, 32])).toThrow(/shape \[3, 32\]; the model needs \[2, 32\]/);
  expect(source.has('classifier.bias') && source.has('bert.pooler.dense.bias') && !source.has('lm_head.weight')).toBe(
    true,
  );
});
