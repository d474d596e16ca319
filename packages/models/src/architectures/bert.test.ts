import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { equalLengthBatches, packedBatches } from '../embedding/batches.ts';
import { createEncoder } from '../embedding/encoder.ts';
import { fixturesOf, readFixture } from '../testing/fixture.ts';
import { bertInDouble } from '../testing/forward-in-double.ts';
import { factsOf } from '../testing/model-facts.ts';
import { randomBert, tinyBert } from '../testing/random-checkpoint.ts';
import type { EncoderModel } from '../types.ts';
import { architectureOf, architectures } from './index.ts';
import { forbidden } from './masks.ts';

const runtime = createRuntime();
const tensors = randomBert(tinyBert);
let model: EncoderModel;
beforeAll(async () => {
  model = await createEncoder(factsOf(tinyBert, tensors, runtime), { pooling: 'mean', maxSequenceLength: 40 });
});
afterAll(() => {
  model.close();
  runtime.close();
});

const distance = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]!)), Math.abs(a.length - b.length));
const mean = (rows: number[][]) => rows[0]!.map((_, i) => rows.reduce((sum, row) => sum + row[i]!, 0) / rows.length);
const idsOf = (text: string) => Array.from(text, (character) => character.charCodeAt(0) - 32);

test('embeddings are the means of plain loops in double precision, whatever stands beside them', async () => {
  const texts = ['kill time', 'a', 'kill mice', 'to eat bread', 'b', 'kill time'];
  const embeddings = await model.embed(texts, { normalise: false });
  for (const [index, text] of texts.entries()) {
    expect(distance(embeddings[index]!, mean(bertInDouble(tinyBert, tensors, idsOf(text))))).toBeLessThan(1e-5);
  }
  expect(embeddings[5]).toEqual(embeddings[0]);
  const scaled = await model.embed(['to eat bread']);
  expect(Math.hypot(...scaled[0]!)).toBeCloseTo(1, 6);
  const factor = Math.hypot(...embeddings[3]!);
  expect(
    distance(
      scaled[0]!,
      embeddings[3]!.map((value) => value / factor),
    ),
  ).toBeLessThan(1e-6);
});

test('packed texts under a block-diagonal mask equal each alone', async () => {
  const [one, two] = [idsOf('help a friend'), idsOf('lie')];
  const segment = [...one.map(() => 0), ...two.map(() => 1)];
  const sequence = segment.length;
  const { hidden, shape } = await model.hidden({
    ids: [[...one, ...two]],
    positions: [[...one.map((_, i) => i), ...two.map((_, i) => i)]],
    mask: new Float32Array(sequence * sequence).map((_, i) =>
      segment[Math.floor(i / sequence)] === segment[i % sequence] ? 0 : forbidden,
    ),
  });
  expect(shape).toEqual([1, sequence, 64]);
  expect(
    distance(
      hidden,
      [one, two].flatMap((ids) => bertInDouble(tinyBert, tensors, ids).flat()),
    ),
  ).toBeLessThan(2e-5);
  const whole = await model.hidden({ ids: [one] });
  expect(distance(whole.hidden, bertInDouble(tinyBert, tensors, one).flat())).toBeLessThan(2e-5);
});

test('texts in segments equal each alone', async () => {
  const [one, two] = [idsOf('help a friend'), idsOf('lie')];
  const { hidden } = await model.hidden({
    ids: [[...two, 5, ...one]],
    segments: [
      { row: 0, start: 0, end: 3 },
      { row: 0, start: 4, end: 4 + one.length },
    ],
  });
  expect(distance(hidden.subarray(0, 3 * 64), bertInDouble(tinyBert, tensors, two).flat())).toBeLessThan(2e-5);
  expect(distance(hidden.subarray(4 * 64), bertInDouble(tinyBert, tensors, one).flat())).toBeLessThan(2e-5);
});

test('texts are cut at the window; what cannot be is named', async () => {
  expect(model.contextLength).toBe(40);
  expect(model.tokenize(['x'.repeat(50), 'y'])).toMatchObject([{ truncated: true }, { truncated: false }]);
  const [cut] = await model.embed(['x'.repeat(50)], { normalise: false });
  expect(distance(cut!, mean(bertInDouble(tinyBert, tensors, idsOf('x'.repeat(40)))))).toBeLessThan(1e-5);
  await expect(model.embedIds([[]])).rejects.toThrow(/Text 0 has 0 tokens; the encoder takes 1 to 64/);
  await expect(model.embedIds([[99]])).rejects.toThrow(/99 is not a token id/);
  await expect(model.hidden({ ids: [[1, 2], [1]] })).rejects.toThrow(/Row 1 of ids has 1 tokens/);
  await expect(model.embed(['a'], { signal: AbortSignal.abort(new Error('stopped')) })).rejects.toThrow('stopped');
  expect(await model.embed([])).toEqual([]);
});

test('batches hold texts of one length, within both limits', () => {
  const texts = [3, 5, 3, 3, 5, 1].map((length) => ({ length }));
  expect(equalLengthBatches(texts, 2, 100)).toEqual([[1, 4], [0, 2], [3], [5]]);
  expect(equalLengthBatches(texts, 32, 6)).toEqual([[1], [4], [0, 2], [3], [5]]);
});

test('runs of several lengths hold as many stacks, tokens and texts as they may, and every text once', () => {
  const texts = [3, 5, 3, 3, 5, 1, 9].map((length) => ({ length }));
  const limits = { stacks: 3, tokens: 16, texts: 100 };
  expect(packedBatches(texts, limits)).toEqual([
    [[6], [1]],
    [[4], [0, 2, 3], [5]],
  ]);
  expect(packedBatches(texts, { ...limits, stacks: 2 })).toEqual([[[6], [1]], [[4], [0, 2, 3]], [[5]]]);
  expect(packedBatches(texts, { ...limits, texts: 2 })).toEqual([[[6], [1]], [[4], [0]], [[2, 3]], [[5]]]);
  expect(packedBatches([{ length: 40 }, { length: 2 }], limits)).toEqual([[[0]], [[1]]]);
  expect(packedBatches([], limits)).toEqual([]);
});

test.each(['mean', 'cls', 'max'] as const)('many texts end to end are embedded as each alone (%s)', async (pooling) => {
  const many = await createEncoder(factsOf(tinyBert, tensors, runtime), { pooling });
  const rows = Array.from({ length: 75 }, (_, row) =>
    Array.from({ length: 1 + ((row * 11) % 39) }, (_, place) => (row * 7 + place * 3) % 30),
  );
  const seen: number[] = [];
  const together = await many.embedIds(rows, { onProgress: ({ done }) => seen.push(done) });
  for (const [index, ids] of rows.entries())
    expect(distance(together[index]!, (await many.embedIds([ids]))[0]!)).toBeLessThan(2e-6);
  expect(seen.length).toBeGreaterThan(2);
  expect(seen.at(-1)).toBe(75);
  await expect(many.embedIds(rows, { batchSize: 0 })).rejects.toThrow('batchSize must be at least 1; got 0.');
  const inThrees = await many.embedIds(rows, { batchSize: 3 });
  for (const [index, embedding] of together.entries()) expect(distance(inThrees[index]!, embedding)).toBeLessThan(2e-6);
  many.close();
});

const encoders = architectures
  .filter(({ kind }) => kind === 'encoder')
  .flatMap(({ types }) => fixturesOf(types))
  .filter((name) => architectureOf(readFixture(name).config).kind === 'encoder');

test.each(encoders)('%s embeds many texts as each alone', async (name) => {
  const { config, tensors } = readFixture(name);
  const encoder = await createEncoder(factsOf(config, tensors, runtime), { pooling: 'mean' });
  // Padding and mask tokens among them.
  const rows = Array.from({ length: 40 }, (_, row) =>
    Array.from({ length: 2 + ((row * 5) % 7) }, (_, place) => (row * 3 + place) % Math.min(20, config.vocab_size)),
  );
  const together = await encoder.embedIds(rows);
  for (const [index, ids] of rows.entries())
    expect(distance(together[index]!, (await encoder.embedIds([ids]))[0]!)).toBeLessThan(1e-5);
  const segments = [{ row: 0, start: 1, end: 4 }];
  const hidden = encoder.hidden({ ids: [[9, 8, 7, 6]], segments });
  if (config.token_dropout) await expect(hidden).rejects.toThrow(/depend on the whole row/);
  else {
    const alone = await encoder.hidden({ ids: [[8, 7, 6]] });
    expect(distance((await hidden).hidden.subarray(alone.shape[2]), alone.hidden)).toBeLessThan(1e-5);
  }
  encoder.close();
});
