/** Heads against transformers' pipelines (fixtures/make-pipelines.py), with tokenizers of every kind. */
import { readFile } from 'node:fs/promises';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEncoder } from '../embedding/encoder.ts';
import { checkConfig } from '../formats/config.ts';
import { type DescribedTensor, fixtureTensors } from '../testing/fixture.ts';
import { factsOf } from '../testing/model-facts.ts';
import { randomBert, tinyBert } from '../testing/random-checkpoint.ts';
import { createTokenizer, missingTokenizer } from '../tokenizers/index.ts';
import type { EncoderModel } from '../types.ts';
import type { Aggregation, Entity } from './types.ts';

interface Scored {
  label: string;
  score: number;
}
interface Span {
  label: string;
  score: number;
  start: number;
  end: number;
  place?: number;
  token?: string;
}
interface Filling {
  id: number;
  text: string;
  score: number;
  sequence: string;
}
interface Case {
  tokenizer?: string;
  special: Record<string, string>;
  config: Record<string, unknown>;
  tensors: DescribedTensor[];
  classify?: Record<string, Scored[][]>;
  entities?: Record<Aggregation, Span[][]>;
  windows?: Span[];
  fill?: { gaps: { text: string; top: Filling[][]; among: Filling[][] }[]; targets: string[] };
  likelihood?: { ids: number[]; scores: number[] }[];
  choose?: { prompt: string; choices: string[]; answers: { index: number; logit: number; probability: number }[] };
  answer?: {
    question: string;
    context: string;
    maxTokens: number;
    stride: number | null;
    spans: { start: number; end: number; score: number }[];
  }[];
}

const json = async (path: string) => JSON.parse(await readFile(new URL(path, import.meta.url), 'utf8'));
const { cases, texts, pairs, longText } = (await json('fixtures/pipelines.json')) as {
  cases: Record<string, Case>;
  texts: string[];
  pairs: [string, string][];
  longText: string;
};

const runtime = createRuntime();
const opened: EncoderModel[] = [];
afterAll(() => {
  for (const model of opened) model.close();
  runtime.close();
});

async function open(name: string, changed: object = {}): Promise<EncoderModel> {
  const { tokenizer: kind, special, config, tensors } = cases[name]!;
  const checked = checkConfig({ ...config, ...changed }, name);
  const facts = factsOf(checked, fixtureTensors(tensors), runtime);
  const tokenizer = kind
    ? createTokenizer({ tokenizer: await json(`../../fixtures/tokenizers/${kind}.json`), config: special })
    : missingTokenizer(name, checked);
  const model = await createEncoder({ ...facts, reference: name, tokenizer }, { pooling: 'mean' });
  opened.push(model);
  return model;
}

const close = (score: number) => expect.closeTo(score, 4);
const casesWith = (key: keyof Case) => Object.keys(cases).filter((name) => cases[name]![key] !== undefined);

describe.each(casesWith('classify'))('%s', (name) => {
  it.each(Object.entries(cases[name]!.classify!))(
    'scores texts and pairs as the pipeline does (problem_type %s)',
    async (problem, expected) => {
      const model = await open(name, { problem_type: problem === 'None' ? null : problem });
      expect(model.head).toBe('sequence-classification');
      const answers = await model.classify([...texts, ...pairs], { topK: 10, batchSize: 3 });
      const wanted = expected.map((labels) => labels.map(({ label, score }) => ({ label, score: close(score) })));
      expect(answers.map((labels) => labels.map(({ label, score }) => ({ label, score })))).toEqual(wanted);
      for (const { index, label } of answers.flat()) expect(model.labels![index]).toBe(label);
    },
  );
});

it('the scores and how many of them can be chosen; logits are the head’s own', async () => {
  const model = await open('bert-sequence');
  const best = (await model.classify(['a'], { topK: 1 }))[0]![0]!;
  const { regression, multi_label_classification: sigmoid } = cases['bert-sequence']!.classify!;
  expect(best.label).toBe(cases['bert-sequence']!.classify!.None![2]![0]!.label);
  expect((await model.classify(['a'], { scores: 'logits' }))[0]![0]!.score).toBeCloseTo(regression![2]![0]!.score, 4);
  expect((await model.classify(['a'], { scores: 'sigmoid' }))[0]![0]!.score).toBeCloseTo(sigmoid![2]![0]!.score, 4);
  const { ids, typeIds } = model.tokenize([pairs[0]!])[0]!;
  expect(typeIds).toContain(1);
  const [pair, alone] = await model.logits([{ ids, typeIds }, { ids }]);
  expect(pair!.shape).toEqual([3]);
  expect(Math.max(...pair!.logits)).toBeCloseTo(regression![texts.length]![0]!.score, 4);
  expect(Math.max(...alone!.logits)).not.toBeCloseTo(regression![texts.length]![0]!.score, 4);
});

const spanOf = ({ label, score, start, end, token }: Entity) => ({
  label,
  score,
  start,
  end,
  ...(token ? { place: token.place, token: token.token } : {}),
});
const spansWanted = (spans: Span[]) => spans.map((span) => ({ ...span, score: close(span.score) }));

describe.each(casesWith('entities'))('%s', (name) => {
  let model: EncoderModel;
  beforeAll(async () => {
    model = await open(name);
  });

  it.each(Object.entries(cases[name]!.entities!))('finds the pipeline’s entities (%s)', async (strategy, expected) => {
    const aggregation = strategy as Aggregation;
    const found = await model.classifyTokens(texts, { aggregation, batchSize: 2 });
    for (const [index, entities] of found.entries()) {
      expect(entities.map(spanOf), texts[index]).toEqual(spansWanted(expected[index]!));
      for (const { start, end, text } of entities) expect(text).toBe(texts[index]!.slice(start, end));
    }
  });

  it('reads a long text in windows', async () => {
    expect(model.tokenize([longText])[0]!.truncated).toBe(true);
    const ignoreLabels = ['O', 'PER'];
    const [entities] = await model.classifyTokens([longText], { stride: 10, ignoreLabels, maxTokens: 62 });
    expect(entities!.map(spanOf)).toEqual(spansWanted(cases[name]!.windows!));
    const [cut] = await model.classifyTokens([longText], { ignoreLabels });
    expect(cut!.at(-1)!.end).toBeLessThan(entities!.at(-1)!.end);
  });
});

const filling = ({ id, text, score, sequence }: Filling) => ({ id, text, score: close(score), sequence });

describe.each(casesWith('fill'))('%s', (name) => {
  const { fill, likelihood } = cases[name]!;
  let model: EncoderModel;
  beforeAll(async () => {
    model = await open(name);
  });

  it('fills masks as the pipeline does', async () => {
    const found = await model.fillMask(fill!.gaps.map(({ text }) => text));
    const among = await model.fillMask(
      fill!.gaps.map(({ text }) => text),
      { targets: fill!.targets, topK: 5 },
    );
    for (const [index, { top, among: wanted }] of fill!.gaps.entries()) {
      expect(found[index]!.map(({ fillings }) => fillings)).toEqual(top.map((row) => row.map(filling)));
      expect(among[index]!.map(({ fillings }) => fillings)).toEqual(wanted.map((row) => row.map(filling)));
    }
  });

  it('scores each token by all others', async () => {
    await likelihoodsEqual(model, likelihood!);
  });

  it('gives the logits of all tokens', async () => {
    const { ids } = likelihood![0]!;
    const [{ logits, shape }] = (await model.logits([{ ids }])) as [{ logits: Float32Array; shape: number[] }];
    expect(shape).toEqual([ids.length, model.config.vocab_size]);
    const whole = await model.activations({ ids: [ids] }, ['logits']);
    expect(Math.max(...logits.map((value, i) => Math.abs(value - Number(whole.logits!.data[i]))))).toBeLessThan(1e-4);
  });
});

async function likelihoodsEqual(model: EncoderModel, expected: { ids: number[]; scores: number[] }[]): Promise<void> {
  const found = await model.pseudoLogLikelihood(expected.map(({ ids }) => ids));
  for (const [row, { ids, scores }] of expected.entries()) {
    const { places, logProbabilities, total } = found[row]!;
    expect(places).toEqual(ids.slice(2).map((_, place) => place + 1));
    expect([...logProbabilities]).toEqual(scores.map(close));
    expect(total).toBeCloseTo(
      scores.reduce((sum, score) => sum + score, 0),
      3,
    );
  }
}

it('pseudo-log-likelihoods need no tokenizer, of ESM with token dropout either; places can be chosen', async () => {
  const model = await open('esm2-masked-lm');
  const expected = cases['esm2-masked-lm']!.likelihood!;
  await likelihoodsEqual(model, expected);
  const seen: number[] = [];
  const [one] = await model.pseudoLogLikelihood([expected[0]!.ids], {
    places: [[3, 1]],
    onProgress: ({ done, total }) => {
      expect(total).toBe(2);
      seen.push(done);
    },
  });
  expect(seen.at(-1)).toBe(2);
  expect(one).toMatchObject({ places: [3, 1] });
  expect([...one!.logProbabilities]).toEqual([close(expected[0]!.scores[2]!), close(expected[0]!.scores[0]!)]);
  await expect(model.pseudoLogLikelihood([[0, 5, 2]], { places: [[3]] })).rejects.toThrow(
    /Place 3 of text 0 cannot be scored: it has 3 tokens/,
  );
});

it('chooses as the reference does', async () => {
  const model = await open('bert-choice');
  const { prompt, choices, answers } = cases['bert-choice']!.choose!;
  const found = await model.choose(prompt, choices, { batchSize: 2 });
  expect(found.map(({ probability }) => probability)).toEqual(
    found.map(({ probability }) => probability).toSorted((one, other) => other - one),
  );
  for (const { index, choice, logit, probability } of found) {
    expect(choice).toBe(choices[index]);
    expect(logit).toBeCloseTo(answers[index]!.logit, 4);
    expect(probability).toBeCloseTo(answers[index]!.probability, 4);
  }
  await expect(model.choose(prompt, [])).rejects.toThrow(/nothing to choose from/);
});

it.each(casesWith('answer'))('%s finds the best spans of a context, in windows too', async (name) => {
  const model = await open(name);
  for (const { question, context, maxTokens, stride, spans } of cases[name]!.answer!) {
    const found = await model.answer(question, context, { topK: 5, maxTokens, ...(stride === null ? {} : { stride }) });
    expect(found.map(({ start, end, score }) => ({ start, end, score }))).toEqual(
      spans.map(({ start, end, score }) => ({ start, end, score: close(score) })),
    );
    for (const { start, end, text } of found) expect(text).toBe(context.slice(start, end));
  }
});

describe('what cannot be is a sentence', () => {
  it('a head that is not there', async () => {
    const base = await createEncoder(factsOf(tinyBert, randomBert(tinyBert), runtime), { pooling: 'mean' });
    expect(base).not.toHaveProperty('head');
    await expect(base.classify(['a'])).rejects.toThrow(
      /test has no head: it embeds texts. What classifies texts is a model with the head "sequence-classification"/,
    );
    await expect(base.logits([{ ids: [1] }])).rejects.toThrow(/has no head, so no logits/);
    base.close();
    const masked = await open('bert-masked-lm');
    await expect(masked.classifyTokens(['a'])).rejects.toThrow(/has the head "masked-lm". What classifies tokens is/);
    await expect(masked.answer('a', 'b')).rejects.toThrow(/What answers questions is/);
    const classifier = await open('bert-sequence');
    await expect(classifier.fillMask(['[MASK]'])).rejects.toThrow(/What fills masks is/);
    await expect(classifier.choose('a', ['b'])).rejects.toThrow(/What chooses is/);
  });

  it('masks and targets', async () => {
    const model = await open('bert-masked-lm');
    await expect(model.fillMask(['[MASK]', 'no gap'])).rejects.toThrow(/Text 1 has no mask. Write \[MASK\] where/);
    await expect(model.fillMask([`${longText} [MASK]`])).rejects.toThrow(
      /Text 0 has no mask among the first 64 tokens, to which it was cut/,
    );
    await expect(model.fillMask(['[MASK]'], { targets: ['not one of them'] })).rejects.toThrow(
      /The target "not one of them" is not one token of the model, which reads it as "no ##t /,
    );
    await expect(model.fillMask(['[MASK]'], { targets: ['🦕'] })).rejects.toThrow(/reads it as "\[UNK\]"/);
    await expect(model.fillMask(['[MASK]'], { targets: [] })).rejects.toThrow(/There are no targets/);
    await expect(model.fillMask(['[MASK]'], { topK: 0 })).rejects.toThrow(/topK must be at least 1; got 0/);
  });

  it('rows, types and windows', async () => {
    const model = await open('bert-token');
    await expect(model.logits([{ ids: [] }])).rejects.toThrow(/Text 0 has 0 tokens; the encoder takes 1 to 64/);
    await expect(model.logits([{ ids: [501] }])).rejects.toThrow(/501 is not a token id; the model has 501 tokens/);
    await expect(model.logits([{ ids: [1, 2], typeIds: [0] }])).rejects.toThrow(/2 tokens and 1 token types/);
    await expect(model.logits([{ ids: [1], typeIds: [2] }])).rejects.toThrow(/2 is not a token type of the model/);
    await expect(model.classifyTokens(['a'], { stride: 2, aggregation: 'none' })).rejects.toThrow(/aggregation "none"/);
    await expect(model.classifyTokens(['a'], { maxTokens: 2 })).rejects.toThrow(/maxTokens must be/);
    const signal = AbortSignal.abort(new Error('stopped'));
    await expect(model.classifyTokens(['a'], { signal })).rejects.toThrow('stopped');
    expect(await model.classifyTokens([])).toEqual([]);
  });
});
