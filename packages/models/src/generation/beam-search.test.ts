import { readFileSync } from 'node:fs';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { characterTokenizer, factsOf } from '../testing/model-facts.ts';
import { congruentialLlama } from '../testing/random-checkpoint.ts';
import { missingTokenizer } from '../tokenizers/index.ts';
import type { DecoderModel } from '../types.ts';
import { createDecoder } from './decoder.ts';
import type { BeamOptions, GenerateOptions, GenerationResult } from './types.ts';

interface Reference {
  config: Parameters<typeof congruentialLlama>[0];
  seed: number;
  greedy: { ids: number[]; options: Partial<GenerateOptions>; tokens: number[] }[];
  beams: {
    ids: number[];
    options: Omit<BeamOptions, 'maxTokens'>;
    endIds: number[];
    tokens: number[][];
    scores: number[];
  }[];
}
const reference: Reference = JSON.parse(readFileSync(new URL('fixtures/generations.json', import.meta.url), 'utf8'));
const runtime = createRuntime();
const models = new Map<string, DecoderModel>();
beforeAll(async () => {
  const facts = factsOf(reference.config, congruentialLlama(reference.config, reference.seed), runtime);
  for (const { endIds } of reference.beams) {
    if (models.has(String(endIds))) continue;
    models.set(String(endIds), await createDecoder({ ...facts, tokenizer: { ...characterTokenizer, eosIds: endIds } }));
  }
});
afterAll(() => {
  for (const model of models.values()) model.close();
  runtime.close();
});

async function result(model: DecoderModel, options: GenerateOptions): Promise<GenerationResult> {
  const generation = model.generate(options);
  while (true) {
    const { value, done } = await generation.next();
    if (done) return value;
  }
}

describe("as transformers' generate", () => {
  test.each(reference.greedy)('greedy $options of $ids', async ({ ids, options, tokens }) => {
    expect((await result(models.get('94')!, { ids, maxTokens: 24, ...options })).tokens).toEqual(tokens);
  });

  test.each(reference.beams)(
    'beams $options of $ids, ends $endIds',
    async ({ ids, options, endIds, tokens, scores }) => {
      const { sequences } = await models.get(String(endIds))!.beamSearch({ ids, maxTokens: 16, ...options });
      expect(sequences.map((sequence) => sequence.tokens)).toEqual(tokens);
      for (const [place, { score }] of sequences.entries()) expect(score).toBeCloseTo(scores[place]!, 3);
    },
  );
});

test('a model without a tokenizer searches too', async () => {
  const facts = factsOf(reference.config, congruentialLlama(reference.config, reference.seed), runtime);
  const model = await createDecoder({ ...facts, tokenizer: missingTokenizer('test', { eos_token_id: 94 }) });
  const { ids, options, tokens } = reference.beams.find(({ endIds }) => endIds.join() === '94')!;
  const { sequences } = await model.beamSearch({ ids, maxTokens: 16, ...options });
  expect(sequences.map((sequence) => sequence.tokens)).toEqual(tokens);
  expect(sequences[0]!.text).toBe('');
  model.close();
});

test('one beam is greedy; what cannot be is said', async () => {
  const model = models.get('94')!;
  const given = { ids: [4, 5, 6], maxTokens: 12 };
  const { sequences } = await model.beamSearch({ ...given, beams: 1 });
  const greedy = await result(model, given);
  expect(sequences).toMatchObject([{ tokens: greedy.tokens, text: greedy.text, finish: greedy.finish }]);
  await expect(model.beamSearch({ ...given, beams: 2, nBest: 3 })).rejects.toThrow(/nBest.*beams \(2\); got 3/);
  await expect(model.beamSearch({ ...given, beams: 0 })).rejects.toThrow(/beams must be/);
  await expect(model.beamSearch({ ...given, beams: 2, signal: AbortSignal.abort(new Error('gone')) })).rejects.toThrow(
    'gone',
  );
});
