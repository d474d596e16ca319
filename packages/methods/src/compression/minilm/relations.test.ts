/** The note's exact checks of the loss: worked values, invariances, PyTorch's losses and gradients, finite differences. */
import { readFileSync } from 'node:fs';
import { constant, gradient, input } from '@working-papers/graph';
import { checkConfig, type ModelConfig, type WeightTensor, weightSource } from '@working-papers/models';
import { type DescribedTensor, fixtureTensors } from '@working-papers/models/testing';
import type { HostTensor } from '@working-papers/runtime';
import { createRuntime } from '@working-papers/runtime/node';
import { trainableWeights } from '@working-papers/training';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { batchInputs } from './held-out.ts';
import { divergence, type RelationOptions, relation, relationLoss, seenBy } from './relations.ts';
import { type Student, valuesOf } from './student.ts';
import { learnt } from './student-training.ts';

const runtime = createRuntime({ threads: 2 });
afterAll(() => runtime.close());

const f32 = (shape: number[], values: ArrayLike<number>) => constant(Float32Array.from(values), 'float32', shape);
const ones = (rows: number, n: number) => constant(new BigInt64Array(rows * n).fill(1n), 'int64', [rows, n]);
const scalarsOf = async (outputs: Parameters<typeof runtime.compile>[0]) => {
  const program = await runtime.compile(outputs);
  const values = await program.run({});
  program.release();
  return Object.fromEntries(Object.entries(values).map(([name, { data }]) => [name, Array.from(data as Float32Array)]));
};

describe('the divergence', () => {
  it('is the worked example of one head and two tokens', async () => {
    const log = (rows: number[]) => f32([1, 1, 2, 2], rows.map(Math.log));
    const { loss } = await scalarsOf({
      loss: divergence(log([0.75, 0.25, 0.5, 0.5]), log([0.5, 0.5, 0.5, 0.5]), ones(1, 2)),
    });
    expect(loss![0]).toBeCloseTo(0.065406, 6);
  });

  it('of the value relation of V = I in two dimensions starts from rows of .66976 and .33024', async () => {
    const { scores } = await scalarsOf({
      scores: relation(f32([1, 2, 2], [1, 0, 0, 1]), 1, f32([1, 1, 1, 2], [0, 0])),
    });
    const [a, b] = scores!.map(Math.exp);
    expect(a! / (a! + b!)).toBeCloseTo(0.66976, 5);
  });

  it('is the cross entropy less the teacher’s entropy, and never below 0', async () => {
    const [t, s] = [input('t', 'float32', [1, 3, 4, 4]), input('s', 'float32', [1, 3, 4, 4])];
    const program = await runtime.compile({ loss: divergence(t, s, ones(1, 4)) });
    const logits = fc.array(fc.double({ min: -20, max: 20, noNaN: true }), { minLength: 48, maxLength: 48 });
    await fc.assert(
      fc.asyncProperty(logits, logits, async (teacher, student) => {
        const host = (data: number[]): HostTensor => ({
          dtype: 'float32',
          shape: [1, 3, 4, 4],
          data: Float32Array.from(data),
        });
        const { loss } = await program.run({ t: host(teacher), s: host(student) });
        let [cross, entropy] = [0, 0];
        for (let row = 0; row < 12; row++) {
          const softmax = (values: number[]) => {
            const own = Array.from(Float32Array.from(values.slice(4 * row, 4 * row + 4)));
            const sum = own.reduce((total, x) => total + Math.exp(x - Math.max(...own)), 0);
            return own.map((x) => x - Math.max(...own) - Math.log(sum));
          };
          const [p, q] = [softmax(teacher), softmax(student)];
          cross -= p.reduce((sum, x, i) => sum + Math.exp(x) * q[i]!, 0) / 12;
          entropy -= p.reduce((sum, x) => sum + Math.exp(x) * x, 0) / 12;
        }
        const own = Number(loss!.data[0]);
        expect(Math.abs(own - (cross - entropy))).toBeLessThan(1e-5 * Math.max(1, cross));
        expect(own).toBeGreaterThan(-1e-6);
      }),
      { numRuns: 60 },
    );
    program.release();
  });

  it('has the gradient (S - T) / (A n) at the student’s logits, and 0 at padding', async () => {
    const [t, s] = [input('t', 'float32', [1, 2, 3, 3]), input('s', 'float32', [1, 2, 3, 3])];
    const mask = constant(BigInt64Array.of(1n, 1n, 0n), 'int64', [1, 3]);
    const [own] = gradient(divergence(t, s, mask), [s]);
    const program = await runtime.compile({ own: own! });
    const made = (seed: number) => Float32Array.from({ length: 18 }, (_, i) => Math.sin(seed + 3 * i));
    const host = (data: Float32Array): HostTensor => ({ dtype: 'float32', shape: [1, 2, 3, 3], data });
    const answer = await program.run({ t: host(made(1)), s: host(made(2)) });
    program.release();
    const softmax = (values: Float32Array, row: number) => {
      const row_ = Array.from(values.subarray(3 * row, 3 * row + 3), Math.exp);
      return row_.map((x) => x / row_.reduce((sum, y) => sum + y, 0));
    };
    for (let row = 0; row < 6; row++) {
      const real = row % 3 < 2 ? 1 : 0;
      const [T, S] = [softmax(made(1), row), softmax(made(2), row)];
      for (let key = 0; key < 3; key++)
        expect(Number(answer.own!.data[3 * row + key])).toBeCloseTo((real * (S[key]! - T[key]!)) / 4, 6);
    }
  });
});

describe('the value relation', () => {
  const [rows, n, heads, width] = [2, 5, 3, 4];
  const values = Float32Array.from({ length: rows * n * heads * width }, (_, i) => Math.sin(1 + 0.7 * i));
  const seen = () => seenBy(false, ones(rows, n));
  const vr = async (data: ArrayLike<number>, each: number) =>
    (await scalarsOf({ vr: relation(f32([rows, n, heads * each], data), heads, seen()) })).vr!;

  it('is the same when each head’s values are turned', async () => {
    const turned = Float32Array.from(values);
    for (let place = 0; place < rows * n; place++)
      for (let head = 0; head < heads; head++) {
        const at = (i: number) => (place * heads + head) * width + i;
        // Two plane rotations and a reflection, another angle a head.
        for (const [i, j, angle] of [
          [0, 1, 0.3 + head],
          [2, 3, 1.1 * head],
          [1, 2, 2 - head],
        ] as const) {
          const [x, y] = [turned[at(i)]!, turned[at(j)]!];
          turned[at(i)] = x * Math.cos(angle) - y * Math.sin(angle);
          turned[at(j)] = x * Math.sin(angle) + y * Math.cos(angle);
        }
        turned[at(3)] = -turned[at(3)]!;
      }
    const [before, after] = [await vr(values, width), await vr(turned, width)];
    for (const [i, value] of before.entries()) expect(Math.abs(value - after[i]!)).toBeLessThan(2e-6);
  });

  it('is the same when heads are made twice as wide by zeros and multiplied by the fourth root of 2', async () => {
    const wide = new Float32Array(2 * values.length);
    for (let head = 0; head < rows * n * heads; head++)
      for (let i = 0; i < width; i++) wide[head * 2 * width + i] = 2 ** 0.25 * values[head * width + i]!;
    const [before, after] = [await vr(values, width), await vr(wide, 2 * width)];
    for (const [i, value] of before.entries()) expect(Math.abs(value - after[i]!)).toBeLessThan(2e-6);
  });
});

interface Stored {
  config: ModelConfig;
  tensors: DescribedTensor[];
}
interface Case {
  teacher: Stored;
  student: Stored;
  relationHeads: number | null;
  parts: Record<string, number>;
  gradients: Record<string, { norm: number; first: number[] } | null>;
}
const reference = JSON.parse(readFileSync(new URL('fixtures/reference.json', import.meta.url), 'utf8')) as {
  ids: number[][];
  mask: number[][];
  cases: Record<string, Case>;
};

const modelOf = ({ config, tensors }: Stored): Student => ({
  config: checkConfig(config, 'fixture'),
  tensors: new Map(
    [...fixtureTensors(tensors)].map(([name, tensor]): [string, WeightTensor] => {
      const own = name.replace(/^student\//, '');
      return [own, { ...tensor, name: own }];
    }),
  ),
});
const grid = (rows: readonly number[][]): HostTensor => ({
  dtype: 'int64',
  shape: [rows.length, rows[0]!.length],
  data: BigInt64Array.from(rows.flat(), BigInt),
});

/** The loss of a pair, its parts, and the gradient of every weight of the student that the graph reads. */
async function pair(teacher: Student, student: Student, options: RelationOptions = {}) {
  const weights = trainableWeights(weightSource(student.tensors, 'fp32'));
  const { loss, parts } = relationLoss(
    { config: teacher.config, weights: weightSource(teacher.tensors, 'fp32') },
    { config: student.config, weights },
    batchInputs(),
    options,
  );
  const parameters = learnt(loss, weights.parameters);
  const gradients = gradient(
    loss,
    parameters.map(({ tensor }) => tensor),
  );
  const outputs = Object.fromEntries(parameters.map(({ name }, i) => [`gradient.${name}`, gradients[i]!]));
  const program = await runtime.compile({ loss, ...parts, ...outputs });
  const state = (changed?: { name: string; at: number; by: number }) =>
    Object.fromEntries(
      parameters.map(({ name, shape }) => {
        const data = Float32Array.from(valuesOf(student.tensors.get(name)!));
        if (changed?.name === name) data[changed.at]! += changed.by;
        return [`weight.${name}`, { dtype: 'float32', shape, data } as HostTensor];
      }),
    );
  const run = (ids = reference.ids, mask = reference.mask, changed?: Parameters<typeof state>[0]) =>
    program.run({ ids: grid(ids), mask: grid(mask), ...state(changed) });
  return { run, parameters, release: () => program.release() };
}
const numbers = (tensor: HostTensor | undefined) => Array.from(tensor!.data as Float32Array);
const normOf = (values: readonly number[]) => Math.hypot(...values);

describe.each(Object.entries(reference.cases))(
  'against PyTorch: %s',
  (_, { teacher, student, relationHeads, parts, gradients }) => {
    const [large, small] = [modelOf(teacher), modelOf(student)];

    it('the parts of the loss to 1e-5, every gradient to 1e-4 of its norm; what has none is not in the program', async () => {
      const { run, parameters, release } = await pair(large, small, relationHeads === null ? {} : { relationHeads });
      const answer = await run();
      for (const [name, value] of Object.entries(parts)) expect(numbers(answer[name])[0], name).toBeCloseTo(value, 5);
      const wanted = Object.entries(gradients).flatMap(([name, value]) => (value ? [name] : []));
      expect(parameters.map(({ name }) => name).sort()).toEqual(wanted.sort());
      for (const name of wanted) {
        const own = numbers(answer[`gradient.${name}`]);
        const { norm, first } = gradients[name]!;
        // What only shifts every score of a row has no gradient but rounding.
        const close = Math.max(1e-4 * norm, 2e-7);
        expect(Math.abs(normOf(own) - norm), name).toBeLessThan(close);
        for (const [i, value] of first.entries()) expect(Math.abs(own[i]! - value), `${name} ${i}`).toBeLessThan(close);
      }
      release();
    });
  },
);

describe('the loss of a pair of BERTs', () => {
  const { teacher, student } = reference.cases.bert!;
  const [large, small] = [modelOf(teacher), modelOf(student)];
  const lossOf = async (one: Awaited<ReturnType<typeof pair>>, ...given: Parameters<typeof one.run>) =>
    numbers((await one.run(...given)).loss)[0]!;

  it('of a teacher and its copy is 0, and so is every gradient', async () => {
    const one = await pair(large, large);
    const answer = await one.run();
    expect(Math.abs(numbers(answer.loss)[0]!)).toBeLessThan(1e-6);
    for (const { name } of one.parameters)
      expect(Math.max(...numbers(answer[`gradient.${name}`]).map(Math.abs)), name).toBeLessThan(1e-6);
    one.release();
  });

  it('gives embeddings of tokens that are there a gradient, and those of others none', async () => {
    const one = await pair(large, small);
    const answer = await one.run();
    const table = numbers(answer['gradient.embeddings.word_embeddings.weight']);
    const there = new Set(reference.ids.flatMap((row, r) => row.filter((_, i) => reference.mask[r]![i] === 1)));
    for (let id = 0; id < 29; id++) {
      const norm = normOf(table.slice(16 * id, 16 * id + 16));
      if (there.has(id)) expect(norm, `token ${id}`).toBeGreaterThan(0);
      else expect(norm, `token ${id}`).toBe(0);
    }
    for (const name of ['query', 'key', 'value'])
      expect(normOf(numbers(answer[`gradient.encoder.layer.1.attention.self.${name}.weight`]))).toBeGreaterThan(1e-4);
    one.release();
  });

  it('agrees with finite differences', async () => {
    const one = await pair(large, small);
    const answer = await one.run();
    for (const [name, at] of [
      ['encoder.layer.1.attention.self.query.weight', 5],
      ['encoder.layer.1.attention.self.value.weight', 17],
      ['encoder.layer.0.output.dense.weight', 3],
      ['embeddings.LayerNorm.weight', 2],
    ] as const) {
      const own = numbers(answer[`gradient.${name}`])[at]!;
      const h = 1e-2;
      const sides = [
        await lossOf(one, undefined, undefined, { name, at, by: h }),
        await lossOf(one, undefined, undefined, { name, at, by: -h }),
      ];
      expect(Math.abs((sides[0]! - sides[1]!) / (2 * h) - own), name).toBeLessThan(1e-3 * Math.abs(own) + 2e-5);
    }
    one.release();
  });

  it('does not see padding: more of it, or other ids under it, change nothing', async () => {
    const one = await pair(large, small);
    const before = await lossOf(one);
    const others = reference.ids.map((row, r) =>
      row.map((id, i) => (reference.mask[r]![i] === 1 ? id : (id + 11) % 29)),
    );
    expect(Math.abs((await lossOf(one, others)) - before)).toBeLessThan(1e-6);
    const longer = await lossOf(
      one,
      reference.ids.map((row) => [...row, 3, 4, 5]),
      reference.mask.map((row) => [...row, 0, 0, 0]),
    );
    expect(Math.abs(longer - before)).toBeLessThan(1e-6);
    one.release();
  });

  it('of one part is that part, and of none a sentence', async () => {
    for (const [options, name] of [
      [{ useVR: false }, 'L_AT'],
      [{ useAT: false }, 'L_VR'],
    ] as const) {
      const one = await pair(large, small, options);
      expect(await lossOf(one)).toBeCloseTo(reference.cases.bert!.parts[name]!, 5);
      one.release();
    }
    await expect(pair(large, small, { useAT: false, useVR: false })).rejects.toThrow(/one must be on/);
  });
});
