/** What makes no sense together fails when it is built, with a sentence. */
import { input, type Tensor } from '@working-papers/graph';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, describe, expect, test } from 'vitest';
import type { ModelConfig } from '../formats/types.ts';
import { createDecoder } from '../generation/decoder.ts';
import { readFixture } from '../testing/fixture.ts';
import { factsOf } from '../testing/model-facts.ts';
import { randomBert, randomLlama, tinyBert, tinyLlama } from '../testing/random-checkpoint.ts';
import { weightSource } from '../weights/weight-source.ts';
import { checkParts } from './combinations.ts';
import { architectureOf } from './index.ts';
import { alibiPositions, relativePositions, rotaryPositions } from './positions.ts';
import { rotaryFrequencies } from './rotary.ts';

const runtime = createRuntime();
afterAll(() => runtime.close());

describe('configurations', () => {
  test.each([
    ['bert', { sliding_window: 128 }, /sliding window \(sliding_window 128\).*'bert' sees its whole text in both/],
    ['bert', { is_decoder: true }, /says is_decoder, but a model of type 'bert' is built as an encoder/],
    ['roberta', { add_cross_attention: true }, /says add_cross_attention.*Set add_cross_attention to false/],
    ['esm2', { sliding_window: 3 }, /'esm' sees its whole text in both directions. Set sliding_window to null/],
    ['vit', { sliding_window: 3 }, /'vit' sees its whole text in both directions/],
    ['gpt2', { sliding_window: 3 }, /'gpt2' sees all tokens before/],
    ['gpt-neox', { sliding_window: 3 }, /'gpt_neox' sees all tokens before/],
    ['t5', { sliding_window: 3 }, /'t5' has none in its encoder, its decoder and what lies between/],
    ['bart', { sliding_window: 3 }, /'bart' has none in its encoder/],
    ['qwen2', { layer_types: ['full_attention', 'linear_attention', 'full_attention'] }, /names "?linear_attention/],
    [
      'qwen2',
      { layer_types: new Array(3).fill('sliding_attention'), sliding_window: null },
      /no sliding_window that is/,
    ],
    [
      'qwen2-window',
      { layer_types: new Array(3).fill('sliding_attention'), use_sliding_window: false },
      /no sliding_window that is used/,
    ],
  ] as const)('%s with %j', (name, changes, sentence) => {
    const { config } = readFixture(name);
    expect(() => architectureOf(config).facts(config)).not.toThrow();
    const changed = { ...config, ...changes } as ModelConfig;
    expect(() => architectureOf(changed).facts(changed)).toThrow(sentence);
  });
});

const build = (config: ModelConfig, tensors: ReturnType<typeof randomLlama>, parts: Record<string, unknown>) =>
  architectureOf(config).forward(
    config,
    weightSource(tensors, 'fp32'),
    { ids: input('ids', 'int64', ['rows', 'sequence']) },
    { parts },
  );

describe('positions', () => {
  const rotary = rotaryPositions(rotaryFrequencies(tinyLlama, 16), 64);
  const table = input('table', 'float32', [32, 4]);
  const oneWay = { buckets: 32, maxDistance: 128, bidirectional: false };

  test.each([
    ['llama', tinyLlama, randomLlama(tinyLlama)],
    ['bert', tinyBert, randomBert(tinyBert)],
  ] as const)('%s takes no ALiBi beside rotary embedding, and no tables without a rotation', (_, config, tensors) => {
    expect(() => build(config, tensors, { positions: { ...rotary, ...alibiPositions(4) } })).toThrow(
      /rotary embedding with ALiBi or a relative bias/,
    );
    expect(() => build(config, tensors, { positions: { angles: rotary.angles, tables: rotary.tables } })).toThrow(
      /turn nothing: they lack `rotate`/,
    );
    expect(() => build(config, tensors, { positions: rotary })).not.toThrow();
  });

  test('an encoder takes no positions that look back only', () => {
    const tensors = randomBert(tinyBert);
    for (const positions of [alibiPositions(4), relativePositions(table, oneWay)])
      expect(() => build(tinyBert, tensors, { positions })).toThrow(/tokens after a query, which an encoder sees/);
    const both = relativePositions(table, { ...oneWay, bidirectional: true });
    expect(() => build(tinyBert, tensors, { positions: both })).not.toThrow();
    expect(() => build(tinyLlama, randomLlama(tinyLlama), { positions: alibiPositions(4) })).not.toThrow();
  });

  test('nor does the encoder of a seq2seq model, whose decoder does', () => {
    for (const name of ['t5', 'bart']) {
      const { config, tensors } = readFixture(name);
      const heads = config.num_attention_heads;
      const ids = (at: string): Tensor => input(at, 'int64', ['rows', at]);
      const forward = (parts: Record<string, unknown>) =>
        architectureOf(config).forward(
          config,
          weightSource(tensors, 'fp32'),
          { ids: ids('ids'), decoderIds: ids('decoderIds') },
          { parts },
        );
      expect(() => forward({ encoderPositions: alibiPositions(heads) }), name).toThrow(/which an encoder sees/);
      const decoderHeads = Number(config.decoder_attention_heads ?? heads);
      expect(() => forward({ positions: alibiPositions(decoderHeads) }), name).not.toThrow();
    }
  });
});

test('pinned tokens that no layer would see', async () => {
  const windowed = { ...tinyLlama, model_type: 'mistral', sliding_window: 16 };
  const model = await createDecoder(factsOf(windowed, randomLlama(windowed), runtime));
  expect(() => model.createSlotCache({ ring: { pinned: 4, window: 12 } })).toThrow(
    /4 pinned tokens would never be seen/,
  );
  model.createSlotCache({ ring: { pinned: 0, window: 12 } }).release();
  model.close();
});

test('parts that a kind of model does not exchange', () => {
  expect(() => checkParts('encoder', { attention: 'x' })).toThrow(/'attention' was asked for.*is of the kind encoder/);
  expect(() => checkParts('decoder', { crossAttention: 'x' })).toThrow(/it has attention, positions, mlp, norm/);
  expect(() => checkParts('seq2seq', { crossAttention: 'x' })).not.toThrow();
  expect(() => checkParts('encoder', undefined)).not.toThrow();
});
