import { input } from '@working-papers/graph';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, expect, test } from 'vitest';
import { architectureOf } from '../architectures/index.ts';
import { rotatedLlama } from '../architectures/llama-rotation.ts';
import { createDecoder } from '../generation/decoder.ts';
import { seededUniform } from '../generation/sampling.ts';
import { factsOf } from '../testing/model-facts.ts';
import { randomLlama, tinyLlama, weightOf } from '../testing/random-checkpoint.ts';
import { WatchedInputs } from './input-means.ts';
import { Int8Source } from './int8-source.ts';
import { weightSource } from './weight-source.ts';

const runtime = createRuntime();
afterAll(() => runtime.close());

test('the mean of every product’s inputs is seen, gains set apart, and predictions stay', async () => {
  const tensors = randomLlama(tinyLlama);
  const base = weightSource(tensors, 'fp32');
  const rotated = rotatedLlama(tinyLlama, tensors);
  const watched = new WatchedInputs(base, rotated.stream);
  const ids = input('ids', 'int64', ['rows', 'sequence']);
  const { logits } = architectureOf(rotated.config).forward(rotated.config, watched, { ids }, {});
  const layer = (name: string) => `model.layers.1.${name}.weight`;
  expect(watched.products.get(layer('mlp.gate_proj'))).toEqual([layer('mlp.gate_proj'), layer('mlp.up_proj')]);
  expect([...watched.means.keys()]).toHaveLength(4 * tinyLlama.num_hidden_layers + 1);

  const given = layer('mlp.gate_proj');
  const program = await runtime.compile({ logits: logits!, mean: watched.means.get(given)! });
  const sequence = [5, 40, 17, 80, 2, 33];
  const data = BigInt64Array.from(sequence, BigInt);
  const answer = await program.run({ ids: { dtype: 'int64', shape: [1, sequence.length], data } });
  program.release();

  const model = await createDecoder(factsOf(tinyLlama, tensors, runtime));
  const expected = await model.logits(sequence);
  for (const [i, value] of expected.logits.entries()) {
    expect((answer.logits!.data as Float32Array)[i]).toBeCloseTo(value, 3);
  }
  const activation = await model.activations({ ids: [sequence] }, ['blocks.1.mlp.input']);
  model.close();
  const gain = new Float32Array((await tensors.get('model.layers.1.post_attention_layernorm.weight')!.bytes()).buffer);
  const { data: inputs } = activation['blocks.1.mlp.input']!;
  for (const [column, mean] of (answer.mean!.data as Float32Array).entries()) {
    let sum = 0;
    for (let token = 1; token < sequence.length; token++) sum += (inputs as Float32Array)[token * 64 + column]!;
    expect(mean * gain[column]!).toBeCloseTo(sum / (sequence.length - 1), 4);
  }
});

test('what inputs have in common costs nothing in rounding', async () => {
  const uniform = seededUniform(2);
  const numbers = (count: number) => Float32Array.from({ length: count }, () => uniform() * 2 - 1);
  const [rows, columns, tokens] = [48, 64, 9];
  const weights = numbers(rows * columns);
  const common = numbers(columns).map((value) => 50 * value);
  const tensors = new Map([['w', weightOf('w', [rows, columns], weights)]]);
  const rest = numbers(tokens * columns);
  const x = rest.map((value, i) => value + common[i % columns]!);
  const expected = Float32Array.from({ length: tokens * rows }, (_, i) => {
    const [token, row] = [Math.floor(i / rows), i % rows];
    let sum = 0;
    for (let k = 0; k < columns; k++) sum += weights[row * columns + k]! * x[token * columns + k]!;
    return sum;
  });
  const errorWith = async (means?: ReadonlyMap<string, Float32Array>) => {
    const base = weightSource(tensors, 'fp32');
    const source = new Int8Source(tensors, base, { runtime, formOf: () => 'paired', ...(means ? { means } : {}) });
    const program = await runtime.compile({ y: source.linear(input('x', 'float32', ['tokens', columns]), 'w') });
    const { y } = await program.run({ x: { dtype: 'float32', shape: [tokens, columns], data: x } });
    program.release();
    source.release();
    return Math.max(...expected.map((value, i) => Math.abs(value - (y!.data as Float32Array)[i]!)));
  };
  const [without, within] = [await errorWith(), await errorWith(new Map([['w', common]]))];
  expect(within).toBeLessThan(without / 20);
  expect(within).toBeLessThan(0.2);
});
