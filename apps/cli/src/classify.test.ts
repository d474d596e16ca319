/** `papers classify` and `papers fill-mask` with small models whose weights are made here: what they print is the library's own. */
import { readFileSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EncoderModel, safetensorsFile } from '@working-papers/models';
import { openModel } from '@working-papers/models/node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { papers } from './testing/command.ts';

const models = new URL('../../../packages/models/', import.meta.url);
const { cases } = JSON.parse(readFileSync(new URL('src/heads/fixtures/pipelines.json', models), 'utf8')) as {
  cases: Record<
    string,
    {
      tokenizer: string;
      special: object;
      config: object;
      tensors: { name: string; shape: number[]; spread: number; offset: number }[];
    }
  >;
};

let folder: string;
const at = (name: string) => join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'papers-heads-'));
  for (const name of ['bert-sequence', 'bert-token', 'bert-masked-lm']) {
    const { tokenizer, special, config, tensors } = cases[name]!;
    const parts = tensors.map(({ name, shape, spread, offset }, tensor) => ({
      name,
      type: 'F32' as const,
      shape,
      bytes: async () => {
        const count = shape.reduce((product, size) => product * size, 1);
        return new Uint8Array(
          Float32Array.from({ length: count }, (_, i) => offset + spread * Math.sin(i * i + tensor)).buffer,
        );
      },
    }));
    await mkdir(at(name));
    await writeFile(join(at(name), 'model.safetensors'), safetensorsFile(parts, {}));
    await writeFile(join(at(name), 'config.json'), JSON.stringify(config));
    await writeFile(join(at(name), 'tokenizer_config.json'), JSON.stringify(special));
    await copyFile(new URL(`fixtures/tokenizers/${tokenizer}.json`, models), join(at(name), 'tokenizer.json'));
  }
});
afterAll(() => rm(folder, { recursive: true }));

async function answered(...words: string[]) {
  const { code, out, err } = await papers(...words, '--json');
  expect(code, err).toBe(0);
  return { ...(JSON.parse(out) as { texts: { [key: string]: unknown }[]; head?: string }), err };
}

/** Numbers to five digits: another process may sum in another order. */
const near = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_, one) => (typeof one === 'number' ? Number(one.toFixed(5)) : one)));

async function own<T>(name: string, work: (model: EncoderModel) => Promise<T>): Promise<unknown> {
  const model = (await openModel(at(name))) as EncoderModel;
  const answer = await work(model);
  model.close();
  return near(answer);
}

it('classify labels texts and pairs', async () => {
  const pairs = ['Bees beat their wings.', 'Honey is sweet.'];
  const words = ['classify', '--model', at('bert-sequence'), '--text', 'how do bees fly'];
  const { texts, head } = await answered(...words, '--pair', ...pairs, '--top', '2', '--scores', 'sigmoid');
  expect(head).toBe('sequence-classification');
  expect(texts.map(({ pair }) => pair)).toEqual(pairs);
  const wanted = await own('bert-sequence', (model) =>
    model.classify(
      pairs.map((pair) => ['how do bees fly', pair] as const),
      { topK: 2, scores: 'sigmoid' },
    ),
  );
  expect(near(texts.map(({ labels }) => labels))).toEqual(wanted);
  const table = await papers(...words, '--top', '1');
  expect(table.out).toMatch(/text +label +score\n.*\nhow do bees fly +(bad|fair|good) +\d\.\d{4}\n/);
});

it('classify finds entities, and says what was cut', async () => {
  const texts = ['The lazy dog 😀 sleeps.', 'a token '.repeat(60)];
  const words = ['classify', '--model', at('bert-token'), '--text', ...texts];
  const found = await answered(...words, '--aggregation', 'max');
  expect(found.head).toBe('token-classification');
  expect(found.err).toMatch(/Text 2 is longer than 64 tokens and was cut/);
  const wanted = await own('bert-token', (model) => model.classifyTokens(texts, { aggregation: 'max' }));
  expect(near(found.texts.map(({ entities }) => entities))).toEqual(wanted);
});

it('fill-mask fills masks, of a file too', async () => {
  const file = join(folder, 'gaps.txt');
  await writeFile(file, 'the [MASK] dog\n\n[MASK] and [MASK]\n');
  const words = ['fill-mask', '--model', at('bert-masked-lm'), '--file', file, '--top', '3'];
  const { texts } = await answered(...words);
  const wanted = await own('bert-masked-lm', (model) =>
    model.fillMask(['the [MASK] dog', '[MASK] and [MASK]'], { topK: 3 }),
  );
  expect(near(texts.map(({ masks }) => masks))).toEqual(wanted);
});

it('what cannot be is a sentence', async () => {
  const wrong = [
    [
      ['classify', '--model', at('bert-masked-lm'), '--text', 'a'],
      1,
      /has the head "masked-lm". What classifies texts/,
    ],
    [['classify', '--model', at('bert-token'), '--text', 'a', '--pair', 'b'], 2, /finds entities.*--pair does not go/],
    [
      ['classify', '--model', at('bert-sequence'), '--text', 'a', 'b', '--pair', 'c', 'd', 'e'],
      2,
      /There are 2 texts and 3 second ones/,
    ],
  ] as const;
  const answers = await Promise.all(wrong.map(([words]) => papers(...words)));
  for (const [index, [, code, sentence]] of wrong.entries()) {
    expect(answers[index]).toMatchObject({ code, err: expect.stringMatching(sentence) });
    expect(answers[index]!.err).not.toMatch(/\n\s+at /);
  }
});
