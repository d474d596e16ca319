/** Graphs whose weights pass the 2 GiB that a protocol buffer can hold: they are external data, and every place in them is right. */
import { add, gather, initializer, input, toOnnx } from '@working-papers/graph';
import { expect, it } from 'vitest';
import { createRuntime } from './runtime.ts';

const width = 1024;

/** A table `[rows, width]` whose row r holds r + offset; made when the graph is compiled. */
const table = (name: string, rows: number, offset: number) =>
  initializer(name, 'float32', [rows, width], () => {
    const values = new Float32Array(rows * width);
    for (let row = 0; row < rows; row++) values.fill(row + offset, row * width, (row + 1) * width);
    return new Uint8Array(values.buffer);
  });

async function rowsOf(tables: ReturnType<typeof table>[], ids: number[]): Promise<number[][]> {
  const runtime = createRuntime();
  try {
    const at = input('ids', 'int64', ['count']);
    const sum = tables.map((one) => gather(one, at, 0)).reduce((a, b) => add(a, b));
    const program = await runtime.compile({ sum });
    const data = BigInt64Array.from(ids, BigInt);
    const answer = await program.run({ ids: { dtype: 'int64', shape: [ids.length], data } });
    const { data: values } = answer.sum!;
    return ids.map((_, i) => [Number(values[i * width]), Number(values[(i + 1) * width - 1])]);
  } finally {
    runtime.close();
  }
}

it('one weight of more than 2^31 bytes', async () => {
  const rows = 600_000;
  expect(rows * width * 4).toBeGreaterThan(2 ** 31);
  const ids = [0, 1, 299_999, 524_287, 524_288, 524_289, rows - 1];
  expect(await rowsOf([table('one', rows, 0.5)], ids)).toEqual(ids.map((id) => [id + 0.5, id + 0.5]));
});

it('weights of more than 2^32 bytes together, in a model of a few hundred bytes', async () => {
  const rows = 360_000;
  const tables = ['first', 'second', 'third'].map((name, i) => table(name, rows, 2 ** i));
  const { model, initializers } = toOnnx({ out: add(tables[0]!, add(tables[1]!, tables[2]!)) });
  expect(model.byteLength).toBeLessThan(2_000);
  const { offset, length } = initializers.at(-1)!;
  expect(offset + length).toBeGreaterThan(2 ** 32);
  const ids = [0, 7, 180_000, rows - 1];
  expect(await rowsOf(tables, ids)).toEqual(ids.map((id) => [3 * id + 7, 3 * id + 7]));
});
