import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { factsOf } from '../../testing/model-facts.ts';
import { randomLlama, tinyLlama } from '../../testing/random-checkpoint.ts';
import type { DecoderModel } from '../../types.ts';
import { createDecoder } from '../decoder.ts';
import type { GenerateOptions, GenerationResult } from '../types.ts';
import { choicesConstraint, jsonSchemaConstraint, regexConstraint, tokenSequencesConstraint } from './index.ts';

const runtime = createRuntime();
let model: DecoderModel;
beforeAll(async () => {
  model = await createDecoder(factsOf(tinyLlama, randomLlama(tinyLlama, 3), runtime));
});
afterAll(() => {
  model.close();
  runtime.close();
});

async function whole(options: Omit<GenerateOptions, 'prompt'>): Promise<GenerationResult> {
  const generation = model.generate({ prompt: 'A:', raw: true, ...options });
  while (true) {
    const { value, done } = await generation.next();
    if (done) return value;
  }
}

const person = {
  type: 'object',
  properties: { name: { type: 'string', maxLength: 4 }, age: { type: 'integer', minimum: 0, maximum: 99 } },
  required: ['name', 'age'],
};

test('a random model says what the constraint asks for: greedy, drawn, penalised, by beams and many at once', async () => {
  const constraint = jsonSchemaConstraint(person);
  const check = ({ text, finish }: { text: string; finish: string }) => {
    expect(finish).toBe('stop');
    expect(JSON.parse(text)).toEqual({ name: expect.any(String), age: expect.any(Number) });
  };
  const asked = [
    {},
    { temperature: 1.5, seed: 1 },
    { temperature: 1, topP: 0.5, seed: 2 },
    { repetitionPenalty: 3 },
  ].map((extra): GenerateOptions => ({ prompt: 'A:', raw: true, maxTokens: 60, constraint, ...extra }));
  const alone = [];
  for (const request of asked) alone.push(await whole(request));
  for (const result of alone) check(result);
  const together = await model.generateBatch(asked);
  expect(together.map(({ tokens }) => tokens)).toEqual(alone.map(({ tokens }) => tokens));
  const { sequences } = await model.beamSearch({
    prompt: 'A:',
    raw: true,
    maxTokens: 60,
    beams: 3,
    nBest: 3,
    constraint,
  });
  for (const sequence of sequences) check(sequence);
});

test('the end comes only where the text is whole; running out of tokens is said', async () => {
  const constraint = regexConstraint('[a-c]{3,5}');
  const results = [];
  for (let seed = 0; seed < 20; seed++) results.push(await whole({ maxTokens: 9, constraint, temperature: 2, seed }));
  for (const { text, finish } of results) {
    expect(text).toMatch(/^[a-c]{3,5}$/);
    expect(finish).toBe(text.length === 5 ? 'stop' : 'eos');
  }
  expect(await whole({ maxTokens: 2, constraint })).toMatchObject({
    finish: 'length',
    text: expect.stringMatching(/^[a-c]{2}$/),
  });
  const labels = ['positive', 'negative'];
  expect(labels).toContain((await whole({ maxTokens: 20, constraint: choicesConstraint(labels) })).text);
  expect((await whole({ maxTokens: 9, constraint: tokenSequencesConstraint([[3, 4, 5]]) })).tokens).toEqual([3, 4, 5]);
  await expect(whole({ maxTokens: 9, constraint: choicesConstraint(['é']) })).rejects.toThrow(
    'The vocabulary has no token that can follow what the constraint asks for.',
  );
});
