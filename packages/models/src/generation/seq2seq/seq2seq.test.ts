import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, describe, expect, test } from 'vitest';
import { distance, readFixture } from '../../testing/fixture.ts';
import { factsOf } from '../../testing/model-facts.ts';
import { createSeq2Seq } from './model.ts';

const runtime = createRuntime();
afterAll(() => runtime.close());

const names = ['t5', 't5-gated-untied', 'mt5', 'umt5', 'bart', 'bart-scaled', 'mbart', 'marian'];

describe.each(names)('%s', (name) => {
  const { config, tensors, inputs, outputs } = readFixture(name);
  const vocabulary = config.vocab_size;
  // The fixture's second row is padded: both are read together, each as long as it is.
  const sources = inputs.ids!.map((ids, row) =>
    ids.slice(
      0,
      inputs.mask![row]!.reduce((sum, one) => sum + one, 0),
    ),
  );

  test('sources of uneven length, prefill and steps are the whole pass of transformers', async () => {
    const model = await createSeq2Seq(factsOf(config, tensors, runtime));
    const encoded = await model.encode(sources);
    const { data, shape } = encoded.hidden(1);
    const hidden = outputs.encoderHidden!;
    const width = hidden.shape[1]! * hidden.shape[2]!;
    const wanted = { shape, data: hidden.data.slice(width, width + data.length) };
    expect(distance({ data, shape }, wanted)).toBeLessThan(1e-4);

    const decoder = model.decoder(encoded);
    const cache = decoder.createCache(12, 2);
    const logitsOf = (row: number, place: number) => {
      const from = (row * inputs.decoderIds![0]!.length + place) * vocabulary;
      return { shape: [vocabulary], data: outputs.logits!.data.subarray(from, from + vocabulary) };
    };
    const prompts = [4, 3];
    for (const [row, length] of prompts.entries()) {
      const next = await decoder.prefill(cache.view(row), inputs.decoderIds![row]!.slice(0, length));
      expect(distance({ shape: [vocabulary], data: next.logits() }, logitsOf(row, length - 1))).toBeLessThan(1e-4);
    }
    for (let i = 0; i < 5; i++) {
      const next = await decoder.step(
        cache,
        prompts.map((length, row) => inputs.decoderIds![row]![length + i]!),
      );
      for (const [row, length] of prompts.entries()) {
        expect(distance({ shape: [vocabulary], data: next.logits(row) }, logitsOf(row, length + i))).toBeLessThan(1e-4);
      }
    }
    cache.release();
    encoded.release();
    model.close();
  });
});
