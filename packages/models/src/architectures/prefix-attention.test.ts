import { gradient, input, reduceSum, rmsNorm, slice, type Tensor } from '@working-papers/graph';
import type { HostTensor } from '@working-papers/runtime';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, expect, test } from 'vitest';
import type { ModelConfig } from '../formats/types.ts';
import { randomLlama, tinyLlama } from '../testing/random-checkpoint.ts';
import { weightSource } from '../weights/weight-source.ts';
import { denseAttention } from './attention.ts';
import { llama } from './llama.ts';
import { additiveMask } from './masks.ts';
import type { DecoderParts } from './parts.ts';
import { alibiPositions } from './positions.ts';
import { prefixAttention } from './prefix-attention.ts';

const runtime = createRuntime();
afterAll(() => runtime.close());

const int64 = (rows: number[][]): HostTensor => ({
  dtype: 'int64',
  shape: [rows.length, rows[0]!.length],
  data: BigInt64Array.from(rows.flat(), BigInt),
});
const distance = (a: HostTensor, b: HostTensor): number => {
  expect(a.shape).toEqual(b.shape);
  return Math.max(...Array.from(a.data as Float32Array, (value, i) => Math.abs(value - Number(b.data[i]))));
};
const text = (row: number) => Array.from({ length: 12 }, (_, i) => (i * 31 + row * 13 + ((i * i) % 17)) % 96);
const split = 5;
const places = (start: number, end: number) => Array.from({ length: end - start }, (_, i) => start + i);

const windowed: ModelConfig = { ...tinyLlama, model_type: 'mistral', sliding_window: 4 };
const cases: [string, ModelConfig, Partial<DecoderParts>, boolean][] = [
  ['rotary positions', tinyLlama, {}, false],
  ['a window that ends within the prefix', windowed, {}, false],
  ['a mask of the text', tinyLlama, {}, true],
  ['a window and a mask', windowed, {}, true],
  ['a bias of positions', tinyLlama, { positions: alibiPositions(4) }, false],
];

test.each(cases)(
  'the rest of a text behind the keys and values of its beginning: %s',
  async (_, config, parts, masked) => {
    const weights = weightSource(randomLlama(config), 'fp32');
    const shape = [2, 'sequence'] as const;
    const whole = llama(config, weights, {
      ids: input('all', 'int64', [2, 12]),
      positions: input('allPositions', 'int64', [2, 12]),
      parts: { ...parts, attention: denseAttention },
    });
    const prefix = whole.keys.map((key, layer) => ({
      key: slice(key, 2, 0, split),
      value: slice(whole.values[layer]!, 2, 0, split),
    }));
    const rest = llama(config, weights, {
      ids: input('restIds', 'int64', shape),
      positions: input('restPositions', 'int64', shape),
      ...(masked ? { mask: input('mask', 'float32', [1, 1, 'sequence', 'sequence']) } : {}),
      parts: { ...parts, attention: prefixAttention(prefix) },
    });
    const program = await runtime.compile({
      whole: slice(whole.logits, 1, split),
      rest: rest.logits,
      wholeKey: slice(whole.keys[1]!, 2, split),
      restKey: rest.keys[1]!,
    });
    const answer = await program.run({
      all: int64([text(0), text(1)]),
      allPositions: int64([places(0, 12), places(0, 12)]),
      restIds: int64([text(0).slice(split), text(1).slice(split)]),
      restPositions: int64([places(split, 12), places(split, 12)]),
      ...(masked
        ? { mask: { dtype: 'float32', shape: [1, 1, 7, 7], data: additiveMask(7, (query, key) => key <= query) } }
        : {}),
    });
    expect(distance(answer.rest!, answer.whole!)).toBeLessThan(1e-5);
    expect(distance(answer.restKey!, answer.wholeKey!)).toBeLessThan(1e-5);
  },
);

test('gradients flow to the prefix; what cannot be is named', () => {
  const layer = (name: string): Tensor => input(name, 'float32', [1, 2, 3, 16]);
  const prefix = [0, 1].map((index) => ({ key: layer(`key.${index}`), value: layer(`value.${index}`) }));
  const weights = weightSource(randomLlama(tinyLlama), 'fp32');
  const ids = input('ids', 'int64', ['rows', 'sequence']);
  const positions = input('positions', 'int64', ['rows', 'sequence']);
  // The fused norm has no gradient.
  const norm: DecoderParts['norm'] = (x, gain, { epsilon }) => rmsNorm(x, gain, { epsilon });
  const build = (attention: DecoderParts['attention']) =>
    llama(tinyLlama, weights, { ids, positions, parts: { attention, norm } });
  const loss = reduceSum(build(prefixAttention(prefix)).logits);
  const tensors = prefix.flatMap(({ key, value }) => [key, value]);
  expect(gradient(loss, tensors).map(({ shape }) => shape)).toEqual(tensors.map(({ shape }) => shape));
  expect(() => build(prefixAttention(prefix.slice(1)))).toThrow(/keys and values of 1 layers, and none of layer 1/);
  const cache = {
    keys: prefix.map(({ key }) => key),
    values: prefix.map(({ value }) => value),
    last: input('last', 'int32', [1]),
    total: input('total', 'int32', [1]),
  };
  expect(() =>
    llama(tinyLlama, weights, { ids, positions, cache, parts: { attention: prefixAttention(prefix) } }),
  ).toThrow(/load the prefix into the cache/);
});
