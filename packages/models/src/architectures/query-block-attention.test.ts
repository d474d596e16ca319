import { input, lessOrEqual, or, sub, type Tensor } from '@working-papers/graph';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, describe, expect, test } from 'vitest';
import type { ModelConfig } from '../formats/types.ts';
import { createDecoder } from '../generation/decoder.ts';
import { fixturesOf, distance as largest, readFixture } from '../testing/fixture.ts';
import { factsOf } from '../testing/model-facts.ts';
import { randomLlama, tinyLlama } from '../testing/random-checkpoint.ts';
import { weightSource } from '../weights/weight-source.ts';
import { denseAttention } from './attention.ts';
import { architectures, decoderOf } from './index.ts';
import { additiveMask } from './masks.ts';
import type { DecoderParts } from './parts.ts';
import { alibiPositions, places } from './positions.ts';
import { type QueryBlockOptions, queryBlockAttention } from './query-block-attention.ts';

const runtime = createRuntime();
afterAll(() => runtime.close());

const tokens = (count: number, seed = 7) =>
  Array.from({ length: count }, (_, i) => (i * 31 + seed * 13 + ((i * i) % 17)) % 96);
const distance = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]!)), Math.abs(a.length - b.length));

/** Logits and every layer's log-sum-exp. */
async function pass(
  config: ModelConfig,
  tensors: Parameters<typeof weightSource>[0],
  ids: readonly (readonly number[])[],
  parts: Partial<DecoderParts>,
  mask?: Float32Array,
) {
  const idsInput = input('ids', 'int64', ['rows', 'sequence']);
  const sums: Record<string, Tensor> = {};
  const { logits } = decoderOf(config).build(config, weightSource(tensors, 'fp32'), {
    ids: idsInput,
    positions: places(idsInput),
    ...(mask ? { mask: input('mask', 'float32', ['sequence', 'sequence']) } : {}),
    parts,
    tap: (name, tensor) => {
      if (name.endsWith('logSumExp')) sums[name] = tensor;
    },
  });
  const program = await runtime.compile({ logits, ...sums });
  const [rows, sequence] = [ids.length, ids[0]!.length];
  const answer = await program.run({
    ids: { dtype: 'int64', shape: [rows, sequence], data: BigInt64Array.from(ids.flat(), BigInt) },
    ...(mask ? { mask: { dtype: 'float32' as const, shape: [sequence, sequence], data: mask } } : {}),
  });
  program.release();
  return answer;
}

const tensors = randomLlama(tinyLlama, 3);
const pinnedOrNear: QueryBlockOptions['sees'] = (query, key) =>
  or(lessOrEqual(key, 1), lessOrEqual(sub(query, key), 5));

describe.each([1, 5, 16, 37, 64])('37 tokens in blocks of %i', (block) => {
  const ids = [tokens(37, 1), tokens(37, 2)];
  test.each([
    ['causal', tinyLlama, {}, {}, undefined],
    ['window', { ...tinyLlama, model_type: 'mistral', sliding_window: 7 }, {}, {}, undefined],
    ['ALiBi', tinyLlama, {}, { positions: alibiPositions(4) }, undefined],
    ['a rule over places', tinyLlama, { sees: pinnedOrNear }, {}, (i: number, j: number) => j <= 1 || i - j <= 5],
  ] as const)('%s: as the whole matrix of scores, log-sum-exp too', async (_, config, options, parts, sees) => {
    const mask = sees && additiveMask(37, (i, j) => j <= i && sees(i, j));
    const wanted = await pass(config, tensors, ids, { ...parts, attention: denseAttention }, mask);
    const got = await pass(config, tensors, ids, { ...parts, attention: queryBlockAttention({ block, ...options }) });
    expect(Object.keys(got).sort()).toEqual(['blocks.0.attention.logSumExp', 'blocks.1.attention.logSumExp', 'logits']);
    for (const [name, { shape, data }] of Object.entries(wanted)) {
      expect(got[name]!.shape, name).toEqual(shape);
      expect(distance(got[name]!.data as Float32Array, data as Float32Array), name).toBeLessThan(1e-4);
    }
  });
});

const decoders = architectures.filter(({ kind }) => kind === 'decoder').flatMap(({ types }) => fixturesOf(types));

test.each(decoders)('%s: by blocks of queries the logits are those of transformers', async (name) => {
  const { config, tensors, inputs, outputs } = readFixture(name);
  const { logits } = await pass(config, tensors, inputs.ids!, { attention: queryBlockAttention({ block: 4 }) });
  expect(largest(logits!, outputs.logits!)).toBeLessThan(1e-4);
});

test('a long pass goes by blocks, with keys and values, at any positions', async () => {
  const model = await createDecoder(factsOf(tinyLlama, tensors, runtime));
  const [ids, at] = [tokens(600), [0, 130, 599]];
  const positions = ids.map((_, i) => (i < 300 ? i : i - 300));
  for (const given of [{ ids: [ids] }, { ids: [ids], positions: [positions] }]) {
    const mask = additiveMask(600, (i, j) => j <= i);
    const whole = await model.dense({ ...given, mask, logitsAt: at });
    const blocks = await model.dense({ ...given, logitsAt: at });
    expect(distance(blocks.logits, whole.logits)).toBeLessThan(1e-4);
    for (const layer of [0, 1]) {
      expect(distance(blocks.keys[layer]!, whole.keys[layer]!)).toBeLessThan(1e-4);
      expect(distance(blocks.values[layer]!, whole.values[layer]!)).toBeLessThan(1e-4);
    }
    for (const output of [whole, blocks]) output.release();
  }
  model.close();
});

test('what makes no sense is named', async () => {
  expect(() => queryBlockAttention({ block: 0 })).toThrow(/at least 1; got 0/);
  const blocks = { attention: queryBlockAttention() };
  await expect(pass(tinyLlama, tensors, [tokens(4)], blocks, new Float32Array(16))).rejects.toThrow(/takes no mask/);
  await expect(createDecoder(factsOf(tinyLlama, tensors, runtime), { parts: blocks })).rejects.toThrow(
    /takes no cache/,
  );
});
