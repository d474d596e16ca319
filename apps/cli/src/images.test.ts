/** Commands on images, with small models whose weights are made here. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openModel, readImage } from '@working-papers/models/node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { papers } from './testing/command.ts';
import { saveModel, wordTokenizer } from './testing/small-model.ts';

const processors = new URL('../../../packages/models/src/images/fixtures/processors.json', import.meta.url);

let folder: string;
let image: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'papers-images-'));
  const { files } = JSON.parse(readFileSync(processors, 'utf8')) as {
    files: Record<string, { content: string }>;
  };
  image = join(folder, 'cat.jpg');
  await writeFile(image, Buffer.from(files['photo.jpg']!.content, 'base64'));
  await writeFile(join(folder, 'cat.png'), Buffer.from(files['alpha.png']!.content, 'base64'));
  await saveModel('vit-classifier', join(folder, 'vit'), { id2label: { 0: 'cat', 1: 'dog' } }, {});
  await saveModel(
    'clip',
    join(folder, 'clip'),
    {},
    {
      'tokenizer.json': wordTokenizer,
      'processor_config.json': {
        image_processor: { image_processor_type: 'CLIPImageProcessor', size: 12, crop_size: 12 },
      },
    },
  );
});
afterAll(() => rm(folder, { recursive: true }));

it('classify-image gives labels with probabilities, the library’s own', async () => {
  const { code, out, err } = await papers(
    ...['classify-image', '--model', join(folder, 'vit'), '--image', image, join(folder, 'cat.png')],
    ...['--top', '5', '--json'],
  );
  expect(code, err).toBe(0);
  const { images } = JSON.parse(out) as {
    images: { image: string; labels: { label: string; probability: number }[] }[];
  };
  expect(images.map((each) => each.image)).toEqual([image, join(folder, 'cat.png')]);
  for (const { labels } of images) {
    expect(labels.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 6);
    expect(labels.map(({ label }) => label).sort()).toEqual(['LABEL_2', 'LABEL_3', 'LABEL_4', 'cat', 'dog']);
  }
  const model = await openModel(join(folder, 'vit'));
  if (model.kind !== 'image-encoder') throw new Error(`opened a ${model.kind}`);
  const [own] = await model.classify([await readImage(image)]);
  for (const [index, { label, probability }] of own!.entries()) {
    expect(images[0]!.labels[index]).toMatchObject({ label, probability: expect.closeTo(probability, 5) });
  }
  model.close();
}, 60_000);

it('similarity gives a probability a text', async () => {
  const { code, out, err } = await papers(
    ...['similarity', '--model', join(folder, 'clip'), '--image', image, '--text', 'a cat', 'a dog', '--json'],
  );
  expect(code, err).toBe(0);
  const { images } = JSON.parse(out) as { images: { texts: { text: string; logit: number; probability: number }[] }[] };
  const [cat, dog] = [images[0]!.texts[0]!, images[0]!.texts[1]!];
  expect(cat.probability + dog.probability).toBeCloseTo(1, 6);
  expect(cat.logit).not.toBeCloseTo(dog.logit, 3);
  expect(cat.probability / dog.probability).toBeCloseTo(Math.exp(cat.logit - dog.logit), 4);
}, 60_000);

it('what cannot be is a sentence', async () => {
  const vit = join(folder, 'vit');
  for (const [words, code, sentence] of [
    [['classify-image', '--model', vit], 2, /Give images, --image FILE..., or prepared pixels/],
    [
      ['classify-image', '--model', vit, '--image', join(folder, 'none.png')],
      1,
      /none.png cannot be opened \(ENOENT\)/,
    ],
    [['classify-image', '--model', vit, '--pixels', image], 1, /This is no .npy file/],
    [
      ['classify-image', '--model', join(folder, 'clip'), '--image', image],
      1,
      /is an encoder of texts and images; this/,
    ],
    [['similarity', '--model', vit, '--image', image, '--text', 'x'], 1, /is an encoder of images; this command needs/],
  ] as const) {
    const answer = await papers(...words);
    expect(answer).toMatchObject({ code, err: expect.stringMatching(sentence) });
    expect(answer.err).not.toMatch(/\n\s+at /);
  }
}, 60_000);
