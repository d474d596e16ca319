import { createRuntime, residentBytes } from '@working-papers/runtime/node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { factsOf } from '../testing/model-facts.ts';
import { randomLlama, tinyLlama } from '../testing/random-checkpoint.ts';
import type { DecoderModel } from '../types.ts';
import { createDecoder } from './decoder.ts';
import { QueueFullError, SchedulerClosedError } from './scheduler-errors.ts';
import type { GeneratedToken, GenerateOptions, GenerationResult } from './types.ts';

const runtime = createRuntime();
let model: DecoderModel;
beforeAll(async () => {
  model = await createDecoder(factsOf(tinyLlama, randomLlama(tinyLlama, 3), runtime));
});
afterAll(() => {
  model.close();
  runtime.close();
});

const tokens = (count: number, seed = 7) =>
  Array.from({ length: count }, (_, i) => (i * 31 + seed * 13 + ((i * i) % 17)) % 94);

async function whole(
  generation: AsyncGenerator<GeneratedToken, GenerationResult>,
  see: (token: GeneratedToken) => void = () => {},
): Promise<GenerationResult> {
  while (true) {
    const { value, done } = await generation.next();
    if (done) return value;
    see(value);
  }
}

/** Uneven prompts, each with a way of its own to be continued. */
const requests: GenerateOptions[] = [
  { ids: tokens(300, 1), maxTokens: 9 },
  { ids: tokens(3, 2), maxTokens: 40 },
  { ids: tokens(1, 3), maxTokens: 25, temperature: 1.2, seed: 5 },
  { ids: tokens(70, 4), maxTokens: 30, temperature: 0.9, topP: 0.8, seed: 6 },
  { ids: tokens(150, 5), maxTokens: 12, repetitionPenalty: 1.4, logProbabilities: 2 },
  { ids: tokens(12, 6), maxTokens: 20, noRepeatNgramSize: 2, minNewTokens: 20 },
  { ids: tokens(65, 7), maxTokens: 1 },
  { ids: tokens(30, 8), maxTokens: 35, stopAtEnd: false, stop: ['0', 'q'] },
  { ids: tokens(64, 9), maxTokens: 18, temperature: 1, minP: 0.1, seed: 9 },
  {
    ids: tokens(5, 10),
    maxTokens: 33,
    processLogits: (logits, { step }) => logits.fill(1e4, step, step + 1) && undefined,
  },
];
const told = ({ text, tokens: ids, finish, promptTokens }: GenerationResult) => ({
  text,
  tokens: ids,
  finish,
  promptTokens,
});

describe('many requests at once', () => {
  test.each([1, 3, 8])('in %s rows are answered as alone', async (rows) => {
    const alone = [];
    for (const request of requests) alone.push(told(await whole(model.generate(request))));
    expect((await model.generateBatch(requests, { rows })).map(told)).toEqual(alone);
    const scores: unknown[] = [];
    const scheduler = model.createScheduler({ rows, capacity: 400 });
    const late: Promise<GenerationResult>[] = [];
    for (const request of requests) {
      late.push(whole(scheduler.generate(request), ({ score }) => score && scores.push(score)));
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
    expect((await Promise.all(late)).map(told)).toEqual(alone);
    expect(scores).toHaveLength(alone[4]!.tokens.length);
    expect(scheduler.metrics).toMatchObject({ queued: 0, prefilling: 0, decoding: 0, finished: 10, failed: 0 });
    expect(scheduler.metrics.newTokens).toBe(alone.reduce((sum, { tokens: ids }) => sum + ids.length, 0));
    await scheduler.close();
  });

  test('a long prompt is computed between the steps of the others', async () => {
    const scheduler = model.createScheduler({ rows: 2 });
    const order: string[] = [];
    const short = whole(scheduler.generate({ ids: tokens(2), maxTokens: 30, stopAtEnd: false }), () =>
      order.push('short'),
    );
    await new Promise((resolve) => setTimeout(resolve, 1));
    const long = whole(scheduler.generate({ ids: tokens(640), maxTokens: 1 }), () => order.push('long'));
    await Promise.all([short, long]);
    // Ten chunks of 64, a step after each.
    expect(order.indexOf('long')).toBeGreaterThanOrEqual(9);
    await scheduler.close();
  });

  test('an error stays with its request, a reader who leaves frees the row, a full queue refuses', async () => {
    const scheduler = model.createScheduler({ rows: 1, queueLimit: 3 });
    const failing = scheduler.generate({
      ids: tokens(4),
      maxTokens: 10,
      processLogits: (_, { step }) => {
        if (step === 2) throw new Error('no more');
      },
    });
    const leaving = scheduler.generate({ ids: tokens(4), maxTokens: 500, stopAtEnd: false });
    const waiting = scheduler.generate({ ids: tokens(4), maxTokens: 5, stopAtEnd: false });
    const never = new AbortController();
    const queued = scheduler.generate({ ids: tokens(4), maxTokens: 5, signal: never.signal });
    expect(() => scheduler.generate({ ids: tokens(4), maxTokens: 5 })).toThrow(
      /queue is full: \d requests wait for one of 1 rows/,
    );
    expect(() => scheduler.generate({ ids: tokens(4), maxTokens: 5 })).toThrow(QueueFullError);
    never.abort();
    expect(await whole(queued)).toMatchObject({ finish: 'cancelled', tokens: [] });
    await expect(whole(failing)).rejects.toThrow('no more');
    for await (const { index } of leaving) if (index === 3) break;
    expect(told(await whole(waiting))).toEqual(
      told(await whole(model.generate({ ids: tokens(4), maxTokens: 5, stopAtEnd: false }))),
    );
    expect(scheduler.metrics).toMatchObject({ failed: 1, cancelled: 2, finished: 1 });
    expect(() => scheduler.generate({ ids: [99], maxTokens: 5 })).toThrow(/99 is not a token id/);
    const cut = whole(scheduler.generate({ ids: tokens(4), maxTokens: 500, stopAtEnd: false }));
    await new Promise((resolve) => setTimeout(resolve, 5));
    await scheduler.close();
    expect((await cut).finish).toBe('cancelled');
    expect(() => scheduler.generate({ ids: tokens(4), maxTokens: 5 })).toThrow(SchedulerClosedError);
  });

  test('a batch rejects with an error and is ended by its signal', async () => {
    await expect(
      model.generateBatch([
        { ids: [1], maxTokens: 2 },
        { ids: [], maxTokens: 2 },
      ]),
    ).rejects.toThrow(/prompt is empty/);
    const results = await model.generateBatch([{ ids: [1], maxTokens: 900, stopAtEnd: false }], {
      signal: AbortSignal.timeout(30),
    });
    expect(results[0]!.finish).toBe('cancelled');
  });
});

describe('a cache of prefixes', () => {
  test('changes no answer, alone and at once, and saves the tokens that are shared', async () => {
    const system = tokens(200, 1);
    const asked = [1, 2, 3, 4].map(
      (seed): GenerateOptions => ({ ids: [...system, ...tokens(10 * seed, seed)], maxTokens: 15 }),
    );
    const plain = [];
    for (const request of asked) plain.push(told(await whole(model.generate(request))));
    const prefixes = model.createPrefixCache(50e6);
    const again = [];
    for (const request of asked) again.push(await whole(model.generate({ ...request, prefixes })));
    expect(again.map(told)).toEqual(plain);
    expect(again[0]!.reusedTokens).toBe(0);
    for (const { reusedTokens } of again.slice(1)) expect(reusedTokens).toBeGreaterThanOrEqual(200);
    // The answer and the next question after it: a conversation goes on where it was.
    const conversation = [...asked[3]!.ids!, ...plain[3]!.tokens, 5, 6];
    const next = await whole(model.generate({ ids: conversation, maxTokens: 5, prefixes }));
    expect(next.reusedTokens).toBeGreaterThanOrEqual(conversation.length - 3);
    expect(next.tokens).toEqual((await whole(model.generate({ ids: conversation, maxTokens: 5 }))).tokens);

    const batch = await model.generateBatch([...asked, ...asked], { rows: 3, prefixes });
    expect(batch.map(told)).toEqual([...plain, ...plain]);
    for (const [i, { reusedTokens }] of batch.entries()) expect(reusedTokens).toBe(asked[i % 4]!.ids!.length - 1);
    expect(prefixes.metrics.hits).toBe(12);
    prefixes.clear();
    expect(prefixes.bytes).toBe(0);
  });

  test('keeps to its bytes, the least recently used go first', async () => {
    const bytes = (count: number) => count * 2 * 2 * 2 * 16 * 4;
    const prefixes = model.createPrefixCache(bytes(100));
    const cache = model.createCache(60);
    const keep = async (seed: number, count: number) => {
      cache.truncate(0, 0);
      await model.prefill(cache, tokens(count, seed));
      prefixes.keep(tokens(count, seed), cache);
    };
    for (const seed of [1, 2]) await keep(seed, 40);
    expect(prefixes.restore(tokens(41, 1), cache)).toBe(40);
    await keep(3, 40);
    expect(prefixes.metrics).toMatchObject({ sequences: 2, bytes: bytes(80) });
    expect([1, 2, 3].map((seed) => prefixes.restore(tokens(40, seed), cache))).toEqual([39, 0, 39]);
    await keep(3, 50);
    expect(prefixes.metrics).toMatchObject({ sequences: 2, bytes: bytes(90) });
    expect(() => model.createPrefixCache(0)).toThrow(/at least 1 byte/);
    prefixes.clear();
    cache.release();
  });
});

test('a hundred requests, a third given up half-way: every answer right, no memory grows', async () => {
  const asked = Array.from(
    { length: 100 },
    (_, i): GenerateOptions => ({
      ids: tokens(1 + ((i * 37) % 120), i),
      maxTokens: 4 + ((i * 13) % 28),
      stopAtEnd: false,
      ...(i % 4 === 0 ? { temperature: 1, seed: i } : {}),
    }),
  );
  const alone: GenerationResult[] = [];
  for (const request of asked) alone.push(await whole(model.generate(request)));
  const prefixes = model.createPrefixCache(400_000);
  const scheduler = model.createScheduler({ rows: 8, capacity: 160, prefixes });
  const round = () =>
    Promise.all(
      asked.map(async (request, i) => {
        if (i % 3 !== 0) {
          expect(told(await whole(scheduler.generate(request)))).toEqual(told(alone[i]!));
          return;
        }
        const controller = new AbortController();
        const half = Math.ceil(request.maxTokens / 2);
        const result = await whole(scheduler.generate({ ...request, signal: controller.signal }), ({ index }) => {
          if (index + 1 === half) controller.abort();
        });
        expect(result.finish).toBe('cancelled');
        expect(result.tokens).toEqual(alone[i]!.tokens.slice(0, result.tokens.length));
        expect(result.tokens.length).toBeGreaterThanOrEqual(half);
      }),
    );
  await round();
  globalThis.gc?.();
  const [before, held] = [residentBytes(), prefixes.bytes];
  for (let i = 0; i < 2; i++) await round();
  globalThis.gc?.();
  expect(residentBytes() - before).toBeLessThan(40e6);
  expect(Math.max(held, prefixes.bytes)).toBeLessThanOrEqual(400_000);
  expect(scheduler.metrics).toMatchObject({
    queued: 0,
    decoding: 0,
    prefilling: 0,
    finished: 198,
    cancelled: 102,
    failed: 0,
  });
  await scheduler.close();
  prefixes.clear();
});
