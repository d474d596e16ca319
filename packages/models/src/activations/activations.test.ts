import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, describe, expect, test } from 'vitest';
import { createDecoder } from '../generation/decoder.ts';
import { distance, readFixture } from '../testing/fixture.ts';
import { factsOf } from '../testing/model-facts.ts';
import type { Edit, ForwardInput } from './types.ts';

const runtime = createRuntime();
afterAll(() => runtime.close());

const { config, tensors, inputs, outputs } = readFixture('qwen3');
const model = await createDecoder(factsOf(config, tensors, runtime));
afterAll(() => model.close());
const values = async (names: string[], options = {}) => {
  const answer = await model.activations(inputs, names, options);
  return names.map((name) => answer[name]!.data as Float32Array);
};

describe('activations', () => {
  test('are listed with their shapes, and each can be read', async () => {
    const taps = model.taps();
    expect(taps.map(({ name }) => name)).toContain('blocks.2.attention.logSumExp');
    const answer = await model.activations(
      inputs,
      taps.map(({ name }) => name),
    );
    for (const { name, shape } of taps) {
      const sizes: Record<string, number> = { rows: 2, sequence: 11 };
      expect(answer[name]!.shape, name).toEqual(shape.map((size) => (typeof size === 'number' ? size : sizes[size])));
    }
  });

  test('fit each other: the stream is the sum of what was added, probabilities are exp(scores - logSumExp)', async () => {
    const [embedding, first, second, middle] = await values([
      'embedding',
      'blocks.0.attention.output',
      'blocks.0.mlp.output',
      'blocks.0.residual',
    ]);
    for (const [i, value] of middle!.entries()) expect(value).toBeCloseTo(embedding![i]! + first![i]! + second![i]!, 4);
    const [scores, mass, probabilities] = await values(
      ['scores', 'logSumExp', 'probabilities'].map((name) => `blocks.1.attention.${name}`),
    );
    for (const [i, probability] of probabilities!.entries()) {
      expect(probability).toBeCloseTo(Math.exp(scores![i]! - mass![Math.floor(i / 11)]!), 5);
    }
  });

  test('an edit changes the rows and places it names, and what follows from them', async () => {
    const name = 'blocks.1.residual';
    const width = config.hidden_size;
    const edit = { name, operation: 'add', value: 3, rows: [1], positions: [4, 6] };
    const [before, beforeLogits] = await values([name, 'logits']);
    const [after, afterLogits] = await values([name, 'logits'], { edits: [edit] });
    for (const [i, value] of after!.entries()) {
      const place = Math.floor(i / width);
      expect(value - before![i]!).toBeCloseTo(place === 11 + 4 || place === 11 + 6 ? 3 : 0, 4);
    }
    const changed = (place: number) =>
      Math.max(
        ...Array.from({ length: 61 }, (_, i) =>
          Math.abs(afterLogits![place * 61 + i]! - beforeLogits![place * 61 + i]!),
        ),
      );
    for (let place = 0; place < 22; place++) {
      // Causal: what comes before the first edited place, and the other row, stay as they are.
      if (place < 11 + 4) expect(changed(place)).toBeLessThan(1e-5);
      else expect(changed(place)).toBeGreaterThan(1e-3);
    }
  });

  test('questions that are asked at once do not get in each other’s way', async () => {
    const names = ['embedding', 'norm', 'logits', 'blocks.0.residual'];
    const together = await Promise.all(names.map((name) => model.activations(inputs, [name])));
    for (const [i, name] of names.entries()) {
      const [alone] = await values([name]);
      expect(together[i]![name]!.data).toEqual(alone);
    }
  });

  test('patching the stream of one text into another gives the other text', async () => {
    const other = { ids: [inputs.ids![1]!, inputs.ids![0]!] };
    const name = 'blocks.2.residual';
    const patch = (await model.activations(other, [name]))[name]!;
    const answer = await model.activations(inputs, ['logits'], {
      edits: [{ name, operation: 'replace', value: { shape: patch.shape, data: patch.data as Float32Array } }],
    });
    const swapped = await model.activations(other, ['logits']);
    expect(
      distance(answer.logits!, { shape: outputs.logits!.shape, data: swapped.logits!.data as Float32Array }),
    ).toBeLessThan(1e-5);
  });

  test('replaced probabilities are what values are mixed by', async () => {
    const names = ['blocks.0.attention.value', 'blocks.0.attention.heads'];
    const [value, heads] = await values(names, {
      edits: [{ name: 'blocks.0.attention.probabilities', operation: 'replace', value: 1 / 11 }],
    });
    // Query head h reads key head h / 3; every token mixes all 11 alike.
    for (const head of [0, 2, 5]) {
      for (const feature of [0, 7]) {
        let mean = 0;
        for (let token = 0; token < 11; token++)
          mean += value![((head / 3) | 0) * 11 * 16 + token * 16 + feature]! / 11;
        for (const token of [0, 10]) expect(heads![token * 96 + head * 16 + feature]).toBeCloseTo(mean, 5);
      }
    }
  });

  test.each<[{ input?: ForwardInput; names: string[]; edits?: Edit[] }, RegExp]>([
    [
      { names: ['blocks.1.residual', 'blocks.1.reside'] },
      /There is no activation 'blocks\.1\.reside'.*blocks\.1\.residual/,
    ],
    [{ names: ['blocks.9.residual'] }, /There is no activation 'blocks\.9\.residual'/],
    [{ names: [] }, /name at least one/],
    [{ input: {}, names: ['logits'] }, /needs token ids/],
    [{ input: { ids: [[1]], tokenTypes: [[0]] }, names: ['logits'] }, /does not take token types/],
    [{ input: { ids: [[61]] }, names: ['logits'] }, /61 is not a whole number from 0 to 60/],
    [{ input: { ids: [[1, 2], [3]] }, names: ['logits'] }, /Row 1 of ids has 1 numbers and row 0 has 2/],
    [{ input: { ids: [[1, 2]], mask: [[1]] }, names: ['logits'] }, /mask has 1 numbers a row and another input 2/],
    [
      {
        names: ['logits'],
        edits: [{ name: 'norm', operation: 'add', value: { shape: [3], data: new Float32Array(3) } }],
      },
      /A value of shape \[3\] with 3 numbers does not fit the activation 'norm' of shape \[2, 11, 48\]/,
    ],
    [
      { names: ['logits'], edits: [{ name: 'norm', operation: 'add', value: 1, rows: [2] }] },
      /names row 2; there are 2/,
    ],
  ])('a wrong question gets a sentence: %j', async ({ input = inputs, names, edits = [] }, sentence) => {
    await expect(model.activations(input, names, { edits })).rejects.toThrow(sentence);
  });
});
