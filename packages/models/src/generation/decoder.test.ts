import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { denseAttention } from '../architectures/attention.ts';
import { llamaInDouble } from '../testing/forward-in-double.ts';
import { factsOf } from '../testing/model-facts.ts';
import { randomLlama, tinyLlama } from '../testing/random-checkpoint.ts';
import type { DecoderModel } from '../types.ts';
import { createDecoder } from './decoder.ts';
import type { GeneratedToken, GenerateOptions, GenerationResult } from './types.ts';

const runtime = createRuntime();
const tensors = randomLlama(tinyLlama, 3);
let model: DecoderModel;
beforeAll(async () => {
  model = await createDecoder(factsOf(tinyLlama, tensors, runtime));
});
afterAll(() => {
  model.close();
  runtime.close();
});

const tokens = (count: number, seed = 7) =>
  Array.from({ length: count }, (_, i) => (i * 31 + seed * 13 + ((i * i) % 17)) % 96);
const distance = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]!)), Math.abs(a.length - b.length));

async function collect(options: GenerateOptions): Promise<{ pieces: GeneratedToken[]; result: GenerationResult }> {
  const pieces: GeneratedToken[] = [];
  const generation = model.generate(options);
  while (true) {
    const { value, done } = await generation.next();
    if (done) return { pieces, result: value };
    pieces.push(value);
  }
}

describe('cache', () => {
  test('a prompt in chunks and cached steps equal one whole pass', async () => {
    const ids = tokens(300);
    const expected = llamaInDouble(tinyLlama, tensors, ids).logits;
    const cache = model.createCache(300);
    const next = await model.prefill(cache, ids.slice(0, 297)); // a chunk of 256, then the rest
    expect(distance(next.logits(), expected[296]!)).toBeLessThan(5e-4);
    for (let t = 297; t < 300; t++) {
      const answer = await model.step(cache, [ids[t]!]);
      expect(distance(answer.logits(), expected[t]!)).toBeLessThan(5e-4);
      expect(answer.ids[0]).toBe(expected[t]!.indexOf(Math.max(...expected[t]!)));
    }
    expect(cache.lengths).toEqual([300]);
    await expect(model.step(cache, [1])).rejects.toThrow(/holds 300 tokens and row 0 needs 301/);
    cache.release();
  });

  test('rows of different length step together, each as it would alone', async () => {
    const prompts = [tokens(9, 1), tokens(3, 2), tokens(1, 3)];
    const batch = model.createCache(16, 3);
    const longest = Math.max(...prompts.map(({ length }) => length)) - 1;
    const dense = await model.dense({
      ids: prompts.map((prompt) => [...prompt.slice(0, -1), ...tokens(longest)].slice(0, longest)),
    });
    for (const [row, prompt] of prompts.entries()) batch.load(row, dense.entries(row, 0, prompt.length - 1));
    expect(batch.lengths).toEqual([8, 2, 0]);
    let next = await model.step(
      batch,
      prompts.map((prompt) => prompt.at(-1)!),
    );
    for (let step = 0; step < 4; step++) {
      const logits = next.logits();
      for (const [row, prompt] of prompts.entries()) {
        const expected = llamaInDouble(tinyLlama, tensors, prompt).logits.at(-1)!;
        expect(distance(logits.subarray(row * 96, (row + 1) * 96), expected)).toBeLessThan(5e-4);
        prompt.push(next.ids[row]!);
      }
      next = await model.step(
        batch,
        prompts.map((prompt) => prompt.at(-1)!),
      );
    }
    batch.release();
  });

  test('prompts go straight into rows of a shared cache, rows are copied, some of them step alone', async () => {
    const prompts = [tokens(300, 1), tokens(5, 2), tokens(1, 3)];
    const cache = model.createCache(320, 4);
    for (const [row, prompt] of prompts.entries()) await model.prefill(cache.view(row), prompt);
    cache.copy(3, cache, 1);
    expect(cache.lengths).toEqual([300, 5, 1, 5]);
    const expected = (ids: number[]) => llamaInDouble(tinyLlama, tensors, ids).logits.at(-1)!;
    const next = await model.step(cache, [11, 12, 13, 14]);
    for (const [row, prompt] of [...prompts, prompts[1]!].entries()) {
      expect(distance(next.logits(row), expected([...prompt, 11 + row]))).toBeLessThan(5e-4);
      const { ids, logits } = await next.likeliest!(1, row);
      expect(ids[0]).toBe(next.ids[row]);
      expect(logits[0]).toBe(Math.max(...next.logits(row)));
    }
    cache.copy(3, cache, 2, 1);
    cache.truncate(2, 1);
    const part = cache.view(1, 3);
    expect(part.lengths).toEqual([6, 1, 2]);
    const second = await model.step(part, [20, 21, 22]);
    expect(cache.lengths).toEqual([301, 7, 2, 3]);
    expect(distance(second.logits(1), expected([...prompts[2]!, 21]))).toBeLessThan(5e-4);
    const other = model.createCache(10);
    other.copy(0, cache, 1, 0, 6);
    expect(distance((await model.step(other, [20])).logits(), second.logits(0))).toBeLessThan(1e-5);
    expect(() => cache.view(3, 2)).toThrow(/has 4 rows; 2 from row 3 on/);
    expect(() => cache.copy(0, cache, 1, 0, 9)).toThrow(/holds 7 tokens; places 0 to 9/);
    expect(() => other.copy(0, cache, 0)).toThrow(/301 tokens do not fit into a cache of 10/);
    for (const one of [cache, other]) one.release();
  });

  test('entries are read, loaded and cut; what does not fit is named', async () => {
    const ids = tokens(10);
    const cache = model.createCache(12);
    await model.prefill(cache, ids);
    const copy = model.createCache(20);
    copy.load(0, cache.read(0, 0, 6));
    expect(copy.lengths).toEqual([6]);
    const next = await model.prefill(copy, ids.slice(6));
    expect(distance(next.logits(), llamaInDouble(tinyLlama, tensors, ids).logits[9]!)).toBeLessThan(5e-4);
    cache.truncate(0, 4);
    expect(cache.lengths).toEqual([4]);
    expect(() => cache.read(0, 0, 5)).toThrow(/holds 4 tokens/);
    expect(() => cache.load(0, copy.read(0), 4)).toThrow(/do not fit into a cache of 12/);
    expect(() => model.createCache(2000)).toThrow(/2000 tokens is longer than the model's context of 1024/);
    for (const one of [cache, copy]) one.release();
  });

  test('a part that needs no cache can still be asked for by name', async () => {
    const dense = await createDecoder(factsOf(tinyLlama, tensors, runtime), { parts: { positions: {} } });
    const ids = tokens(8);
    const { logits } = await dense.logits(ids);
    const expected = llamaInDouble(tinyLlama, tensors, ids, { positions: ids.map(() => 0) }).logits.flat();
    expect(distance(logits, expected)).toBeLessThan(5e-4);
    await expect(
      createDecoder(factsOf(tinyLlama, tensors, runtime), { parts: { attention: denseAttention } }),
    ).rejects.toThrow(/takes no cache/);
    dense.close();
  });
});

test('the likeliest tokens of a step are those of its logits', async () => {
  const cache = model.createCache(8);
  await model.prefill(cache, tokens(4));
  const next = await model.step(cache, [5]);
  const logits = next.logits();
  const { ids, logits: values, mass } = await next.likeliest!(0.7);
  const order = Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]! || a - b);
  expect(ids).toEqual(order);
  expect(Array.from(values)).toEqual(order.map((id) => logits[id]!));
  const top = Math.max(...logits);
  expect(mass).toBeCloseTo(
    logits.reduce((sum, value) => sum + Math.exp((value - top) / 0.7), 0),
    3,
  );
  cache.release();
});

describe('scores', () => {
  test('nll and perplexity follow from the logits in double precision', async () => {
    const ids = tokens(200);
    const logits = llamaInDouble(tinyLlama, tensors, ids.slice(0, 150)).logits;
    const nllOf = (row: number[], id: number) =>
      Math.log(row.reduce((sum, value) => sum + Math.exp(value), 0)) - row[id]!;
    const nll = await model.nll(ids.slice(0, 150));
    expect(nll).toHaveLength(149);
    expect(
      distance(
        nll,
        logits.slice(0, -1).map((row, i) => nllOf(row, ids[i + 1]!)),
      ),
    ).toBeLessThan(5e-4);
    const { perplexity, tokens: scored, window } = await model.perplexity(ids, { window: 64 });
    expect([scored, window]).toEqual([196, 64]);
    let sum = 0;
    for (let start = 0; start < 200; start += 64) {
      const part = ids.slice(start, start + 64);
      const rows = llamaInDouble(tinyLlama, tensors, part).logits;
      for (let i = 1; i < part.length; i++) sum += nllOf(rows[i - 1]!, part[i]!);
    }
    expect(perplexity / Math.exp(sum / 196)).toBeCloseTo(1, 4);
    await expect(model.perplexity(ids, { window: 1 })).rejects.toThrow(/2 to 1024/);
    await expect(model.nll(tokens(1025))).rejects.toThrow(/1025 tokens.*1024/);
  });
});

describe('generation', () => {
  const prompt = 'The cat';

  test('greedy follows the largest logits and streams its whole text', async () => {
    const ids = Array.from(prompt, (character) => character.charCodeAt(0) - 32);
    const { pieces, result } = await collect({ prompt, raw: true, maxTokens: 6, stopAtEnd: false });
    for (const token of result.tokens) {
      const row = llamaInDouble(tinyLlama, tensors, ids).logits.at(-1)!;
      expect(token).toBe(row.indexOf(Math.max(...row)));
      ids.push(token);
    }
    expect(pieces.map(({ text }) => text).join('')).toBe(result.text);
    expect(result).toMatchObject({ finish: 'length', promptTokens: ids.slice(0, 7) });
  });

  test('one seed gives one sample; top-k 1 is greedy; a processor that keeps the top k changes nothing', async () => {
    const drawn = { prompt, raw: true, maxTokens: 12, temperature: 1.5, stopAtEnd: false };
    const [one, again, other] = await Promise.all([5, 5, 6].map((seed) => collect({ ...drawn, seed })));
    expect(one!.result.tokens).toEqual(again!.result.tokens);
    expect(one!.result.tokens).not.toEqual(other!.result.tokens);
    expect(one!.pieces.every(({ logProbability }) => logProbability! <= 0)).toBe(true);
    const greedy = await collect({ prompt, raw: true, maxTokens: 12, stopAtEnd: false });
    expect((await collect({ ...drawn, topK: 1 })).result.tokens).toEqual(greedy.result.tokens);
    const topFive = await collect({ ...drawn, topK: 5, seed: 9 });
    const processed = await collect({
      ...drawn,
      topK: 5,
      seed: 9,
      processLogits: (logits) => {
        const floor = Float32Array.from(logits).sort().at(-5)!;
        for (let id = 0; id < logits.length; id++) if (logits[id]! < floor) logits[id] = Number.NEGATIVE_INFINITY;
      },
    });
    expect(processed.result.tokens).toEqual(topFive.result.tokens);
  });

  test('a processor forces tokens; stop texts end before themselves; the end token ends', async () => {
    const script = 'abcdefgh~';
    const forced = (limit: number, extra: Partial<GenerateOptions>) =>
      collect({
        prompt,
        raw: true,
        maxTokens: limit,
        processLogits: (logits, { step }) => {
          logits.fill(Number.NEGATIVE_INFINITY);
          logits[script.charCodeAt(step) - 32] = 0;
        },
        ...extra,
      });
    const stopped = await forced(20, { stop: ['xyz', 'def'] });
    expect(stopped.result).toMatchObject({ text: 'abc', finish: 'stop' });
    expect(stopped.pieces.map(({ text }) => text).join('')).toBe('abc');
    expect((await forced(4, { stop: ['de!'] })).result).toMatchObject({ text: 'abcd', finish: 'length' });
    expect((await forced(20, {})).result).toMatchObject({ text: 'abcdefgh', finish: 'eos' });
  });

  test('scores of chosen tokens and their alternatives are those of the logits, greedy, drawn and forced', async () => {
    for (const extra of [
      {},
      { temperature: 1.3, seed: 4 },
      { repetitionPenalty: 4 },
      { logitBias: { 17: 100 }, temperature: 0.5 },
    ]) {
      const { pieces, result } = await collect({
        ids: tokens(6),
        maxTokens: 5,
        stopAtEnd: false,
        logProbabilities: 3,
        ...extra,
      });
      for (const [step, { id, score }] of pieces.entries()) {
        const row = llamaInDouble(tinyLlama, tensors, [...tokens(6), ...result.tokens.slice(0, step)]).logits.at(-1)!;
        const logMass = Math.log(row.reduce((sum, value) => sum + Math.exp(value), 0));
        expect(score!.logProbability).toBeCloseTo(row[id]! - logMass, 3);
        const best = Array.from(row.keys()).sort((a, b) => row[b]! - row[a]!);
        expect(score!.alternatives.map((other) => other.id)).toEqual(best.slice(0, 3));
        expect(score!.alternatives[2]!.logProbability).toBeCloseTo(row[best[2]!]! - logMass, 3);
      }
    }
  });

  test('stop ids end and are left out of the text', async () => {
    const all = (await collect({ prompt, raw: true, maxTokens: 6, stopAtEnd: false })).result;
    const { result } = await collect({ prompt, raw: true, maxTokens: 6, stopAtEnd: false, stopIds: [all.tokens[2]!] });
    const place = all.tokens.indexOf(all.tokens[2]!);
    expect(result).toMatchObject({ tokens: all.tokens.slice(0, place + 1), finish: 'stop' });
    expect(result.text).toHaveLength(place);
  });

  test('an abort ends the generation and keeps what was made', async () => {
    const controller = new AbortController();
    const generation = model.generate({
      prompt,
      raw: true,
      maxTokens: 500,
      stopAtEnd: false,
      signal: controller.signal,
    });
    const made: number[] = [];
    while (true) {
      const { value, done } = await generation.next();
      if (done) {
        expect(value).toMatchObject({ finish: 'cancelled', tokens: made });
        break;
      }
      made.push(value.id);
      if (made.length === 3) controller.abort();
    }
    expect(made).toHaveLength(3);
  });

  test('chat messages go through the template', async () => {
    const { result } = await collect({ messages: [{ role: 'user', content: 'Hi' }], maxTokens: 1 });
    expect(result.promptTokens).toEqual(Array.from('Hi:', (character) => character.charCodeAt(0) - 32));
  });

  test.each([
    [{ ids: tokens(1024) }, /prompt has 1024 tokens; the model's context holds 1024/],
    [{ ids: [] }, /prompt is empty/],
    [{ ids: [96] }, /96 is not a token id; the model has 96 tokens/],
    [{ prompt: 'a', raw: true, temperature: -1 }, /temperature/],
    [{ prompt: 'a', raw: true, topP: 0 }, /topP/],
    [{ prompt: 'a', raw: true, minP: 2 }, /minP must be from 0 \(off\) to 1; got 2/],
    [{ prompt: 'a', raw: true, logProbabilities: 300 }, /logProbabilities must be a whole number from 0 to 256/],
    [{ prompt: 'a', raw: true, badWords: [[1, 99]] }, /99 is not a token id/],
    [{ prompt: 'a', raw: true, maxTokens: 0 }, /maxTokens must be a whole number of at least 1; got 0/],
    [{ prompt: 'a', raw: true, stop: [''] }, /stop text/],
    [{ prompt: 'a', messages: [] }, /one of prompt, messages and ids; got 2/],
  ] as [Partial<GenerateOptions>, RegExp][])('bad options are named: %#', async (options, message) => {
    await expect(collect({ maxTokens: 2, ...options })).rejects.toThrow(message);
  });
});
