import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { equalLengthBatches } from '../embedding/batches.ts';
import { createEncoder } from '../embedding/encoder.ts';
import { bertInDouble } from '../testing/forward-in-double.ts';
import { factsOf } from '../testing/model-facts.ts';
import { randomBert, tinyBert } from '../testing/random-checkpoint.ts';
import type { EncoderModel } from '../types.ts';
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
