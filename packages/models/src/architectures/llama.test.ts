import { input, type Tensor } from '@working-papers/graph';
import type { HostTensor } from '@working-papers/runtime';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, describe, expect, test } from 'vitest';
import type { ModelConfig } from '../formats/types.ts';
import { createDecoder } from '../generation/decoder.ts';
import { llamaInDouble } from '../testing/forward-in-double.ts';
import { factsOf } from '../testing/model-facts.ts';
import { randomLlama, tinyLlama } from '../testing/random-checkpoint.ts';
import { weightSource } from '../weights/weight-source.ts';
import { cachedAttention } from './attention.ts';
import { llama } from './llama.ts';
import { forbidden } from './masks.ts';
import type { Attention } from './parts.ts';
import { rotaryFrequencies } from './rotary.ts';

const runtime = createRuntime();
afterAll(() => runtime.close());

const tokens = (count: number, seed = 7) =>
  Array.from({ length: count }, (_, i) => (i * 31 + seed * 13 + ((i * i) % 17)) % 96);
const int64 = (rows: number[][]): HostTensor => ({
  dtype: 'int64',
  shape: [rows.length, rows[0]!.length],
  data: BigInt64Array.from(rows.flat(), BigInt),
});
const distance = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  expect(a.length).toBe(b.length);
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i]! - b[i]!));
  return largest;
};

/** A part that the decoder's own programs, with a cache, cannot use: there the usual one is taken. */
const segmentsOnly =
  (attention: Attention): Attention =>
  (input) =>
    (input.cache ? cachedAttention : attention)(input);

const configs: Record<string, ModelConfig> = {
  'tied head, grouped keys': tinyLlama,
  'own head, one key head a query head': { ...tinyLlama, tie_word_embeddings: false, num_key_value_heads: 4 },
  'biases (qwen2)': { ...tinyLlama, model_type: 'qwen2' },
};

describe.each(Object.entries(configs))('llama: %s', (_, config) => {
  const tensors = randomLlama(config);
  const ids = tokens(37);
  const expected = llamaInDouble(config, tensors, ids);

  test('the fused form agrees with plain loops in double precision', async () => {
    const model = await createDecoder(factsOf(config, tensors, runtime));
    const { logits, shape } = await model.logits(ids);
    expect(shape).toEqual([37, 96]);
    expect(distance(logits, expected.logits.flat())).toBeLessThan(2e-4);
    model.close();
  });

  test('the dense form agrees, and its keys and values', async () => {
    const model = await createDecoder(factsOf(config, tensors, runtime));
    const answer = await model.dense({ ids: [ids], logitsAt: ids.map((_, place) => place) });
    expect(distance(answer.logits, expected.logits.flat())).toBeLessThan(2e-4);
    const { kvHeads, headDim } = model.createCache(1);
    for (const [layer, matrix] of expected.keys.entries()) {
      for (const [got, wanted] of [
        [answer.keys[layer]!, matrix],
        [answer.values[layer]!, expected.values[layer]!],
      ] as const) {
        const byHead = Array.from({ length: kvHeads }, (_, head) =>
          wanted.map((row) => row.slice(head * headDim, (head + 1) * headDim)),
        );
        expect(distance(got, byHead.flat(2))).toBeLessThan(1e-4);
      }
    }
    model.close();
  });
});

describe('llama: parts, masks, positions, taps', () => {
  const tensors = randomLlama(tinyLlama);
  const weights = weightSource(tensors, 'fp32');
  const ids = tokens(12);
  const idsInput = input('ids', 'int64', ['rows', 'sequence']);
  const positionsInput = input('positions', 'int64', ['rows', 'sequence']);
  const counted = ids.map((_, place) => place);

  test('any mask and any positions: two packed prompts equal each alone', async () => {
    const model = await createDecoder(factsOf(tinyLlama, tensors, runtime));
    const [one, two] = [tokens(7, 1), tokens(5, 2)];
    const segment = [...one.map(() => 0), ...two.map(() => 1)];
    const mask = new Float32Array(144).map((_, i) => {
      const [query, key] = [Math.floor(i / 12), i % 12];
      return segment[query] === segment[key] && key <= query ? 0 : forbidden;
    });
    const packed = await model.dense({
      ids: [[...one, ...two]],
      positions: [[...one.map((_, i) => i), ...two.map((_, i) => i)]],
      mask,
      logitsAt: [6, 11],
    });
    const alone = [llamaInDouble(tinyLlama, tensors, one), llamaInDouble(tinyLlama, tensors, two)];
    expect(distance(packed.logits.subarray(0, 96), alone[0]!.logits[6]!)).toBeLessThan(1e-4);
    expect(distance(packed.logits.subarray(96), alone[1]!.logits[4]!)).toBeLessThan(1e-4);
    // Without the restart of positions the second prompt's keys must differ: the check can fail.
    const solo = await model.dense({ ids: [two] });
    const plain = await model.dense({ ids: [[...one, ...two]], mask });
    expect(distance(packed.entries(0, 7, 12).keys[1]!, solo.keys[1]!)).toBeLessThan(1e-5);
    expect(distance(plain.entries(0, 7, 12).keys[1]!, solo.keys[1]!)).toBeGreaterThan(1e-2);
    model.close();
  });

  test.each([
    ['the fused kernel', tinyLlama],
    ['a part of its own', { ...tinyLlama, num_key_value_heads: 4 }],
  ])('segments equal each prompt alone, wherever they lie: %s', async (name, config) => {
    const { denseAttention } = await import('./attention.ts');
    const weights = randomLlama(config);
    const parts = name === 'a part of its own' ? { attention: segmentsOnly(denseAttention) } : {};
    const model = await createDecoder(factsOf(config, weights, runtime), { parts });
    const prompts = [tokens(7, 1), tokens(5, 2), tokens(1, 3), tokens(9, 4)];
    const [a, b, c, d] = prompts as [number[], number[], number[], number[]];
    const segments = [
      { row: 0, start: 0, end: 7 },
      { row: 0, start: 7, end: 12 },
      { row: 1, start: 11, end: 12 },
      { row: 1, start: 1, end: 10 },
    ];
    const packed = await model.dense({
      ids: [
        [...a, ...b],
        [90, ...d, 91, ...c],
      ],
      segments,
      logitsAt: [6, 11, 23, 21],
    });
    for (const [index, prompt] of prompts.entries()) {
      const alone = llamaInDouble(config, weights, prompt);
      expect(distance(packed.logits.subarray(index * 96, (index + 1) * 96), alone.logits.at(-1)!)).toBeLessThan(2e-4);
      const { row, start, end } = segments[index]!;
      const entries = packed.entries(row, start, end);
      const { kvHeads, headDim } = model.createCache(1);
      const byHead = (matrix: number[][]) =>
        Array.from({ length: kvHeads }, (_, h) => matrix.map((line) => line.slice(h * headDim, (h + 1) * headDim)));
      for (const layer of [0, 1]) {
        expect(distance(entries.keys[layer]!, byHead(alone.keys[layer]!).flat(2))).toBeLessThan(1e-4);
        expect(distance(entries.values[layer]!, byHead(alone.values[layer]!).flat(2))).toBeLessThan(1e-4);
      }
    }
    // A stretch of a segment is found too; one across two of them is not.
    const { headDim } = model.createCache(1);
    const second = packed.entries(0, 7, 12).keys[0]!;
    expect(packed.entries(0, 8, 9).keys[0]!.subarray(0, headDim)).toEqual(second.subarray(headDim, 2 * headDim));
    expect(() => packed.entries(0, 5, 9)).toThrow(/not of one segment/);
    packed.release();
    expect(() => packed.entries(0, 0, 7)).toThrow(/released/);
    model.close();
  });

  test('says what is wrong with segments', async () => {
    const model = await createDecoder(factsOf(tinyLlama, tensors, runtime));
    const row = [tokens(8)];
    const pass = (segments: { row: number; start: number; end: number }[], more = {}) =>
      model.dense({ ids: row, segments, ...more });
    await expect(pass([{ row: 0, start: 4, end: 9 }])).rejects.toThrow(/Segment 0 is tokens 4 to 9 of row 0/);
    await expect(pass([{ row: 0, start: 4, end: 4 }])).rejects.toThrow(/at least one token/);
    await expect(
      pass([
        { row: 0, start: 0, end: 5 },
        { row: 0, start: 4, end: 8 },
      ]),
    ).rejects.toThrow(/Token 4 of row 0 lies in two segments/);
    await expect(pass([{ row: 0, start: 0, end: 8 }], { mask: new Float32Array(64) })).rejects.toThrow(/in place of/);
    await expect(pass(new Array(257).fill({ row: 0, start: 0, end: 1 }))).rejects.toThrow(/at most 256 segments/);
    await expect(model.dense({ ids: [tokens(1025)], segments: [{ row: 0, start: 0, end: 1025 }] })).rejects.toThrow(
      /Segment 0 has 1025 tokens; the model takes 1024/,
    );
    model.close();
  });

  test('taps see every activation by name and a replaced one changes what follows', async () => {
    const seen: Record<string, Tensor> = {};
    const shown = llama(tinyLlama, weights, {
      ids: idsInput,
      positions: positionsInput,
      tap: (name, tensor) => {
        seen[name] = tensor;
      },
    });
    expect(Object.keys(seen)).toEqual(
      expect.arrayContaining([
        'embedding',
        'blocks.1.attention.probabilities',
        'blocks.1.mlp.hidden',
        'norm',
        'logits',
      ]),
    );
    const zeroed = llama(tinyLlama, weights, {
      ids: idsInput,
      positions: positionsInput,
      tap: (name) => (name === 'blocks.1.residual' ? seen.embedding : undefined),
    });
    const program = await runtime.compile({ zeroed: zeroed.logits, shown: shown.logits });
    const answer = await program.run({ ids: int64([ids]), positions: int64([counted]) });
    expect(
      distance(answer.shown!.data as Float32Array, llamaInDouble(tinyLlama, tensors, ids).logits.flat()),
    ).toBeLessThan(2e-4);
    const none = llamaInDouble({ ...tinyLlama, num_hidden_layers: 0 }, tensors, ids);
    expect(distance(answer.zeroed!.data as Float32Array, none.logits.flat())).toBeLessThan(1e-4);
  });

  test('given parts are used: the same ones change nothing, no positions are position 0', async () => {
    const { denseAttention } = await import('./attention.ts');
    const { gatedMlp } = await import('./llama.ts');
    const build = (parts: Parameters<typeof llama>[2]['parts']) =>
      llama(tinyLlama, weights, { ids: idsInput, positions: positionsInput, parts }).logits;
    const program = await runtime.compile({
      plain: build({}),
      same: build({ attention: denseAttention, mlp: gatedMlp }),
      still: build({ positions: {} }),
    });
    const answer = await program.run({ ids: int64([ids]), positions: int64([counted]) });
    const plain = answer.plain!.data as Float32Array;
    expect(distance(answer.same!.data as Float32Array, plain)).toBe(0);
    // No positions at all is rotary at position 0 everywhere.
    const unplaced = llamaInDouble(tinyLlama, tensors, ids, { positions: ids.map(() => 0) });
    expect(distance(answer.still!.data as Float32Array, unplaced.logits.flat())).toBeLessThan(2e-4);
  });

  test('says what cannot be built', () => {
    expect(() => llama({ ...tinyLlama, model_type: 'mamba' }, weights, { ids: idsInput })).toThrow(
      /'mamba' is not of the Llama family/,
    );
    expect(() => llama(tinyLlama, weights, { ids: idsInput })).toThrow(/position ids/);
    expect(() => llama({ ...tinyLlama, rope_scaling: { rope_type: 'dynamic' } }, weights, { ids: idsInput })).toThrow(
      /'dynamic' is not built; 'default', 'linear', 'llama3', 'yarn', 'longrope' are/,
    );
  });
});

test('llama3 scaling keeps short wavelengths and divides long ones', () => {
  const config = {
    ...tinyLlama,
    rope_theta: 500000,
    rope_scaling: {
      rope_type: 'llama3',
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 8192,
    },
  };
  const plain = rotaryFrequencies({ ...config, rope_scaling: null }, 128);
  const scaled = rotaryFrequencies(config, 128);
  expect(scaled[0]).toBe(plain[0]);
  expect(scaled[63]).toBeCloseTo(plain[63]! / 8, 15);
});
