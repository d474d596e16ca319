import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { initializer, input, matmul } from '@working-papers/graph';
import { afterAll, describe, expect, test } from 'vitest';
import { createRuntime, OnnxRuntimeError, residentBytes } from './index.ts';
import { testModel, value } from './test-graph.ts';

const runtime = createRuntime();
afterAll(() => runtime.close());

const noise = (length: number, seed = 1) => Float32Array.from({ length }, (_, i) => Math.sin(seed * 1000 + i * 1.7));
const bytesOf = (data: Float32Array) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** y = x w^depth for a square w. */
const chain = (size: number, depth: number) =>
  testModel({
    inputs: [value('x', 'float32', ['rows', size])],
    outputs: [value('y', 'float32', ['rows', size])],
    nodes: Array.from({ length: depth }, (_, i) => ({
      op: 'MatMul',
      inputs: [i === 0 ? 'x' : `h${i}`, 'w'],
      outputs: [i === depth - 1 ? 'y' : `h${i + 1}`],
    })),
    weights: [
      {
        name: 'w',
        dtype: 'float32',
        shape: [size, size],
        bytes: () => bytesOf(Float32Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0))),
      },
    ],
  });

describe('compile and run', () => {
  test('a graph with weights as external data computes the product', async () => {
    const [weight, x] = [noise(64 * 32), noise(3 * 64, 2)];
    const product = matmul(
      input('x', 'float32', ['batch', 64]),
      initializer('w', 'float32', [64, 32], () => bytesOf(weight)),
    );
    const program = await runtime.compile({ product }, { label: 'product' });
    expect(program.inputs).toEqual([value('x', 'float32', ['batch', 64])]);
    const answer = await program.run({ x: { dtype: 'float32', shape: [3, 64], data: x } });
    expect(answer.product!.shape).toEqual([3, 32]);
    for (let row = 0; row < 3; row++) {
      for (let column = 0; column < 32; column++) {
        let sum = 0;
        for (let k = 0; k < 64; k++) sum += x[row * 64 + k]! * weight[k * 32 + column]!;
        expect(answer.product!.data[row * 32 + column]).toBeCloseTo(sum, 4);
      }
    }
    program.release();
  });

  test('outputs whose shape only the run knows are allocated by it', async () => {
    const program = await runtime.load(
      testModel({
        inputs: [value('x', 'float32', ['n'])],
        outputs: [value('where', 'int64', [1, 'found']), value('count', 'int64', [1])],
        nodes: [
          { op: 'NonZero', inputs: ['x'], outputs: ['where'] },
          { op: 'Shape', inputs: ['x'], outputs: ['count'] },
        ],
      }),
    );
    const x = { dtype: 'float32' as const, shape: [5], data: Float32Array.of(0, 3, 0, 0, 7) };
    expect((await program.run({ x })).where).toEqual({ dtype: 'int64', shape: [1, 2], data: BigInt64Array.of(1n, 4n) });
    expect(Object.keys(await program.run({ x }, { outputs: ['count'] }))).toEqual(['count']);
    const empty = { ...x, shape: [0], data: new Float32Array(0) };
    expect((await program.run({ x: empty })).where!.shape).toEqual([1, 0]);
  });

  test('with threads of its own, and without optimisation, it computes the same', async () => {
    const x = { dtype: 'float32' as const, shape: [2, 16], data: noise(32) };
    const answers = [];
    for (const options of [{}, { threads: 1 }, { optimisation: 'none' as const, memoryPatterns: false }]) {
      answers.push((await (await runtime.load(chain(16, 3), options)).run({ x })).y);
    }
    expect(answers[1]).toEqual(answers[0]);
    expect(answers[2]).toEqual(answers[0]);
  });

  test('weights are held once: 128 MB of packed products load at a peak of little more', async () => {
    const size = 1024;
    const names = Array.from({ length: 32 }, (_, i) => `w${i}`);
    const scratch = new Float32Array(size * size);
    const before = residentBytes();
    let most = 0;
    const program = await runtime.load(
      testModel({
        inputs: [value('x0', 'float32', ['rows', size])],
        outputs: [value('x32', 'float32', ['rows', size])],
        nodes: names.map((name, i) => ({ op: 'MatMul', inputs: [`x${i}`, name], outputs: [`x${i + 1}`] })),
        weights: names.map((name, i) => ({
          name,
          dtype: 'float32',
          shape: [size, size],
          bytes: () => {
            most = Math.max(most, residentBytes());
            for (let k = 0; k < scratch.length; k += 7) scratch[k] = i + k;
            return bytesOf(scratch);
          },
        })),
      }),
    );
    most = Math.max(most, residentBytes());
    expect(most - before).toBeGreaterThan(100e6);
    expect(most - before).toBeLessThan(210e6);
    program.release();
  });
});

describe('errors', () => {
  test('garbage and a truncated model give an Error, not a crash', async () => {
    const good = chain(16, 3);
    for (const model of [
      new Uint8Array(0),
      new TextEncoder().encode('garbage'),
      good.model.subarray(0, good.model.length - 40),
    ]) {
      await expect(runtime.load({ ...good, model }, { label: 'broken' })).rejects.toThrow(/Program "broken": /);
    }
    const unknown = testModel({
      inputs: [value('x', 'float32', [1])],
      outputs: [value('y', 'float32', [1])],
      nodes: [{ op: 'NoSuchOperator', inputs: ['x'], outputs: ['y'] }],
    });
    await expect(runtime.load(unknown)).rejects.toThrow(OnnxRuntimeError);
  });

  test('a weight of the wrong size is named', async () => {
    const model = chain(16, 1);
    const weight = { ...model.initializers[0]!, bytes: async () => new Uint8Array(5) };
    await expect(runtime.load({ ...model, initializers: [weight] })).rejects.toThrow(
      'The program: weight "w" (float32 [16, 16]) needs 1024 bytes; its source gave 5.',
    );
  });

  test('names, types and shapes are checked before the call', async () => {
    const program = await runtime.load(
      testModel({
        inputs: [value('a', 'float32', ['batch', 4]), value('b', 'float32', ['batch', 4])],
        outputs: [value('sum', 'float32', ['batch', 4])],
        nodes: [{ op: 'Add', inputs: ['a', 'b'], outputs: ['sum'] }],
      }),
      { label: 'sum' },
    );
    const tensor = (shape: number[]) => runtime.tensor('float32', shape);
    const [a, b, sum] = [tensor([2, 4]), tensor([2, 4]), tensor([2, 4])];
    expect(() => program.bind({ a }, { sum })).toThrow(
      'Program "sum": no tensor was given for input "b"; it takes "a", "b".',
    );
    expect(() => program.bind({ a, b, c: b }, { sum })).toThrow(
      'Program "sum": there is no input "c"; there is "a", "b".',
    );
    expect(() => program.bind({ a, b }, { total: sum })).toThrow('there is no output "total"; there is "sum".');
    expect(() => program.bind({ a, b }, {})).toThrow('a call needs at least one output');
    expect(() => program.bind({ a, b: runtime.tensor('int64', [2, 4]) }, { sum })).toThrow(
      'input "b" is float32; the tensor given is int64.',
    );
    expect(() => program.bind({ a, b: tensor([2, 5]) }, { sum })).toThrow(
      'input "b" has the shape [batch, 4]; the tensor given has [2, 5] (axis 1: 4 expected).',
    );
    expect(() => program.bind({ a, b: tensor([3, 4]) }, { sum })).toThrow('but "batch" is 2 in input "a".');
    expect(() => program.bind({ a, b }, { sum: tensor([8]) })).toThrow(
      'output "sum" has the shape [batch, 4]; the tensor given has [8].',
    );
    b.release();
    expect(() => program.bind({ a, b }, { sum })).toThrow('the tensor given for input "b" was released.');
    program.release();
    expect(() => program.bind({ a, b: sum }, { sum })).toThrow('Program "sum": the program was released.');
  });

  test('combined dimensions are checked too', async () => {
    const program = await runtime.load(
      testModel({
        inputs: [value('past', 'float32', ['past', 2]), value('new', 'float32', ['new', 2])],
        outputs: [value('all', 'float32', ['past+new', 2])],
        nodes: [{ op: 'Concat', inputs: ['past', 'new'], outputs: ['all'], integers: { axis: 0 } }],
      }),
    );
    const tensor = (rows: number) => runtime.tensor('float32', [rows, 2]);
    expect(() => program.bind({ past: tensor(3), new: tensor(2) }, { all: tensor(6) })).toThrow(
      'output "all" has the shape [past+new, 2]; the tensor given has [6, 2] (axis 0: "past+new" is 5 here).',
    );
    const all = tensor(5);
    program.bind({ past: runtime.tensor('float32', [3, 2], noise(6)), new: tensor(2) }, { all }).runSync();
    expect(all.read(0, 6)).toEqual(noise(6));
  });

  test('a failure inside a node is an Error, and the session goes on', async () => {
    const program = await runtime.load(
      testModel({
        inputs: [value('table', 'float32', [3]), value('index', 'int64', [1])],
        outputs: [value('row', 'float32', [1])],
        nodes: [{ op: 'Gather', inputs: ['table', 'index'], outputs: ['row'] }],
      }),
    );
    const table = runtime.tensor('float32', [3], Float32Array.of(1, 2, 3));
    const [index, row] = [runtime.tensor('int64', [1], BigInt64Array.of(99n)), runtime.tensor('float32', [1])];
    const call = program.bind({ table, index }, { row });
    expect(() => call.runSync()).toThrow(/The program: .*Gather.*99/s);
    await expect(call.run()).rejects.toThrow(OnnxRuntimeError);
    index.write(BigInt64Array.of(2n));
    await call.run();
    expect(row.read()).toEqual(Float32Array.of(3));
  });
});

describe('asynchronous runs', () => {
  test('leave the event loop free', async () => {
    const size = 256;
    const program = await runtime.load(chain(size, 300), { optimisation: 'none' });
    const [x, y] = [
      runtime.tensor('float32', [size, size], noise(size * size)),
      runtime.tensor('float32', [size, size]),
    ];
    const call = program.bind({ x }, { y });
    let [ticks, longest, last] = [0, 0, performance.now()];
    const timer = setInterval(() => {
      const now = performance.now();
      longest = Math.max(longest, now - last);
      [last, ticks] = [now, ticks + 1];
    }, 1);
    const start = performance.now();
    for (let i = 0; i < 3; i++) await call.run();
    const took = performance.now() - start;
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(10);
    expect(longest).toBeLessThan(took / 2);
    expect(y.read()).toEqual(x.read());
  });

  test('end soon after an abort, and the call can run again', async () => {
    const size = 384;
    const program = await runtime.load(chain(size, 400), { optimisation: 'none' });
    const [x, y] = [
      runtime.tensor('float32', [size, size], noise(size * size)),
      runtime.tensor('float32', [size, size]),
    ];
    const call = program.bind({ x }, { y });
    const control = new AbortController();
    const reason = new Error('the reader left');
    const running = call.run(control.signal);
    await expect(call.run()).rejects.toThrow('the call is still running');
    await sleep(30);
    control.abort(reason);
    await expect(running).rejects.toBe(reason);
    await expect(call.run(control.signal)).rejects.toBe(reason);

    const short = await runtime.load(chain(size, 2), { optimisation: 'none' });
    await short.bind({ x }, { y }).run();
    expect(y.read()).toEqual(x.read());
    y.write(new Float32Array(size * size));
    await program.bind({ x: x.reshape([1, size]) }, { y: y.reshape([1, size]) }).run();
    expect(y.read(0, size)).toEqual(x.read(0, size));
    call.runSync();
    expect(y.read()).toEqual(x.read());
  });

  test('can be released and closed under way', async () => {
    const other = createRuntime();
    const program = await other.load(chain(512, 1500), { optimisation: 'none' });
    const [x, y] = [other.tensor('float32', [512, 512]), other.tensor('float32', [512, 512])];
    const running = program.bind({ x }, { y }).run();
    await sleep(10);
    other.close();
    await expect(running).rejects.toThrow('The program: the call was released while it ran.');
    expect(() => other.tensor('float32', [1])).toThrow('The runtime was closed.');
  });

  test('a graph of 10,000 nodes compiles beside the event loop', async () => {
    const program = await runtime.load(chain(4, 10_000));
    const x = { dtype: 'float32' as const, shape: [1, 4], data: noise(4) };
    expect((await program.run({ x })).y!.data).toEqual(x.data);
    program.release();
  });

  test('a compilation can be aborted', async () => {
    const control = new AbortController();
    const loading = runtime.load(chain(512, 3000), { signal: control.signal });
    setTimeout(() => control.abort(), 5);
    await expect(loading).rejects.toThrow('aborted');
  });
});

test.skipIf(process.platform === 'win32')('a profile names every node of every run', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'working-papers-profile-'));
  try {
    const program = await runtime.load(chain(4, 3), { profile: path.join(folder, 'chain'), optimisation: 'none' });
    for (let run = 0; run < 2; run++) {
      await program.run({ x: { dtype: 'float32', shape: [1, 4], data: noise(4) } });
    }
    program.release();
    const [file] = readdirSync(folder);
    const events = JSON.parse(readFileSync(path.join(folder, file!), 'utf8')) as {
      name: string;
      args?: { op_name?: string };
    }[];
    const kernels = events.filter(({ name, args }) => name.endsWith('_kernel_time') && args?.op_name === 'MatMul');
    expect(kernels).toHaveLength(6);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
