import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, describe, expect, test } from 'vitest';
import type { SeenActivations } from '../activations/types.ts';
import { architectures } from '../architectures/index.ts';
import { distance, fixturesOf, readFixture } from '../testing/fixture.ts';
import { factsOf } from '../testing/model-facts.ts';
import type { DecoderModel } from '../types.ts';
import { createDecoder } from './decoder.ts';

const runtime = createRuntime();
afterAll(() => runtime.close());

const decoders = architectures.filter(({ kind }) => kind === 'decoder').flatMap(({ types }) => fixturesOf(types));

/** Logits after each token, the first four as a prompt and the others one at a time. */
async function stepByStep(model: DecoderModel, ids: readonly number[]): Promise<Float32Array[]> {
  const cache = model.createCache(ids.length);
  const logits = [(await model.prefill(cache, ids.slice(0, 4))).logits()];
  for (const id of ids.slice(4)) logits.push((await model.step(cache, [id])).logits());
  cache.release();
  return logits;
}

describe.each(decoders)('%s over a cache', (name) => {
  const { config, tensors, inputs, outputs, activations } = readFixture(name);
  const ids = inputs.ids![0]!;
  const vocabulary = config.vocab_size;
  const expected = (token: number) => ({
    shape: [vocabulary],
    data: outputs.logits!.data.subarray(token * vocabulary, (token + 1) * vocabulary),
  });

  test('prompt, steps and scores are those of transformers, looked into or not', async () => {
    const model = await createDecoder(factsOf(config, tensors, runtime));
    const seen: SeenActivations[] = [];
    const names = Object.keys(activations).filter((key) => key !== 'embedding');
    const watched = await model.instrument({ names, onActivations: (activations) => seen.push(activations) });
    for (const one of [model, watched]) {
      const whole = await one.logits(ids);
      expect(
        distance(
          { ...whole, data: whole.logits },
          { shape: whole.shape, data: outputs.logits!.data.subarray(0, whole.logits.length) },
        ),
      ).toBeLessThan(1e-4);
      seen.length = 0;
      for (const [index, logits] of (await stepByStep(one, ids)).entries()) {
        expect(distance({ shape: [vocabulary], data: logits }, expected(index + 3))).toBeLessThan(1e-4);
      }
    }
    expect(seen.map(({ starts }) => starts)).toEqual([[0], [4], [5], [6], [7], [8], [9], [10]]);
    for (const key of names) {
      const wanted = activations[key]!;
      for (const { activations: read, starts } of seen) {
        const got = read[key]!;
        const along = key.endsWith('probabilities') ? 2 : 1;
        // [1, heads or nothing, places, width]: a stretch of places, and of keys the first alone.
        const [width, all] = [got.shape.at(-1)!, wanted.shape.at(-1)!];
        const [places, sequence] = [got.shape[along]!, wanted.shape[along]!];
        for (let i = 0; i < got.data.length; i++) {
          const [column, row] = [i % width, Math.floor(i / width)];
          const place = (row % places) + starts[0]! + Math.floor(row / places) * sequence;
          expect(Math.abs(Number(got.data[i]) - wanted.data[place * all + column]!)).toBeLessThan(1e-4);
        }
      }
    }
    watched.close();
    model.close();
  });
});

describe('edits while generating', () => {
  const { config, tensors, inputs } = readFixture('llama');
  const ids = inputs.ids![0]!;

  test('at places of one text they are what the same edits of a whole pass are', async () => {
    const model = await createDecoder(factsOf(config, tensors, runtime));
    const direction = Float32Array.from({ length: config.hidden_size }, (_, i) => Math.sin(i));
    const edits = [
      {
        name: 'blocks.1.residual',
        operation: 'add' as const,
        value: { shape: [config.hidden_size], data: direction },
        positions: { from: 3, to: 8 },
      },
      { name: 'blocks.2.attention.probabilities', operation: 'multiply' as const, value: 0.5, positions: [2, 9] },
    ];
    const whole = (await model.activations({ ids: [ids] }, ['logits'], { edits })).logits!.data as Float32Array;
    const plain = (await model.activations({ ids: [ids] }, ['logits'])).logits!.data as Float32Array;
    const steered = await model.instrument({ edits });
    for (const [index, logits] of (await stepByStep(steered, ids)).entries()) {
      const at = (index + 3) * config.vocab_size;
      expect(distance({ shape: [61], data: logits }, { shape: [61], data: whole.subarray(at, at + 61) })).toBeLessThan(
        1e-4,
      );
      expect(
        distance({ shape: [61], data: logits }, { shape: [61], data: plain.subarray(at, at + 61) }),
      ).toBeGreaterThan(1e-2);
    }
    steered.close();
    model.close();
  });

  test('change the rows of a batch that they name, and generation goes on from them', async () => {
    const model = await createDecoder(factsOf(config, tensors, runtime));
    // Nothing but one token's row of the head: the edited row says it again and again.
    const logits = new Float32Array(61).fill(-5);
    logits[17] = 5;
    const steered = await model.instrument({
      edits: [{ name: 'logits', operation: 'replace', value: { shape: [61], data: logits }, rows: [1] }],
    });
    const cache = steered.createCache(16, 2);
    const next = [0, 1].map(async (row) => (await steered.prefill(cache.view(row), ids.slice(0, 5 + row))).ids[0]!);
    const said = [await Promise.all(next)];
    for (let i = 0; i < 3; i++) said.push([...(await steered.step(cache, said.at(-1)!)).ids]);
    cache.release();
    const alone = model.generate({ ids: ids.slice(0, 5), maxTokens: 4, stopAtEnd: false });
    let last = await alone.next();
    while (!last.done) last = await alone.next();
    expect(said.map(([first]) => first)).toEqual(last.value.tokens);
    expect(said.map(([, second]) => second)).toEqual([17, 17, 17, 17]);
    steered.close();
    model.close();
  });

  test('a name that no activation has is refused', async () => {
    const model = await createDecoder(factsOf(config, tensors, runtime));
    await expect(model.instrument({ names: ['blocks.7.residual'] })).rejects.toThrow(
      /There is no activation 'blocks\.7\.residual'/,
    );
    model.close();
  });
});
