import { add, mul, type Tensor } from '@working-papers/graph';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, describe, expect, test } from 'vitest';
import { compileForward } from '../activations/forward.ts';
import { forwardInputs } from '../activations/taps.ts';
import { clipArchitecture } from '../architectures/clip.ts';
import { architectureOf } from '../architectures/index.ts';
import { layerNormalisation } from '../architectures/residual.ts';
import { checkConfig } from '../formats/config.ts';
import type { Image, Pixels } from '../images/types.ts';
import { readFixture } from '../testing/fixture.ts';
import { factsOf } from '../testing/model-facts.ts';
import { weightSource } from '../weights/weight-source.ts';
import { createDualEncoder } from './dual-encoder.ts';
import { createImageEncoder } from './image-encoder.ts';

const runtime = createRuntime();
afterAll(() => runtime.close());
const plain = { preprocessing: { rescale: 1 / 255 } };

const worst = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let largest = Math.abs(a.length - b.length);
  for (let i = 0; i < b.length; i++) largest = Math.max(largest, Math.abs(a[i]! - b[i]!));
  return largest;
};
const unit = (values: Float32Array): Float32Array => values.map((value) => value / Math.hypot(...values));
const rows = ({ shape, data }: { shape: readonly number[]; data: Float32Array }) =>
  Array.from({ length: shape[0]! }, (_, row) => data.subarray(row * shape[1]!, (row + 1) * shape[1]!));
const softmax = (logits: ArrayLike<number>) => {
  const shares = Array.from(logits, Math.exp);
  return shares.map((share) => share / shares.reduce((sum, value) => sum + value, 0));
};

describe('a classifier of images', async () => {
  const { config, tensors, inputs, outputs } = readFixture('vit-classifier');
  const named = { ...config, id2label: { 0: 'cat', 1: 'dog', 2: 'rose', 4: 'sky' } };
  const model = await createImageEncoder(factsOf(named, tensors, runtime), plain);
  afterAll(() => model.close());
  const pixels = inputs.pixels as Pixels;

  test('says what transformers’ logits say, in batches of any size', async () => {
    expect(model.labels).toEqual(['cat', 'dog', 'rose', 'LABEL_3', 'sky']);
    for (const batchSize of [1, 8]) {
      const seen: object[] = [];
      const answers = await model.classify(pixels, {
        topK: 5,
        batchSize,
        onProgress: (progress) => seen.push(progress),
      });
      for (const [image, logits] of rows(outputs.logits!).entries()) {
        const expected = softmax(logits);
        const found = answers[image]!;
        expect(found.map(({ probability }) => probability)).toEqual(
          found.map(({ probability }) => probability).sort((a, b) => b - a),
        );
        for (const { index, probability, label } of found) {
          expect(probability).toBeCloseTo(expected[index]!, 4);
          expect(label).toBe(model.labels![index]);
        }
      }
      expect(seen.at(-1)).toEqual({ done: 2, total: 2 });
      expect(seen).toHaveLength(batchSize === 1 ? 2 : 1);
    }
  });

  test('images are prepared: the same as their pixels', async () => {
    const image: Image = { width: 12, height: 12, data: Uint8Array.from({ length: 432 }, (_, i) => (i * 37) % 256) };
    const prepared = model.preparePixels([image]);
    expect(prepared.shape).toEqual([1, 3, 12, 12]);
    expect(prepared.data[1]).toBeCloseTo(((3 * 37) % 256) / 255, 6);
    expect(await model.classify([image])).toEqual(await model.classify(prepared));
    const taps = await model.activations({ pixels: prepared }, ['blocks.1.attention.probabilities', 'logits']);
    expect(taps['blocks.1.attention.probabilities']!.shape).toEqual([1, 4, 10, 10]);
  });

  test('what cannot be is a sentence', async () => {
    const wrong = (shape: number[]) => ({ shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) });
    await expect(model.classify(wrong([1, 3, 10, 12]))).rejects.toThrow(
      /Images of 3 x 10 x 12 do not fit: the model takes 3 channels, 12 x 12 pixels, or other multiples of its 4 x 4/,
    );
    await expect(model.classify(wrong([1, 1, 12, 12]))).rejects.toThrow(/looks at images of 3 channels; got 1/);
    await expect(model.classify(wrong([12, 12]))).rejects.toThrow(/Pixels are \[images, channels, height, width\]/);
    await expect(model.classify(pixels, { signal: AbortSignal.abort(new Error('stopped')) })).rejects.toThrow(
      'stopped',
    );
    await expect(model.classify(pixels, { topK: 0 })).rejects.toThrow(/topK must be at least 1/);
    expect(await model.classify([])).toEqual([]);
  });

  test('an edit of a patch is felt by what follows', async () => {
    const name = 'blocks.0.residual';
    const before = (await model.activations({ pixels }, [name]))[name]!.data as Float32Array;
    const after = (
      await model.activations({ pixels }, [name], {
        edits: [{ name, operation: 'add', value: 2, rows: [1], positions: [3] }],
      })
    )[name]!.data as Float32Array;
    for (const [i, value] of after.entries()) {
      expect(value - before[i]!).toBeCloseTo(Math.floor(i / 48) === 10 + 3 ? 2 : 0, 4);
    }
  });
});

test('an encoder of images gives pooled outputs, hidden states, and positions of other sizes', async () => {
  for (const name of ['vit', 'vit-interpolated']) {
    const { config, tensors, inputs, outputs } = readFixture(name);
    const model = await createImageEncoder(factsOf(config, tensors, runtime), plain);
    const pixels = inputs.pixels as Pixels;
    const embeddings = await model.embedImages(pixels, { normalise: false });
    for (const [image, pooled] of rows(outputs.pooled!).entries())
      expect(worst(embeddings[image]!, pooled)).toBeLessThan(1e-4);
    const { hidden, shape } = await model.hidden(pixels);
    expect(shape).toEqual(outputs.hidden!.shape);
    expect(worst(hidden, outputs.hidden!.data)).toBeLessThan(1e-4);
    await expect(model.classify(pixels)).rejects.toThrow(/test has no classification head/);
    model.close();
  }
});

describe.each(['clip', 'clip-legacy'])('%s', async (name) => {
  const { config, tensors, inputs, outputs } = readFixture(name);
  const model = await createDualEncoder(factsOf(config, tensors, runtime), plain);
  afterAll(() => model.close());
  const pixels = inputs.pixels as Pixels;
  // What stands behind the end of a text is padding, which changes nothing.
  const texts = inputs.ids!.map((ids, row) => ids.slice(0, row === 0 ? 7 : 6));

  test('embeds texts and images as transformers does', async () => {
    const [read, seen] = [await model.embedIds(texts), await model.embedImages(pixels, { batchSize: 2 })];
    for (const [row, embedding] of rows(outputs.textEmbeds!).entries())
      expect(worst(read[row]!, embedding)).toBeLessThan(1e-4);
    for (const [image, embedding] of rows(outputs.imageEmbeds!).entries())
      expect(worst(seen[image]!, embedding)).toBeLessThan(1e-4);
    expect(worst(unit(seen[0]!), seen[0]!)).toBeLessThan(1e-6);
  });

  test('similarities are its logits', async () => {
    // Token i is the character with code 32 + i.
    const asText = texts.map((ids) => ids.map((id) => String.fromCharCode(32 + id)).join(''));
    const { logits, probabilities, shape } = await model.similarity(asText, pixels);
    expect(shape).toEqual([3, 2]);
    expect(worst(logits, outputs.logitsPerImage!.data)).toBeLessThan(1e-4);
    expect(worst(probabilities.subarray(0, 2), softmax(outputs.logitsPerImage!.data.subarray(0, 2)))).toBeLessThan(
      1e-4,
    );
    await expect(model.similarity([], pixels)).rejects.toThrow(/There is no text/);
  });

  test('one of both inputs is enough to look inside, none is not', async () => {
    const answer = await model.activations({ ids: inputs.ids!, mask: inputs.mask! }, ['text.pooled', 'textEmbeds']);
    expect(answer['text.pooled']!.shape).toEqual([2, 32]);
    await expect(model.activations({}, ['textEmbeds'])).rejects.toThrow(/needs token ids, pixels or both/);
    expect(model.taps().map(({ name }) => name)).toContain('vision.blocks.1.mlp.hidden');
  });

  test('a text without an end is refused where the end is known', async () => {
    const endless = model.embedIds([[0, 5, 8]]);
    if (name === 'clip') await expect(endless).rejects.toThrow(/Text 0 has no end-of-text token \(44\)/);
    else expect(await endless).toHaveLength(1);
    await expect(model.embedIds([[]])).rejects.toThrow(/Text 0 has 0 tokens; the model takes 1 to 16/);
  });
});

test('a tower alone: texts are embedded, images refused', async () => {
  const { config, tensors, inputs, outputs } = readFixture('clip-text');
  const model = await createDualEncoder(factsOf(config, tensors, runtime), plain);
  const [first] = await model.embedIds([inputs.ids![0]!]);
  expect(worst(first!, unit(rows(outputs.textEmbeds!)[0]!.slice()))).toBeLessThan(1e-4);
  await expect(model.embedImages([])).rejects.toThrow(/reads texts alone/);
  model.close();
});

test('attention, MLP and norm can be exchanged', async () => {
  const { config, tensors, inputs } = readFixture('vit-classifier');
  const weights = weightSource(tensors, 'fp32');
  const architecture = architectureOf(config);
  const run = async (parts: Record<string, unknown>): Promise<Float32Array> => {
    const built = architecture.forward(config, weights, forwardInputs(['pixels'], inputs.pixels!.shape), { parts });
    const program = await runtime.compile({ logits: built.logits! });
    const { logits } = await program.run({ pixels: { dtype: 'float32', ...inputs.pixels! } });
    const copy = (logits!.data as Float32Array).slice();
    program.release();
    return copy;
  };
  const usual = await run({});
  const nothing = (x: Tensor): Tensor => mul(x, 0);
  expect(worst(await run({ norm: layerNormalisation }), usual)).toBe(0);
  const without = [
    await run({ attention: ({ query }: { query: Tensor }) => nothing(query) }),
    await run({ mlp: ({ x }: { x: Tensor }) => nothing(x) }),
    await run({ norm: (x: Tensor) => add(x, 1) }),
  ];
  for (const logits of without) expect(worst(logits, usual)).toBeGreaterThan(1e-3);
});

test('a pass built for one size of images refuses another', async () => {
  const { config, tensors, inputs } = readFixture('vit');
  const model = { runtime, architecture: architectureOf(config), config, weights: weightSource(tensors, 'fp32') };
  const program = await compileForward(model, inputs, ['pooled'], []);
  const other = { shape: [1, 3, 8, 8], data: new Float32Array(192) };
  await expect(program.run({ pixels: other }, [])).rejects.toThrow(/built for images of 3 x 12 x 12; got 3 x 8 x 8/);
  program.release();
});

test('a configuration that lies about a tower or an image is refused', () => {
  const { config } = readFixture('clip');
  const stored = (part: string, fields: object) => ({ ...config, [part]: { ...(config[part] as object), ...fields } });
  expect(() => checkConfig(stored('text_config', { vocab_size: 2 ** 40 }), 'config.json')).toThrow(
    /vocab_size in text_config of config.json is "1099511627776"/,
  );
  expect(() => checkConfig({ ...config, vision_config: 3 }, 'config.json')).toThrow(
    /vision_config in config.json is not/,
  );
  const facts = (fields: object) => () =>
    clipArchitecture.facts(checkConfig(stored('vision_config', fields), 'config.json'));
  expect(facts({ image_size: 1e9 })).toThrow(/image_size is 1000000000; it must be a whole number from 1 to 16384/);
  expect(facts({ patch_size: 5 })).toThrow(/image_size 12 x 12 is no multiple of patch_size 5 x 5/);
  expect(facts({ num_attention_heads: 7 })).toThrow(/7 heads do not divide a width of 48/);
  // Old files leave out what transformers has a default for.
  expect(checkConfig({ model_type: 'clip' }, 'config.json')).toMatchObject({
    vocab_size: 49408,
    max_position_embeddings: 77,
    vision_config: { hidden_size: 768, patch_size: 32 },
  });
});
