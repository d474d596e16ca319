import { gradient, input, mul, reduceSum, rmsNorm, slice, type Tensor } from '@working-papers/graph';
import {
  additiveMask,
  createDecoder,
  type Decoder,
  type DecoderInput,
  type DecoderModel,
  type DecoderParts,
  decoderOf,
  dequantise,
  weightSource,
} from '@working-papers/models';
import type { HostTensor, Runtime } from '@working-papers/runtime';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, describe, expect, test } from 'vitest';
import { prefixEntries, promptEntries } from './cache-entries.ts';
import { createPrefix, createPrompt } from './create-prompt.ts';
import { adapterOfPeft } from './peft/read.ts';
import { prefixTuned } from './prefix-tuning.ts';
import { promptTuned } from './prompt-tuning.ts';
import { distance, int64, peftCase } from './testing/cases.ts';
import type { BaseModel, PrefixAdapter, PromptAdapter } from './types.ts';

const runtime = createRuntime();
afterAll(() => runtime.close());

const tuned = (build: Decoder, adapter: PromptAdapter | PrefixAdapter): Decoder =>
  adapter.kind === 'prompt' ? promptTuned(build, adapter) : prefixTuned(build, adapter);

const cases = ['llama-prompt', 'gpt2-prompt', 'llama-prefix', 'gpt2-prefix'];

describe.each(cases)('%s', async (name) => {
  const { model, ids, logits, fields, tensors } = await peftCase(name);
  const { config } = model;
  const weights = weightSource(model.tensors, 'fp32');
  const adapter = adapterOfPeft(fields, tensors, model) as PromptAdapter | PrefixAdapter;
  const sequence = ids[0]!.length;
  const vocabulary = config.vocab_size;
  // peft answers for virtual tokens too.
  const wanted: HostTensor = { ...logits, shape: [2, sequence, vocabulary], data: behind(logits, sequence) };

  const run = async (given: Partial<DecoderInput>, feeds: Record<string, HostTensor> = {}) => {
    const { logits } = tuned(decoderOf(config).build, adapter)(config, weights, {
      ids: input('ids', 'int64', ['rows', 'sequence']),
      ...given,
    });
    const program = await runtime.compile({ logits });
    const answer = await program.run({ ids: int64(ids), ...feeds });
    program.release();
    return answer.logits!;
  };

  test('logits are those of peft', async () => {
    expect(distance(await run({}), wanted)).toBeLessThan(1e-4);
  });

  test('positions, masks and places of logits are those of the text', async () => {
    const counted = ids.map((row) => row.map((_, place) => place));
    const positions = input('positions', 'int64', ['rows', 'sequence']);
    const mask = input('mask', 'float32', [1, 1, 'sequence', 'sequence']);
    const data = additiveMask(sequence, (query, key) => key <= query);
    const feeds = {
      positions: int64(counted),
      mask: { dtype: 'float32' as const, shape: [1, 1, sequence, sequence], data },
    };
    const masked = await run({ positions, mask }, feeds);
    expect(distance(masked, wanted)).toBeLessThan(1e-4);
    const places = { ...feeds, at: { dtype: 'int64' as const, shape: [2], data: BigInt64Array.of(3n, 13n) } };
    const chosen = await run({ positions, mask, logitsAt: input('at', 'int64', [2]) }, places);
    const row = (at: number) => (wanted.data as Float32Array).subarray(at * vocabulary, (at + 1) * vocabulary);
    const both = Float32Array.of(...row(3), ...row(13));
    expect(distance(chosen, { dtype: 'float32', shape: [2, vocabulary], data: both })).toBeLessThan(1e-4);
    const last = await run({ positions, mask, logitsAt: 'last' }, feeds);
    const ends = Float32Array.of(...row(sequence - 1), ...row(2 * sequence - 1));
    expect(distance(last, { dtype: 'float32', shape: [2, 1, vocabulary], data: ends })).toBeLessThan(1e-4);
  });

  test('loaded into a cache, a model goes on behind it', async () => {
    const decoder = await decoderModel(model, runtime);
    const entries = adapter.kind === 'prompt' ? await promptEntries(decoder, adapter) : prefixEntries(adapter);
    const cache = decoder.createCache(adapter.tokens + sequence);
    cache.load(0, entries);
    const row = ids[1]!;
    const prefilled = await decoder.prefill(cache, row.slice(0, 6));
    const at = (place: number) => {
      const start = (sequence + place) * vocabulary;
      return hostRow((wanted.data as Float32Array).subarray(start, start + vocabulary));
    };
    expect(distance(hostRow(prefilled.logits(0)), at(5))).toBeLessThan(1e-4);
    for (const [place, id] of row.entries()) {
      if (place < 6) continue;
      const next = await decoder.step(cache, [id]);
      expect(distance(hostRow(next.logits(0)), at(place))).toBeLessThan(1e-4);
    }
    cache.release();
    decoder.close();
  });
});

test('the gradient of a prompt and of a prefix is what finite differences say', async () => {
  const { model, ids } = await peftCase('llama-prompt');
  const weights = weightSource(model.tensors, 'fp32');
  // The fused norm has no gradient.
  const norm: DecoderParts['norm'] = (x, gain, { epsilon }) => rmsNorm(x, gain, { epsilon });
  const adapters = [createPrompt(model, { tokens: 2 }, 1), createPrefix(model, { tokens: 2 }, 1)];
  for (const adapter of adapters) {
    const { shape, values } = adapter.tensors.get('prompt_embeddings')!;
    const trained = input('trained', 'float32', shape);
    const build = decoderOf(model.config).build;
    const decoder =
      adapter.kind === 'prompt'
        ? promptTuned(build, adapter, () => trained)
        : prefixTuned(build, adapter, () => trained);
    const { logits } = decoder(model.config, weights, {
      ids: input('ids', 'int64', ['rows', 'sequence']),
      parts: { norm },
    });
    const loss = weighted(logits);
    const program = await runtime.compile({ loss, slope: gradient(loss, [trained])[0]! });
    const at = async (data: Float32Array) =>
      program.run({ ids: int64(ids), trained: { dtype: 'float32', shape, data } });
    const { slope } = await at(values);
    const direction = Float32Array.from(values, (_, i) => Math.sin(7 * i + 1));
    const step = 2e-3;
    const moved = async (sign: number) =>
      Number((await at(values.map((value, i) => value + sign * step * direction[i]!))).loss!.data[0]);
    const measured = ((await moved(1)) - (await moved(-1))) / (2 * step);
    const computed = direction.reduce((sum, value, i) => sum + value * Number(slope!.data[i]), 0);
    expect(Math.abs(computed)).toBeGreaterThan(0.1);
    expect(computed / measured).toBeCloseTo(1, 2);
    program.release();
  }
});

test('a prompt begins as the embeddings of tokens, or drawn from its seed', async () => {
  const { model } = await peftCase('gpt2-prompt');
  const table = model.tensors.get('transformer.wte.weight')!;
  const embedding = (id: number) => dequantise('F32', table.bytesSync(), table.count).subarray(id * 32, (id + 1) * 32);
  const { values } = createPrompt(model, { from: [7, 60], tokens: 3 }).tensors.get('prompt_embeddings')!;
  expect(values).toEqual(Float32Array.of(...embedding(7), ...embedding(60), ...embedding(7)));
  const drawn = (seed: number) => createPrompt(model, { tokens: 40 }, seed).tensors.get('prompt_embeddings')!.values;
  expect(drawn(1)).toEqual(drawn(1));
  expect(drawn(1)).not.toEqual(drawn(2));
  const mean = drawn(1).reduce((sum, value) => sum + value, 0) / 1280;
  const square = drawn(1).reduce((sum, value) => sum + value * value, 0) / 1280;
  // Four standard errors.
  expect(Math.abs(mean)).toBeLessThan(4 / Math.sqrt(1280));
  expect(Math.abs(square - 1)).toBeLessThan(4 * Math.sqrt(2 / 1280));
});

test('says what cannot be', async () => {
  const { model } = await peftCase('llama-prompt');
  const bert = await peftCase('bert-classifier');
  const weights = weightSource(model.tensors, 'fp32');
  expect(() => createPrompt(model, {})).toThrow(/at least 1 virtual tokens; got 0/);
  expect(() => createPrompt(model, { from: [61] })).toThrow(/61 is not a token id; the model's are from 0 to 60/);
  expect(() => createPrefix(model, { tokens: 1.5 })).toThrow(/got 1.5/);
  expect(() => createPrefix(bert.model, { tokens: 1 })).toThrow(/is no decoder/);
  const { build } = decoderOf(model.config);
  const prompted = promptTuned(build, createPrompt(model, { tokens: 1 }));
  expect(() => prompted(model.config, weights, {})).toThrow(/the graph was given none/);
  expect(() => prompted(model.config, weights, { slots: [] })).toThrow(/into the cache \(promptEntries\)/);
  const prefixed = prefixTuned(build, createPrefix(model, { tokens: 1 }));
  const attention: DecoderParts['attention'] = () => {
    throw new Error('not called');
  };
  expect(() => prefixed(model.config, weights, { parts: { attention } })).toThrow(/Take one of the two/);
});

/** Of what peft answers for virtual tokens and text, the text's. */
function behind({ shape, data }: HostTensor, sequence: number): Float32Array {
  const [rows, total, width] = shape as [number, number, number];
  const kept = Array.from({ length: rows }, (_, row) =>
    (data as Float32Array).slice((row * total + total - sequence) * width, (row + 1) * total * width),
  );
  return Float32Array.from(kept.flatMap((row) => [...row]));
}

const hostRow = (data: Float32Array): HostTensor => ({ dtype: 'float32', shape: [data.length], data });

/** Half the sum of the squares of all logits from the third token on. */
const weighted = (logits: Tensor): Tensor => mul(reduceSum(mul(slice(logits, 1, 2), slice(logits, 1, 2))), 0.5);

const decoderModel = ({ config, tensors }: BaseModel, runtime: Runtime): Promise<DecoderModel> =>
  createDecoder({
    reference: 'test',
    sha256: '',
    config,
    tokenizer: undefined as never,
    weights: 'fp32',
    parameterBytes: 0,
    parameters: 0,
    graphWeights: weightSource(tensors, 'fp32'),
    runtime,
    notes: [],
    close: () => {},
  });
