/** Masked language models of real weights against transformers (fixtures/make-wheels.py). */
import { readFile } from 'node:fs/promises';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openModel } from '../node/open-model.ts';
import { realModel } from '../testing/real-model.ts';
import type { EncoderModel } from '../types.ts';

interface Told {
  text: string;
  ids: number[];
  logits: number[];
  gap: string;
  place: number;
  top: { id: number; score: number }[];
  scores: number[];
}

const told = JSON.parse(await readFile(new URL('fixtures/wheels.json', import.meta.url), 'utf8')) as Record<
  string,
  Told[]
>;
const runtime = createRuntime();
afterAll(() => runtime.close());

for (const [reference, rows] of Object.entries(told)) {
  const { missing } = await realModel(reference);
  describe.skipIf(missing)(reference, () => {
    let model: EncoderModel;
    beforeAll(async () => {
      model = (await openModel(reference, { runtime })) as EncoderModel;
    });
    afterAll(() => model.close());

    it('reads texts as the package does, and has the logits of transformers', async () => {
      expect(model.head).toBe('masked-lm');
      const tokenized = model.tokenize(rows.map(({ text }) => text));
      expect(tokenized.map(({ ids }) => ids)).toEqual(rows.map(({ ids }) => ids));
      const answers = await model.logits(tokenized);
      for (const [row, { place, logits }] of rows.entries()) {
        const width = answers[row]!.shape[1]!;
        const own = answers[row]!.logits.subarray(place * width, (place + 1) * width);
        expect(Math.max(...logits.map((value, i) => Math.abs(value - own[i]!))) / Math.max(...own)).toBeLessThan(1e-4);
      }
    });

    it('fills a gap', async () => {
      const found = await model.fillMask(
        rows.map(({ gap }) => gap),
        { topK: 4 },
      );
      for (const [row, { place, top }] of rows.entries()) {
        expect(found[row]).toHaveLength(1);
        expect(found[row]![0]!.place).toBe(place);
        expect(found[row]![0]!.fillings.map(({ id, score }) => ({ id, score }))).toEqual(
          top.map(({ id, score }) => ({ id, score: expect.closeTo(score, 4) })),
        );
      }
    });

    it('has their pseudo-log-likelihoods', async () => {
      const found = await model.pseudoLogLikelihood(rows.map(({ ids }) => ids));
      for (const [row, { scores }] of rows.entries())
        expect([...found[row]!.logProbabilities]).toEqual(scores.map((score) => expect.closeTo(score, 3)));
    });
  });
}
