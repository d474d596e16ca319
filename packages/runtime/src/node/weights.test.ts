import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { DataType, OnnxProgram } from '@working-papers/graph';
import { afterAll, describe, expect, test } from 'vitest';
import type { HostTensor } from '../index.ts';
import { createRuntime, type NodeRuntime, residentBytes } from './index.ts';
import { canMapFiles } from './mapped-file.ts';
import { collectGarbage } from './memory.ts';
import { type TestNode, testModel, value } from './test-graph.ts';
import { writeWeight } from './weights-file.ts';

const runtime = createRuntime();
afterAll(() => runtime.close());

const noise = (length: number, seed: number) =>
  Float32Array.from({ length }, (_, i) => Math.sin(seed * 1000 + i * 1.7));
const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView) =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
const weight = (name: string, dtype: DataType, shape: number[], data: ArrayBufferView) => ({
  name,
  dtype,
  shape,
  bytes: () => bytesOf(data),
});
type Weight = ReturnType<typeof weight>;

const shape = [64, 96] as const;
const [inner, outer] = shape;
const input = (seed = 1): HostTensor => ({ dtype: 'float32', shape: [2, inner], data: noise(2 * inner, seed) });

/** `x` times the weights by one node. */
const product = (
  op: string,
  weights: Weight[],
  [inner, outer]: readonly [number, number] = shape,
  rest: Partial<TestNode> = {},
): OnnxProgram =>
  testModel({
    inputs: [value('x', 'float32', ['rows', inner])],
    outputs: [value('y', 'float32', ['rows', outer])],
    nodes: [{ op, inputs: ['x', ...weights.map(({ name }) => name)], outputs: ['y'], ...rest }],
    weights,
  });

/** `[outer, inner]` weights of few bits in blocks of 32. */
const blocks = (bits: 4 | 8, values: number, scales: number, [inner, outer]: readonly [number, number] = shape) => {
  const integers = { K: inner, N: outer, bits, block_size: 32, accuracy_level: 4 };
  const bytes = Uint8Array.from({ length: (outer * inner * bits) / 8 }, (_, i) => (i * 37 + values * 11) & 255);
  const weights = [
    weight('values', 'uint8', [outer, inner / 32, (32 * bits) / 8], bytes),
    weight(
      'scales',
      'float32',
      [outer, inner / 32],
      noise((outer * inner) / 32, scales).map((scale) => 0.01 + scale * scale),
    ),
  ];
  return product('MatMulNBits', weights, [inner, outer], { domain: 'com.microsoft', integers });
};

const answerOf = async (within: NodeRuntime, model: OnnxProgram): Promise<ArrayLike<number | bigint>> => {
  const program = await within.load(model);
  try {
    return (await program.run({ x: input() })).y!.data;
  } finally {
    program.release();
  }
};

describe('programs that share weights', () => {
  const models: Record<string, OnnxProgram> = {
    'fp32 products': product('MatMul', [weight('w', 'float32', [inner, outer], noise(inner * outer, 5))]),
    'fp32 products with a bias': product('Gemm', [
      weight('w', 'float32', [inner, outer], noise(inner * outer, 6)),
      weight('b', 'float32', [outer], noise(outer, 7)),
    ]),
    'blocks of 4 bits': blocks(4, 1, 1),
    'blocks of 8 bits': blocks(8, 1, 1),
  };
  test.each(Object.keys(models))('compute %s to the bit as programs of their own', async (name) => {
    const alone = await answerOf(runtime, models[name]!);
    const sharing = runtime.sharing();
    const [first, second] = [await sharing.load(models[name]!), await sharing.load(models[name]!)];
    for (const program of [first, second]) expect((await program.run({ x: input() })).y!.data).toEqual(alone);
    first.release();
    expect((await second.run({ x: input() })).y!.data).toEqual(alone);
    sharing.close();
  });

  test.each([4, 8] as const)('tell blocks of %i bits apart that differ in values or in scales alone', async (bits) => {
    const sharing = runtime.sharing();
    for (const [values, scales] of [
      [1, 1],
      [1, 2],
      [2, 1],
      [2, 2],
    ] as const) {
      const model = blocks(bits, values, scales);
      expect(await answerOf(sharing, model)).toEqual(await answerOf(runtime, model));
    }
    sharing.close();
  });

  test.each([4, 8] as const)('compute with blocks of %i bits while another is compiled', async (bits) => {
    const sharing = runtime.sharing();
    const model = blocks(bits, 3, 3, [1024, 1024]);
    const x: HostTensor = { dtype: 'float32', shape: [1, 1024], data: noise(1024, 9) };
    const program = await sharing.load(model);
    const alone = (await program.run({ x })).y!.data;
    let compiling = true;
    const others = (async () => {
      for (let i = 0; i < 8; i++) (await sharing.load(model)).release();
      compiling = false;
    })();
    while (compiling) expect((await program.run({ x })).y!.data).toEqual(alone);
    await others;
    sharing.close();
  });

  test('compute where a kernel packs what it cannot share', async () => {
    const half = (n: number) => Uint16Array.from({ length: n }, (_, i) => 0x3c00 + (i % 7));
    const model = testModel({
      inputs: [value('x', 'float32', ['rows', inner])],
      outputs: [value('y', 'float32', ['rows', inner])],
      nodes: [
        { op: 'Cast', inputs: ['x'], outputs: ['h'], integers: { to: 10 } },
        { op: 'LayerNormalization', inputs: ['h', 'gain', 'bias'], outputs: ['n'] },
        { op: 'Cast', inputs: ['n'], outputs: ['y'], integers: { to: 1 } },
      ],
      weights: [weight('gain', 'float16', [inner], half(inner)), weight('bias', 'float16', [inner], half(inner))],
    });
    const sharing = runtime.sharing();
    expect(await answerOf(sharing, model)).toEqual(await answerOf(runtime, model));
    sharing.close();
  });
});

/** `count` products of 1 MiB of weights each, and how often their bytes were asked for. */
function tower(count: number) {
  const size = 512;
  let asked = 0;
  const base = noise(size * size, count);
  const names = Array.from({ length: count }, (_, i) => `w${i}`);
  const model = testModel({
    inputs: [value('x', 'float32', ['rows', size])],
    outputs: [value('y', 'float32', ['rows', size])],
    nodes: names.map((name, i) => ({
      op: 'MatMul',
      inputs: [i === 0 ? 'x' : `h${i}`, name],
      outputs: [i === count - 1 ? 'y' : `h${i + 1}`],
    })),
    weights: names.map((name, i) => ({
      ...weight(name, 'float32', [size, size], new Float32Array(0)),
      bytes: () => {
        asked++;
        const data = base.slice();
        data[i] = i;
        return bytesOf(data);
      },
    })),
  });
  return { model, asked: () => asked };
}

const settled = async () => {
  collectGarbage();
  await new Promise((resolve) => setTimeout(resolve, 50));
  return residentBytes();
};

describe.runIf(canMapFiles)('the memory of weights', () => {
  test('a second program of the same weights takes next to nothing, and asks for no bytes', async () => {
    const sharing = runtime.sharing();
    const { model, asked } = tower(64);
    const before = await settled();
    await sharing.load(model);
    const one = await settled();
    await sharing.load(model);
    const two = await settled();
    expect(one - before).toBeGreaterThan(50e6);
    expect(one - before).toBeLessThan(90e6);
    expect(two - one).toBeLessThan(20e6);
    expect(asked()).toBe(64);
    sharing.close();
    expect((await settled()) - before).toBeLessThan(20e6);
  });

  test('opening and closing again and again leaves nothing', async () => {
    const { model, asked } = tower(16);
    const round = async () => {
      const sharing = runtime.sharing();
      const programs = [await sharing.load(model), await sharing.load(model)];
      programs[0]!.release();
      sharing.close();
    };
    for (let i = 0; i < 2; i++) await round();
    const before = await settled();
    for (let i = 0; i < 6; i++) await round();
    expect((await settled()) - before).toBeLessThan(17e6);
    expect(asked()).toBe(16 * 8);
  });

  test('weights that no program reads any more are read again', async () => {
    const sharing = runtime.sharing();
    const { model, asked } = tower(1);
    (await sharing.load(model)).release();
    (await sharing.load(model)).release();
    expect(asked()).toBe(2);
    sharing.close();
  });

  test('programs that are compiled at once write each weight once', async () => {
    const sharing = runtime.sharing();
    const { model, asked } = tower(4);
    await Promise.all([sharing.load(model), sharing.load(model), sharing.load(model)]);
    expect(asked()).toBe(4);
    sharing.close();
  });
});

describe('what ends early', () => {
  test('an aborted compilation leaves the others their weights', async () => {
    const sharing = runtime.sharing();
    const { model } = tower(24);
    const control = new AbortController();
    const aborted = sharing.load(model, { signal: control.signal });
    const kept = sharing.load(model);
    setTimeout(() => control.abort(), 5);
    await expect(aborted).rejects.toThrow('aborted');
    const x = { dtype: 'float32' as const, shape: [1, 512], data: noise(512, 3) };
    expect((await (await kept).run({ x })).y!.data).toHaveLength(512);
    sharing.close();
  });

  test('closing under way ends the compilations and is no crash', async () => {
    const sharing = runtime.sharing();
    const loading = sharing.load(tower(8).model);
    sharing.close();
    await expect(loading).rejects.toThrow('The runtime was closed.');
    await expect(sharing.load(tower(1).model)).rejects.toThrow('The runtime was closed.');
  });

  test('a runtime closes those within it', async () => {
    const whole = createRuntime();
    const sharing = whole.sharing();
    const program = await sharing.load(tower(1).model);
    whole.close();
    expect(() => program.bind({}, {})).toThrow('was released');
    expect(() => sharing.tensor('float32', [1])).toThrow('The runtime was closed.');
  });

  test('nothing is left in the temporary folder, whether a compilation ends well or not', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'working-papers-test-'));
    const before = process.env.TMPDIR;
    process.env.TMPDIR = folder;
    try {
      const { model } = tower(2);
      const program = await runtime.load(model);
      if (canMapFiles) expect(readdirSync(folder)).toEqual([]);
      program.release();
      const broken = model.initializers.map((each, i) => ({ ...each, bytes: async () => new Uint8Array(i) }));
      await expect(runtime.load({ ...model, initializers: broken })).rejects.toThrow('its source gave 0');
      expect(readdirSync(folder)).toEqual([]);
    } finally {
      process.env.TMPDIR = before;
      rmSync(folder, { recursive: true });
    }
  });

  test.runIf(process.platform === 'linux')('a full disk is named', async () => {
    // Linux's device that is always full stands in for the file of weights.
    const full = await open('/dev/full', 'w');
    const [first] = tower(1).model.initializers;
    await expect(writeWeight(full, first!, 0, 'The program', undefined)).rejects.toThrow(
      /weight "w0" could not be written to .*ENOSPC.*free space there/s,
    );
    await full.close();
  });
});
