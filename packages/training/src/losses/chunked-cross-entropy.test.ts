/** The loss of a large vocabulary in chunks, against the loss of all rows at once. */
import { readFileSync } from 'node:fs';
import { constant, gradient, input, matmul, mul, operationsBefore, slice, tapeOf } from '@working-papers/graph';
import { architectureOf, checkConfig, trainingAttention, weightSource } from '@working-papers/models';
import { fixtureTensors } from '@working-papers/models/testing';
import { createRuntime, residentBytes, watchPeak } from '@working-papers/runtime/node';
import { afterAll, expect, test } from 'vitest';
import { ignored } from '../data/sequence.ts';
import { adamW } from '../optimisers/adam.ts';
import { clipByGlobalNorm } from '../optimisers/clipping.ts';
import { chain } from '../optimisers/transformation.ts';
import type { Parameter } from '../parameters.ts';
import { TrainingStep } from '../step/training-step.ts';
import { trainableWeights } from '../weights/trainable-weights.ts';
import { chunkedCrossEntropy } from './chunked-cross-entropy.ts';
import { crossEntropy } from './cross-entropy.ts';

const runtime = createRuntime();
afterAll(() => runtime.close());

const wave = (count: number, of: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(i * 1.7 + of));

const data = {
  floats: (shape: readonly number[], of: number) => {
    const count = shape.reduce((product, size) => product * size, 1);
    return { dtype: 'float32' as const, shape, data: wave(count, of) };
  },
  labels: (shape: readonly number[], classes: number, missing: number) => {
    const count = shape.reduce((product, size) => product * size, 1);
    const labelOf = (i: number) => BigInt(i < missing ? ignored : (i * 7) % classes);
    return { dtype: 'int64' as const, shape, data: BigInt64Array.from({ length: count }, (_, i) => labelOf(i)) };
  },
};

const [rows, length, hidden, classes] = [3, 4, 6, 11];

interface Case {
  chunk?: number;
  weighted?: boolean;
  /** The head is the graph's own and not an input of it. */
  frozen?: boolean;
  /** Rows and length are known when the program runs. */
  later?: boolean;
  missing?: number;
}

test.each<[string, Case]>([
  ['even chunks', { chunk: 4 }],
  ['the last one shorter', { chunk: 5 }],
  ['more than there is', { chunk: 100 }],
  ['one row each', { chunk: 1, weighted: true }],
  ['weights', { chunk: 7, weighted: true }],
  ['a frozen head', { chunk: 4, frozen: true }],
  ['a frozen head, the last chunk shorter, weights', { chunk: 5, frozen: true, weighted: true }],
  ['rows unknown', { later: true }],
  ['rows unknown, a frozen head', { later: true, frozen: true }],
  ['a frozen head and nothing labelled', { chunk: 4, frozen: true, missing: 12 }],
])(
  '%s: loss and gradients are those of all rows at once',
  async (_, { chunk, weighted, frozen, later, missing = 3 }) => {
    const shape = later ? ['rows', 'length'] : [rows, length];
    const h = input('h', 'float32', [...shape, hidden]);
    const given = data.floats([hidden, classes], 1);
    const w = frozen ? constant(given.data, 'float32', [hidden, classes]) : input('w', 'float32', [hidden, classes]);
    const labels = input('labels', 'int64', shape);
    const weights = weighted ? { weights: input('weights', 'float32', shape) } : {};
    const parts = { ...weights, ...(chunk === undefined ? {} : { chunk }) };
    const ways = {
      whole: crossEntropy(matmul(h, w), labels, weights),
      parts: chunkedCrossEntropy(h, labels, (x) => matmul(x, w), parts),
    };
    const outputs = Object.entries(ways).flatMap(([way, loss]) => {
      // Three times the loss: what comes back to it counts.
      const [dh, dw] = gradient(mul(loss, 3), frozen ? [h] : [h, w]);
      return [[`${way}.loss`, loss] as const, [`${way}.h`, dh!] as const, ...(dw ? [[`${way}.w`, dw] as const] : [])];
    });
    const program = await runtime.compile(Object.fromEntries(outputs));
    const found = await program.run({
      h: data.floats([rows, length, hidden], 0),
      labels: data.labels([rows, length], classes, missing),
      ...(frozen ? {} : { w: given }),
      ...(weighted
        ? { weights: { ...data.floats([rows, length], 2), data: wave(rows * length, 2).map(Math.abs) } }
        : {}),
    });
    program.release();
    for (const name of ['loss', 'h', ...(frozen ? [] : ['w'])]) {
      const [own, wanted] = [found[`parts.${name}`]!, found[`whole.${name}`]!];
      expect(own.shape).toEqual(wanted.shape);
      for (const [i, value] of (wanted.data as Float32Array).entries()) expect(own.data[i], name).toBeCloseTo(value, 6);
    }
  },
);

test('a frozen head is run once and not again backwards', () => {
  const h = input('h', 'float32', [8, hidden]);
  const labels = input('labels', 'int64', [8]);
  const heads = [
    constant(wave(hidden * classes, 1), 'float32', [hidden, classes]),
    input('w', 'float32', [hidden, classes]),
  ];
  const scans = heads.map((w) => {
    const loss = chunkedCrossEntropy(h, labels, (x) => matmul(x, w), { chunk: 4 });
    return operationsBefore(gradient(loss, [h])).filter(({ rule }) => rule.name === 'mapSlices').length;
  });
  expect(scans).toEqual([1, 2]);
});

test('takes a fraction of the memory', async () => {
  const [rows, hidden, classes] = [1024, 16, 20_000];
  const h = input('h', 'float32', [rows, hidden]);
  const w = input('w', 'float32', [hidden, classes]);
  const labels = input('labels', 'int64', [rows]);
  const fed = {
    h: { dtype: 'float32' as const, shape: [rows, hidden], data: wave(rows * hidden, 0) },
    w: { dtype: 'float32' as const, shape: [hidden, classes], data: wave(hidden * classes, 1) },
    labels: {
      dtype: 'int64' as const,
      shape: [rows],
      data: BigInt64Array.from({ length: rows }, (_, i) => BigInt(i * 3)),
    },
  };
  const grown = async (loss: ReturnType<typeof crossEntropy>) => {
    const [dh, dw] = gradient(loss, [h, w]);
    const program = await runtime.compile({ loss, dh: dh!, dw: dw! }, { memoryPatterns: false });
    const before = residentBytes();
    const peak = watchPeak();
    const answer = await program.run(fed);
    const bytes = peak.stop() - before;
    program.release();
    return { bytes, loss: Number(answer.loss!.data[0]), kept: tapeOf(loss, [dh!, dw!]).bytes };
  };
  const parts = await grown(chunkedCrossEntropy(h, labels, (x) => matmul(x, w), { chunk: 64 }));
  const whole = await grown(crossEntropy(matmul(h, w), labels));
  expect(parts.loss).toBeCloseTo(whole.loss, 4);
  expect(parts.bytes).toBeLessThan(whole.bytes / 3);
  expect(parts.kept).toBeLessThan(whole.kept / 100);
});

test('a model learns as PyTorch has it learn, its head read in chunks', async () => {
  const read = (name: string) => JSON.parse(readFileSync(new URL(`../../fixtures/${name}`, import.meta.url), 'utf8'));
  const stored = read('gradients-llama.json');
  const config = checkConfig(stored.config, 'llama');
  const tensors = fixtureTensors(stored.tensors);
  const weights = trainableWeights(weightSource(tensors, 'fp32'));
  const ids = input('ids', 'int64', [2, 9]);
  const parts = { attention: trainingAttention() };
  const { hidden } = architectureOf(config).forward(config, weights, { ids }, { parts });
  const loss = chunkedCrossEntropy(
    slice(hidden!, 1, 0, -1),
    slice(ids, 1, 1),
    (rows) => weights.linear(rows, 'lm_head.weight'),
    { chunk: 5 },
  );
  const optimiser = chain(clipByGlobalNorm({ maxNorm: 1 }), adamW({ rate: 1e-2, b2: 0.95, weightDecay: 0.1 }));
  const initial = ({ name }: Parameter) => {
    const bytes = tensors.get(name)!.bytesSync();
    return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  };
  const step = await TrainingStep.compile(runtime, { loss, parameters: weights.parameters, optimiser }, { initial });
  let state = 7;
  // The batches of fixtures/make-training.py.
  for (const wanted of (read('training-llama.json') as { loss: number; gradientNorm: number }[]).slice(0, 8)) {
    const data = BigInt64Array.from({ length: 18 }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return BigInt(1 + ((state >>> 16) % 28));
    });
    const result = await step.run({ ids: { dtype: 'int64', shape: [2, 9], data } });
    expect(Math.abs(result.loss / wanted.loss - 1)).toBeLessThan(1e-4);
    expect(Math.abs(result.gradientNorm / wanted.gradientNorm - 1)).toBeLessThan(1e-3);
  }
  step.release();
});

test('what cannot be cut is named', () => {
  const [h, labels] = [input('h', 'float32', ['rows', 4]), input('labels', 'int64', ['rows'])];
  const head = (x: typeof h) => x;
  expect(() => chunkedCrossEntropy(h, labels, head)).toThrow(
    'a number of rows that is known when the graph is built, or labels of two axes; the labels are [rows].',
  );
  const [fixed, four] = [input('h', 'float32', [4, 4]), input('labels', 'int64', [4])];
  expect(() => chunkedCrossEntropy(fixed, four, head, { chunk: 0 })).toThrow('at least 1; got 0.');
});
