import { readFileSync } from 'node:fs';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { withGeneration } from '../../formats/config.ts';
import type { WeightTensor } from '../../formats/types.ts';
import { readFixture } from '../../testing/fixture.ts';
import { characterTokenizer, factsOf } from '../../testing/model-facts.ts';
import { valuesOf, weightOf } from '../../testing/random-checkpoint.ts';
import type { Seq2SeqModel } from '../../types.ts';
import { choicesConstraint } from '../constraints/index.ts';
import { createSeq2Seq } from './model.ts';
import type { Seq2SeqBeamOptions, Seq2SeqGenerateOptions, Seq2SeqResult } from './types.ts';

interface Case {
  rules: { eos_token_id: number[]; forced_bos_token_id?: number; decoder_start_token_id: number };
  greedy: { source: number[]; options: Partial<Seq2SeqGenerateOptions>; tokens: number[] }[];
  beams: {
    source: number[];
    options: Omit<Seq2SeqBeamOptions, 'maxTokens'>;
    tokens: number[][];
    scores: number[];
  }[];
  scores: { source: number[]; target: number[]; logProbabilities: number[] }[];
}
const { cases }: { cases: Record<string, Case> } = JSON.parse(
  readFileSync(new URL('../fixtures/seq2seq.json', import.meta.url), 'utf8'),
);

const runtime = createRuntime();
const opened: Seq2SeqModel[] = [];
afterEach(() => {
  for (const model of opened.splice(0)) model.close();
});
afterAll(() => runtime.close());

/** As fixtures/seq2seq.py makes it. */
async function open(name: string, others: Record<string, unknown> = {}): Promise<Seq2SeqModel> {
  const { config, tensors } = readFixture(name);
  const larger = new Map<string, WeightTensor>();
  for (const [key, tensor] of tensors) {
    const matrix = tensor.shape.length === 2 && !/embed|shared|bias/.test(key);
    larger.set(
      key,
      matrix
        ? weightOf(
            key,
            tensor.shape,
            valuesOf(tensors, key).map((value) => 3 * value),
          )
        : tensor,
    );
  }
  const { rules } = cases[name]!;
  const facts = factsOf(withGeneration(config, { ...rules, ...others }), larger, runtime);
  const model = await createSeq2Seq({ ...facts, tokenizer: { ...characterTokenizer, eosIds: rules.eos_token_id } });
  opened.push(model);
  return model;
}

async function result(model: Seq2SeqModel, options: Seq2SeqGenerateOptions): Promise<Seq2SeqResult> {
  const generation = model.generate(options);
  while (true) {
    const { value, done } = await generation.next();
    if (done) return value;
  }
}

describe.each(Object.keys(cases))("%s as transformers' generate", (name) => {
  const { greedy, beams, scores, rules } = cases[name]!;

  test('greedy, alone and in batches of sources of uneven length', async () => {
    const model = await open(name);
    const requests = greedy.map(({ source, options }) => ({ ids: source, maxTokens: 18, ...options }));
    for (const [index, request] of requests.entries()) {
      const answer = await result(model, request);
      expect(answer.tokens, JSON.stringify(request)).toEqual(greedy[index]!.tokens);
      expect(answer.sourceTokens).toEqual(request.ids);
      expect(answer.promptTokens).toEqual([rules.decoder_start_token_id, ...(request.decoderIds ?? [])]);
    }
    const answers = await model.generateBatch(requests, { rows: 4 });
    expect(answers.map(({ tokens }) => tokens)).toEqual(greedy.map(({ tokens }) => tokens));
  });

  test('beams', async () => {
    const model = await open(name);
    for (const { source, options, tokens, scores } of beams) {
      const { sequences } = await model.beamSearch({ ids: source, maxTokens: 12, ...options });
      expect(sequences.map((sequence) => sequence.tokens)).toEqual(tokens);
      for (const [place, { score }] of sequences.entries()) expect(score).toBeCloseTo(scores[place]!, 3);
    }
  });

  test('scores of given answers', async () => {
    const model = await open(name);
    for (const { source, target, logProbabilities } of scores) {
      const [scored] = await model.score(source, [target]);
      for (const [place, { logProbability }] of scored!.tokens.entries())
        expect(logProbability).toBeCloseTo(logProbabilities[place]!, 3);
      const { logits, shape } = await model.logits(source, target);
      const vocabulary = shape[1];
      expect(shape).toEqual([target.length + 1, model.config.vocab_size]);
      const first = logits.subarray(0, vocabulary);
      const mass = first.reduce((sum, logit) => sum + Math.exp(logit), 0);
      expect(first[target[0]!]! - Math.log(mass)).toBeCloseTo(logProbabilities[0]!, 3);
    }
  });
});

const given = { ids: [5, 17, 23, 42, 8, 31, 9], maxTokens: 10 };

test("the configuration's own rules can be left out, and what is given wins", async () => {
  const model = await open('mbart');
  const free = { ...given, stopAtEnd: false };
  expect((await result(model, free)).tokens.at(0)).toBe(57);
  expect((await result(model, { ...free, forcedFirstId: 33 })).tokens.at(0)).toBe(33);
  const [scored] = await model.score(given.ids, [[0]], { top: 1 });
  const likeliest = scored!.tokens[0]!.alternatives[0]!.id;
  expect(likeliest).not.toBe(57);
  const ruleless = await result(model, { ...free, modelRules: false });
  expect(ruleless.tokens.at(0)).toBe(likeliest);
  expect((await result(model, free)).tokens.at(-1)).toBe(2);
  expect(ruleless.tokens.at(-1)).not.toBe(2);
  expect(model.generationDefaults).toEqual({
    startId: 2,
    forcedFirstId: 57,
    forcedLastId: 2,
    badWords: [],
    suggested: {},
  });
});

test('tokens that the configuration forbids are not said', async () => {
  const [plain] = await (await open('t5')).score(given.ids, [[0]], { top: 4 });
  const likeliest = plain!.tokens[0]!.alternatives.map(({ id }) => id);
  const forbidden = {
    suppress_tokens: likeliest.slice(0, 2),
    bad_words_ids: [[likeliest[2]]],
    num_beams: 4,
    top_k: 'x',
  };
  const model = await open('t5', forbidden);
  expect((await result(model, { ...given, maxTokens: 1 })).tokens).toEqual([likeliest[3]]);
  expect((await result(model, { ...given, maxTokens: 1, badWords: [[likeliest[3]!]] })).tokens).not.toEqual([
    likeliest[3],
  ]);
  expect((await result(model, { ...given, maxTokens: 1, modelRules: false })).tokens).toEqual([likeliest[0]]);
  expect(model.generationDefaults.suggested).toEqual({ num_beams: 4, top_k: 'x' });
  await expect(open('t5', { bad_words_ids: [[61]] })).rejects.toThrow(/bad_words_ids .* names 61; .* are 0 to 60/);
  await expect(open('t5', { bad_words_ids: 5 })).rejects.toThrow(/bad_words_ids .* must be a list of lists/);
  await expect(open('t5', { forced_bos_token_id: -1 })).rejects.toThrow(
    /forced_bos_token_id must be a token id below 61/,
  );
});

test('one of a batch can be given up', async () => {
  const model = await open('bart');
  const controller = new AbortController();
  const processLogits = (_: Float32Array, { step }: { step: number }) => {
    if (step === 3) controller.abort();
  };
  const free = { ...given, stopAtEnd: false };
  const [left, kept] = await model.generateBatch([{ ...free, processLogits, signal: controller.signal }, free]);
  expect(left).toMatchObject({ finish: 'cancelled' });
  expect(left!.tokens.length).toBeLessThan(free.maxTokens);
  expect(kept!.tokens).toEqual((await result(model, free)).tokens);
});

test('sampling repeats with its seed, a form is kept to, tokens are scored, stop texts stop', async () => {
  const model = await open('t5-gated-untied');
  const drawn = { ...given, temperature: 1.5, topK: 20, seed: 4, stopAtEnd: false };
  const first = await result(model, drawn);
  expect((await result(model, drawn)).tokens).toEqual(first.tokens);
  expect((await result(model, { ...drawn, seed: 5 })).tokens).not.toEqual(first.tokens);
  const [inBatch] = await model.generateBatch([drawn, { ...given, ids: [3] }]);
  expect(inBatch!.tokens).toEqual(first.tokens);

  const chosen = await result(model, { ...given, constraint: choicesConstraint(['3 4', 'C', '5#']) });
  expect(['3 4', 'C', '5#']).toContain(chosen.text);
  expect(chosen.finish).toBe('stop');

  const text = first.text.slice(3, 5);
  const stopped = await result(model, { ...drawn, stop: [text] });
  expect(stopped).toMatchObject({ finish: 'stop', text: first.text.slice(0, first.text.indexOf(text)) });

  const generation = model.generate({ ...drawn, logProbabilities: 2 });
  const scores: number[] = [];
  for await (const token of generation) scores.push(token.score!.logProbability);
  const [whole] = await model.score(given.ids, [first.tokens]);
  for (const [place, { logProbability }] of whole!.tokens.entries())
    expect(scores[place]).toBeCloseTo(logProbability, 3);

  const seen: number[][] = [];
  await result(model, {
    ...given,
    maxTokens: 2,
    processLogits: (logits, { ids, step }) => {
      seen.push([...ids]);
      if (step === 0) logits[7] = 1e4;
    },
  });
  expect(seen).toEqual([[0], [0, 7]]);
});

test('what is read and changed while it answers is that of the whole pass', async () => {
  const model = await open('bart');
  const names = [
    'encoder.blocks.1.residual',
    'decoder.blocks.1.residual',
    'decoder.blocks.2.crossAttention.probabilities',
    'logits',
  ];
  const edits = [
    { name: 'encoder.blocks.0.attention.output', operation: 'multiply' as const, value: 0, positions: [2] },
    { name: 'decoder.blocks.2.crossAttention.key', operation: 'multiply' as const, value: 0, positions: [1] },
    {
      name: 'decoder.blocks.1.crossAttention.output',
      operation: 'multiply' as const,
      value: 0.5,
      positions: { from: 3 },
    },
  ];
  const seen: { name: string; start: number; data: Float32Array; shape: readonly number[] }[] = [];
  const watched = await model.instrument({
    names,
    edits,
    onActivations: ({ activations, starts }) => {
      for (const [name, { data, shape }] of Object.entries(activations))
        seen.push({ name, start: starts[0]!, data: data as Float32Array, shape });
    },
  });
  opened.push(watched);
  const { tokens } = await result(watched, { ...given, maxTokens: 6, stopAtEnd: false });
  // The source is read once, whatever the number of steps.
  expect(seen.filter(({ name }) => name.startsWith('encoder.'))).toHaveLength(1);
  const decoderIds = [[2, ...tokens.slice(0, -1)]];
  const whole = await model.activations({ ids: [given.ids], decoderIds }, names, { edits });
  const { shape, data } = whole['decoder.blocks.1.residual']!;
  const width = shape[2]!;
  for (const { name, start, data: got } of seen) {
    const wanted = whole[name]!;
    const [places, last] = [wanted.shape.at(-2)!, wanted.shape.at(-1)!];
    const stacks = wanted.data.length / (places * last);
    const own = got.length / (stacks * last);
    for (let stack = 0; stack < stacks; stack++) {
      for (let i = 0; i < own * last; i++) {
        const expected = (wanted.data as Float32Array)[(stack * places + start) * last + i]!;
        expect(Math.abs(got[stack * own * last + i]! - expected), `${name} at ${start}`).toBeLessThan(1e-3);
      }
    }
  }
  const unchanged = await model.activations({ ids: [given.ids], decoderIds }, ['decoder.blocks.1.residual']);
  const change = (place: number) =>
    Math.max(
      ...Array.from({ length: width }, (_, i) =>
        Math.abs(
          (data as Float32Array)[place * width + i]! -
            (unchanged['decoder.blocks.1.residual']!.data as Float32Array)[place * width + i]!,
        ),
      ),
    );
  expect(change(4)).toBeGreaterThan(0.01);

  // Looked into, beams read a source of their own each; what they find stays.
  const looking = await model.instrument({ names: ['decoder.blocks.0.crossAttention.probabilities'] });
  opened.push(looking);
  const search = { ...given, beams: 3, nBest: 3 };
  const found = await looking.beamSearch(search);
  const plain = await model.beamSearch(search);
  expect(found.sequences.map(({ tokens }) => tokens)).toEqual(plain.sequences.map(({ tokens }) => tokens));
  await expect(model.instrument({ names: ['decoder.blocks.9.residual'] })).rejects.toThrow(/no activation/);
});

test('an abort ends an answer; what cannot be is said', async () => {
  const model = await open('bart');
  const controller = new AbortController();
  const tokens: number[] = [];
  const generation = model.generate({ ...given, stopAtEnd: false, signal: controller.signal });
  let end: Seq2SeqResult | undefined;
  while (!end) {
    const { value, done } = await generation.next();
    if (done) end = value;
    else tokens.push(value.id);
    if (tokens.length === 3) controller.abort();
  }
  expect(end).toMatchObject({ finish: 'cancelled', tokens, sourceTokens: given.ids });
  const gone = AbortSignal.abort(new Error('gone'));
  expect((await result(model, { ...given, signal: gone })).finish).toBe('cancelled');
  await expect(model.beamSearch({ ...given, beams: 2, signal: gone })).rejects.toThrow('gone');
  await expect(model.score(given.ids, [[4]], { signal: gone })).rejects.toThrow('gone');
  expect((await model.generateBatch([given, given], { signal: gone })).map(({ finish }) => finish)).toEqual([
    'cancelled',
    'cancelled',
  ]);

  const long = 'A'.repeat(41);
  await expect(result(model, { prompt: long, maxTokens: 1 })).rejects.toThrow(
    /source has 41 tokens; the model's encoder takes 40/,
  );
  await expect(result(model, { ids: [], maxTokens: 1 })).rejects.toThrow(/source is empty/);
  await expect(result(model, { ids: [61], maxTokens: 1 })).rejects.toThrow(/61 is not a token id; the model has 61/);
  await expect(result(model, { ...given, decoderIds: new Array<number>(40).fill(3) })).rejects.toThrow(
    /The prompt has 41 tokens; the model's context holds 40/,
  );
  await expect(result(model, { ...given, forcedFirstId: 99 })).rejects.toThrow(/99 is not a token id/);
  const cut = await result(model, { prompt: 'a '.repeat(30).toUpperCase(), maxTokens: 1, truncate: true });
  expect(cut.sourceTokens).toHaveLength(40);
  const one = await model.encode([given.ids, [4]]);
  const decoder = model.decoder(one);
  const cache = decoder.createCache(4, 3);
  await expect(decoder.step(cache, [1, 2, 3])).rejects.toThrow(/cache of 3 rows does not fit 2 sources/);
  cache.release();
  one.release();
  await expect(model.generateBatch([given], { rows: 0 })).rejects.toThrow(/rows must be/);
});
