import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import onnxProto from 'onnx-proto';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { type DataType, type Tensor, toOnnx } from '../index.ts';

/** Runs graphs through ONNX Runtime's npm API; for this room's tests only. */

export type Feed = { dtype: DataType; shape: number[]; data: ArrayLike<number> };
export type Result = { dtype: string; shape: number[]; data: number[] };

const types = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const;

function toOrt({ dtype, shape, data }: Feed): OrtTensor {
  if (dtype === 'int64') return new OrtTensor('int64', BigInt64Array.from(Array.from(data), BigInt), shape);
  if (dtype === 'float16' || dtype === 'bfloat16') throw new Error(`No ${dtype} feeds in these tests.`);
  return new OrtTensor(dtype, types[dtype].from(data) as never, shape);
}

export interface Execution {
  run(feeds?: Record<string, Feed>): Promise<Record<string, Result>>;
  release(): Promise<void>;
}

/** Compiles the outputs; the session checks the model as ONNX Runtime does. */
export async function compile(
  outputs: Record<string, Tensor>,
  options: { threads?: number; optimisation?: 'disabled' | 'all' } = {},
): Promise<Execution> {
  const program = toOnnx(outputs);
  const last = program.initializers.at(-1);
  const weights = new Uint8Array(last ? last.offset + last.length : 0);
  for (const { offset, bytes } of program.initializers) weights.set(await bytes(), offset);
  const session = await InferenceSession.create(program.model, {
    externalData: last ? [{ path: program.location, data: weights }] : [],
    graphOptimizationLevel: options.optimisation ?? 'all',
    intraOpNumThreads: options.threads ?? 1,
    logSeverityLevel: 3,
  });
  return {
    run: async (feeds = {}) => {
      const given = program.inputs.map(({ name }) => {
        const feed = feeds[name];
        if (!feed) throw new Error(`The test feeds no '${name}'.`);
        return [name, toOrt(feed)] as const;
      });
      const results = await session.run(Object.fromEntries(given));
      return Object.fromEntries(
        Object.entries(results).map(([name, { type, dims, data }]) => [
          name,
          { dtype: type, shape: [...dims], data: Array.from(data as ArrayLike<number | bigint>, Number) },
        ]),
      );
    },
    release: () => session.release(),
  };
}

/** Compiles, runs once, releases. */
export async function execute(
  outputs: Record<string, Tensor>,
  feeds: Record<string, Feed> = {},
): Promise<Record<string, Result>> {
  const program = await compile(outputs);
  try {
    return await program.run(feeds);
  } finally {
    await program.release();
  }
}

/** The kinds of nodes that ONNX Runtime makes of a graph, without its choices for one processor. */
export async function optimisedKinds(outputs: Record<string, Tensor>): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'graph-'));
  try {
    const path = join(folder, 'optimised.onnx');
    const session = await InferenceSession.create(toOnnx(outputs).model, {
      graphOptimizationLevel: 'extended',
      optimizedModelFilePath: path,
      logSeverityLevel: 3,
    });
    await session.release();
    return onnxProto.onnx.ModelProto.decode(await readFile(path)).graph!.node!.map(({ opType }) => opType!);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The values of one tensor. */
export async function evaluate(tensor: Tensor, feeds: Record<string, Feed> = {}): Promise<number[]> {
  return (await execute({ result: tensor }, feeds)).result!.data;
}

/** Seeded numbers in [-1, 1) (mulberry32). */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 31 - 1;
  };
}

export const count = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);

export function randomFeed(shape: number[], seed: number, dtype: DataType = 'float32', scale = 1): Feed {
  const next = random(seed);
  return { dtype, shape, data: Array.from({ length: count(shape) }, () => next() * scale) };
}
