/** Commands on an encoder with a decoder, a small one whose weights are made here. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Seq2SeqModel } from '@working-papers/models';
import { openModel } from '@working-papers/models/node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { papers } from './testing/command.ts';
import { saveModel, wordTokenizer } from './testing/small-model.ts';

let folder: string;
let model: Seq2SeqModel;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'papers-seq2seq-'));
  const path = join(folder, 'bart');
  await saveModel(
    'bart',
    path,
    {},
    {
      'tokenizer.json': wordTokenizer,
      // As transformers 5 writes it: what concerns generating stands here alone.
      'generation_config.json': {
        decoder_start_token_id: 7,
        forced_bos_token_id: 6,
        eos_token_id: 44,
        bad_words_ids: [[9]],
        num_beams: 4,
      },
    },
  );
  const opened = await openModel(path);
  if (opened.kind !== 'seq2seq') throw new Error(`opened a ${opened.kind}`);
  model = opened;
});
afterAll(async () => {
  model.close();
  await rm(folder, { recursive: true });
});

const json = async <T>(...words: string[]): Promise<T> => {
  const { code, out, err } = await papers(...words, '--model', join(folder, 'bart'), '--json');
  expect(code, err).toBe(0);
  return JSON.parse(out) as T;
};
interface Said {
  text: string;
  sourceTokens: number[];
  promptTokens: number[];
  tokens: number[];
}

it('generate answers a text or ids, greedily unless told otherwise, as the library does', async () => {
  expect(model.generationDefaults).toMatchObject({ startId: 7, forcedFirstId: 6, suggested: { num_beams: 4 } });
  const said = await json<Said>('generate', '--prompt', 'a cat dog', '--max-tokens', '6');
  expect(said).toMatchObject({ sourceTokens: [3, 5, 6, 44], promptTokens: [7] });
  const generation = model.generate({ prompt: 'a cat dog', maxTokens: 6 });
  let step = await generation.next();
  while (!step.done) step = await generation.next();
  expect(said.tokens).toEqual(step.value.tokens);
  expect(said.tokens[0]).toBe(6);

  const { code, out, err } = await papers(
    ...['generate', '--model', join(folder, 'bart'), '--tokens', '3,5,6,44', '--beams', '3', '--max-tokens', '4'],
    ...['--forced-first', 'dog', '--decoder-tokens', '5'],
  );
  const { sequences } = await model.beamSearch({
    ids: [3, 5, 6, 44],
    beams: 3,
    maxTokens: 4,
    forcedFirstId: 6,
    decoderIds: [5],
  });
  expect(out).toBe(`${sequences[0]!.text}\n`);
  expect(sequences[0]!.tokens[0]).toBe(6);
  expect(code).toBe(0);
  expect(err).toContain('The model suggests num_beams 4; only what you ask for is applied.');
  expect(err).toContain('4 source tokens');
}, 60_000);

it('score and logits are of the answer; what cannot be is said', async () => {
  interface Scored {
    continuations: { text: string; tokens: number[]; logProbability: number }[];
  }
  const { continuations } = await json<Scored>(
    ...['score', '--prompt', 'a cat', '--continuation', 'dog', '--continuation', 'cat cat'],
  );
  const scores = await model.score(
    [3, 5, 44],
    [
      [6, 44],
      [5, 5, 44],
    ],
  );
  const wanted = new Map([
    ['dog', { tokens: [6, 44], logProbability: scores[0]!.logProbability }],
    ['cat cat', { tokens: [5, 5, 44], logProbability: scores[1]!.logProbability }],
  ]);
  for (const { text, tokens, logProbability } of continuations) {
    expect(tokens).toEqual(wanted.get(text)!.tokens);
    expect(logProbability).toBeCloseTo(wanted.get(text)!.logProbability, 4);
  }
  const shown = await json<{ tokens: number[]; decoderTokens: number[]; nll: number[]; top: { id: number }[] }>(
    ...['logits', '--prompt', 'a cat', '--decoder-tokens', '6,44', '--top', '1'],
  );
  expect(shown).toMatchObject({ tokens: [3, 5, 44], decoderTokens: [7, 6, 44] });
  expect(shown.nll.reduce((sum, each) => sum + each, 0)).toBeCloseTo(-scores[0]!.logProbability, 4);
  const { logits, shape } = await model.logits([3, 5, 44], [6, 44]);
  const last = logits.subarray(2 * shape[1]);
  expect(shown.top[0]!.id).toBe(last.indexOf(Math.max(...last)));

  const long = Array.from({ length: 50 }, () => 'cat').join(' ');
  const asked = ['generate', '--model', join(folder, 'bart'), '--max-tokens', '2'];
  const cut = await papers(...asked, '--prompt', long, '--truncate', '--json');
  expect((JSON.parse(cut.out) as Said).sourceTokens).toHaveLength(40);
  const nameless = await papers(...asked, '--prompt', 'a', '--forced-first', 'xx_XX');
  expect(nameless).toMatchObject({ code: 1, err: expect.stringContaining('The model has no token "xx_XX".') });
}, 60_000);
