import { readFileSync } from 'node:fs';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ModelConfig } from '../formats/types.ts';
import { factsOf } from '../testing/model-facts.ts';
import { congruentialLlama } from '../testing/random-checkpoint.ts';
import type { DecoderModel } from '../types.ts';
import { createDecoder } from './decoder.ts';

interface Case {
  ids: number[];
  continuation: number[];
  logProbabilities: number[];
  top: { ids: number[]; logProbabilities: number[] }[];
}
const reference: { config: ModelConfig; seed: number; cases: Case[] } = JSON.parse(
  readFileSync(new URL('fixtures/scores.json', import.meta.url), 'utf8'),
);
const runtime = createRuntime();
let model: DecoderModel;
beforeAll(async () => {
  model = await createDecoder(factsOf(reference.config, congruentialLlama(reference.config, reference.seed), runtime));
});
afterAll(() => {
  model.close();
  runtime.close();
});

describe("scores as transformers' log-softmax", () => {
  const prompts = [...new Set(reference.cases.map(({ ids }) => String(ids)))];
  test.each(prompts)('of continuations of %s, together', async (prompt) => {
    const cases = reference.cases.filter(({ ids }) => String(ids) === prompt);
    const scores = await model.score(
      cases[0]!.ids,
      cases.map(({ continuation }) => continuation),
      { top: 3 },
    );
    for (const [i, { continuation, logProbabilities, top }] of cases.entries()) {
      expect(scores[i]!.tokens.map(({ id }) => id)).toEqual(continuation);
      for (const [place, token] of scores[i]!.tokens.entries()) {
        expect(token.logProbability).toBeCloseTo(logProbabilities[place]!, 3);
        expect(token.alternatives.map(({ id }) => id)).toEqual(top[place]!.ids);
        for (const [rank, { logProbability }] of token.alternatives.entries())
          expect(logProbability).toBeCloseTo(top[place]!.logProbabilities[rank]!, 3);
      }
      const sum = logProbabilities.reduce((total, value) => total + value, 0);
      expect(scores[i]!.logProbability).toBeCloseTo(sum, 3);
    }
  });
});

test('log-probabilities of a text are minus its nll, over chunks too', async () => {
  const ids = Array.from({ length: 300 }, (_, i) => (i * i + 3 * i) % 96);
  const nll = await model.nll(ids);
  const scored = await model.logProbabilities(ids);
  expect(scored.map(({ id }) => id)).toEqual(ids.slice(1));
  for (const [i, { logProbability, alternatives }] of scored.entries()) {
    expect(logProbability).toBeCloseTo(-nll[i]!, 3);
    expect(alternatives).toEqual([]);
  }
  await expect(model.score([1], [[]])).rejects.toThrow(/At least 1 token is needed; got 0/);
  await expect(model.score(ids, [new Array(800).fill(1)])).rejects.toThrow(/longest continuation 800.*holds 1024/);
});
