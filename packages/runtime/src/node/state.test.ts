import { afterAll, describe, expect, test } from 'vitest';
import { createRuntime, residentBytes } from './index.ts';
import type { NativeTensor } from './tensor.ts';
import { type TestNode, testModel, value } from './test-graph.ts';

const runtime = createRuntime();
afterAll(() => runtime.close());

const noise = (length: number, seed: number) =>
  Float32Array.from({ length }, (_, i) => Math.sin(seed * 1000 + i * 1.7));

interface Heads {
  queries: number;
  keys: number;
  size: number;
}

/** One attention layer's step: new query, key and value in, the cache updated, the answer out. */
const attentionStep = ({ queries, keys, size }: Heads) =>
  testModel({
    inputs: [
      value('query', 'float32', [1, 'new', queries * size]),
      value('key', 'float32', [1, 'new', keys * size]),
      value('value', 'float32', [1, 'new', keys * size]),
      value('pastKey', 'float32', [1, keys, 'capacity', size]),
      value('pastValue', 'float32', [1, keys, 'capacity', size]),
      value('last', 'int32', [1]),
      value('total', 'int32', [1]),
    ],
    outputs: [
      value('answer', 'float32', [1, 'new', queries * size]),
      value('presentKey', 'float32', [1, keys, 'capacity', size]),
      value('presentValue', 'float32', [1, keys, 'capacity', size]),
    ],
    nodes: [
      {
        op: 'GroupQueryAttention',
        domain: 'com.microsoft',
        inputs: ['query', 'key', 'value', 'pastKey', 'pastValue', 'last', 'total'],
        outputs: ['answer', 'presentKey', 'presentValue'],
        integers: { num_heads: queries, kv_num_heads: keys },
      },
    ],
  });

/** Attention of the last query over all keys, in double precision, straight from its definition. */
function attend(
  { queries, keys, size }: Heads,
  query: Float32Array,
  history: { key: Float32Array; value: Float32Array }[],
) {
  return Array.from({ length: queries * size }, (_, column) => {
    const head = Math.floor(column / size);
    const group = Math.floor(head / (queries / keys)) * size;
    const scores = history.map(({ key }) => {
      let sum = 0;
      for (let i = 0; i < size; i++) sum += query[head * size + i]! * key[group + i]!;
      return Math.exp(sum / Math.sqrt(size));
    });
    const all = scores.reduce((sum, score) => sum + score, 0);
    return history.reduce((sum, { value }, i) => sum + (scores[i]! / all) * value[group + (column % size)]!, 0);
  });
}

function attentionTensors({ queries, keys, size }: Heads, capacity: number) {
  const tensor = (shape: number[]) => runtime.tensor('float32', shape);
  const [query, key, value] = [queries, keys, keys].map((heads) => tensor([1, 1, heads * size])) as [
    NativeTensor,
    NativeTensor,
    NativeTensor,
  ];
  const [pastKey, pastValue] = [tensor([1, keys, capacity, size]), tensor([1, keys, capacity, size])];
  const [last, total] = [runtime.tensor('int32', [1]), runtime.tensor('int32', [1])];
  return { inputs: { query, key, value, pastKey, pastValue, last, total }, answer: tensor([1, 1, queries * size]) };
}

describe('state in place', () => {
  test('a cache updated in place gives what recomputing attention over the whole history gives', async () => {
    const heads = { queries: 4, keys: 2, size: 16 };
    const program = await runtime.load(attentionStep(heads), { label: 'attention' });
    const { inputs, answer } = attentionTensors(heads, 64);
    const call = program.bind(inputs, { answer, presentKey: inputs.pastKey, presentValue: inputs.pastValue });
    const history: { key: Float32Array; value: Float32Array }[] = [];
    for (let step = 0; step < 24; step++) {
      const [query, key, value] = [noise(64, step), noise(32, step + 100), noise(32, step + 200)];
      history.push({ key, value });
      inputs.query.write(query);
      inputs.key.write(key);
      inputs.value.write(value);
      inputs.last.write(Int32Array.of(step));
      inputs.total.write(Int32Array.of(step + 1));
      await call.run();
      const expected = attend(heads, query, history);
      answer.read().forEach((got: number | bigint, i: number) => {
        expect(got).toBeCloseTo(expected[i]!, 5);
      });
    }
    // The cache itself holds the keys where they came in: [1, keys, capacity, size].
    expect(inputs.pastKey.read(7 * 16, 16)).toEqual(history[7]!.key.slice(0, 16));
    expect(inputs.pastValue.read((64 + 7) * 16, 16)).toEqual(history[7]!.value.slice(16));
    program.release();
  });

  test('a thousand steps allocate nothing of the size of a cache', async () => {
    const heads = { queries: 9, keys: 3, size: 64 };
    const program = await runtime.load(attentionStep(heads));
    const { inputs, answer } = attentionTensors(heads, 32768);
    const cache = inputs.pastKey.bytes;
    expect(cache).toBe(3 * 32768 * 64 * 4);
    inputs.pastKey.write(new Float32Array(cache / 4));
    inputs.pastValue.write(new Float32Array(cache / 4));
    const call = program.bind(inputs, { answer, presentKey: inputs.pastKey, presentValue: inputs.pastValue });
    const step = (position: number) => {
      inputs.last.write(Int32Array.of(position));
      inputs.total.write(Int32Array.of(position + 1));
      call.runSync();
    };
    for (let position = 0; position < 100; position++) step(position);
    const before = residentBytes();
    let most = 0;
    for (let position = 100; position < 1100; position++) {
      step(position);
      if (position % 50 === 0) most = Math.max(most, residentBytes());
    }
    expect(most - before).toBeLessThan(cache / 5);
    program.release();
  });

  test('an AdamW step in place is right to the last digit', async () => {
    const [rate, beta1, beta2, epsilon, decay] = [1e-3, 0.9, 0.999, 1e-8, 0.01].map(Math.fround) as [
      number,
      number,
      number,
      number,
      number,
    ];
    const constants = {
      beta1,
      beta2,
      one_1: Math.fround(1 - beta1),
      one_2: Math.fround(1 - beta2),
      epsilon,
      rate,
      decay,
    };
    const node = (op: string, output: string, ...inputs: string[]): TestNode => ({ op, inputs, outputs: [output] });
    const names = ['weight', 'gradient', 'mean', 'square'];
    const length = 10_007;
    const program = await runtime.load(
      testModel({
        inputs: names.map((name) => value(name, 'float32', [length])),
        outputs: ['newMean', 'newSquare', 'newWeight'].map((name) => value(name, 'float32', [length])),
        nodes: [
          node('Mul', 'm0', 'mean', 'beta1'),
          node('Mul', 'm1', 'gradient', 'one_1'),
          node('Add', 'newMean', 'm0', 'm1'),
          node('Mul', 'v0', 'square', 'beta2'),
          node('Mul', 'g2', 'gradient', 'gradient'),
          node('Mul', 'v1', 'g2', 'one_2'),
          node('Add', 'newSquare', 'v0', 'v1'),
          node('Sqrt', 'root', 'newSquare'),
          node('Add', 'below', 'root', 'epsilon'),
          node('Div', 'step', 'newMean', 'below'),
          node('Mul', 'w0', 'weight', 'decay'),
          node('Add', 'w1', 'step', 'w0'),
          node('Mul', 'w2', 'w1', 'rate'),
          node('Sub', 'newWeight', 'weight', 'w2'),
        ],
        constants: Object.entries(constants).map(([name, number]) => ({
          name,
          dtype: 'float32',
          shape: [],
          data: Float32Array.of(number),
        })),
      }),
      { memoryPatterns: false },
    );
    const f = Math.fround;
    const [w, m, v] = [noise(length, 1), new Float32Array(length), new Float32Array(length)];
    const [weight, mean, square] = [w, m, v].map((data) => runtime.tensor('float32', [length], data)) as [
      NativeTensor,
      NativeTensor,
      NativeTensor,
    ];
    const gradient = runtime.tensor('float32', [length]);
    const call = program.bind(
      { weight, gradient, mean, square },
      { newWeight: weight, newMean: mean, newSquare: square },
    );
    for (let step = 0; step < 5; step++) {
      const g = noise(length, step + 7);
      gradient.write(g);
      await call.run();
      for (let i = 0; i < length; i++) {
        m[i] = f(f(m[i]! * beta1) + f(g[i]! * constants.one_1));
        v[i] = f(f(v[i]! * beta2) + f(f(g[i]! * g[i]!) * constants.one_2));
        const change = f(m[i]! / f(f(Math.sqrt(v[i]!)) + epsilon));
        w[i] = f(w[i]! - f(f(change + f(w[i]! * decay)) * rate));
      }
    }
    expect(weight.read()).toEqual(w);
    expect(mean.read()).toEqual(m);
    expect(square.read()).toEqual(v);
  });

  test('two outputs cannot share one memory', async () => {
    const program = await runtime.load(
      testModel({
        inputs: [value('x', 'float32', [2])],
        outputs: [value('a', 'float32', [2]), value('b', 'float32', [2])],
        nodes: [
          { op: 'Neg', inputs: ['x'], outputs: ['a'] },
          { op: 'Abs', inputs: ['x'], outputs: ['b'] },
        ],
      }),
    );
    const x = runtime.tensor('float32', [2]);
    expect(() => program.bind({ x }, { a: x, b: x.reshape([2]) })).toThrow(
      'outputs "a" and "b" share one tensor\'s memory.',
    );
  });

  test('a call keeps the tensors it uses, whoever releases them', async () => {
    const program = await runtime.load(
      testModel({
        inputs: [value('x', 'float32', [2])],
        outputs: [value('y', 'float32', [2])],
        nodes: [{ op: 'Neg', inputs: ['x'], outputs: ['y'] }],
      }),
    );
    const [x, y] = [runtime.tensor('float32', [2], Float32Array.of(1, 2)), runtime.tensor('float32', [2])];
    const call = program.bind({ x }, { y });
    x.release();
    await call.run();
    expect(y.read()).toEqual(Float32Array.of(-1, -2));
    call.release();
    await expect(call.run()).rejects.toThrow('the call was released');
  });
});
