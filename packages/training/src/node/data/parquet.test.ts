import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parquetMetadata, parquetSchema } from 'hyparquet';
import { getTreePath } from 'hyparquet/src/schema.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { countParquetRows, parquetRows } from './parquet.ts';
import { checkPages } from './parquet-pages.ts';

const fixtures = fileURLToPath(new URL('./fixtures/', import.meta.url));
const expected = JSON.parse(readFileSync(join(fixtures, 'parquet.json'), 'utf8')) as Record<string, unknown>[];
const files = readdirSync(fixtures).filter((name) => name.endsWith('.parquet'));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parquet-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const options = { name: 'x.parquet', largestRowGroup: 2 ** 20 };
async function read(path: string, more: Partial<Parameters<typeof parquetRows>[1]> = {}, start = 0) {
  const rows = [];
  for await (const row of parquetRows(path, { ...options, ...more }, start)) rows.push(row);
  return rows;
}
/** As the script writes what JSON has no form for. */
const asJson = (value: unknown) =>
  JSON.parse(
    JSON.stringify(value, (_, inner) =>
      typeof inner === 'bigint' ? String(inner) : inner instanceof Uint8Array ? [...inner] : inner,
    ),
  );

describe('rows of Parquet files', () => {
  it.each(files)('%s holds what pyarrow reads from it', async (file) => {
    const path = join(fixtures, file);
    const rows = await read(path);
    const wanted = file.startsWith('delta')
      ? expected.map(({ text, label, large, score }) => ({ text, label, large, score }))
      : expected;
    expect(rows.map(({ fields }) => asJson(fields))).toEqual(wanted);
    expect(rows.map(({ index }) => index)).toEqual(wanted.map((_, index) => index));
    expect(await countParquetRows(path, file)).toBe(wanted.length);
  });

  const path = join(fixtures, 'snappy-1.parquet');
  it('begin at any row, with the fields that are asked for', async () => {
    for (const start of [0, 1, 16, 17, 18, 39, 40]) {
      const rows = await read(path, { fields: ['label', 'text'] }, start);
      expect(rows.map(({ fields }) => fields)).toEqual(
        expected.slice(start).map(({ text, label }) => ({ text, label })),
      );
    }
    await expect(read(path, {}, 41)).rejects.toThrow('x.parquet has 40 rows, and the position is at row 41.');
    await expect(read(path, { fields: ['txt'] })).rejects.toThrow(
      /x\.parquet has no field "txt"; there are text, label, /,
    );
  });

  it('of a row group that is too large are refused', async () => {
    await expect(read(path, { largestRowGroup: 900 })).rejects.toThrow(
      /x\.parquet, row group 1 cannot be read \(its columns have \d+ bytes, and at most 900 are read at once: name the fields/,
    );
    expect(await read(path, { largestRowGroup: 900, fields: ['label'] })).toHaveLength(40);
  });

  it('of a file that is cut off, or none, are refused', async () => {
    const bytes = await readFile(path);
    const spoilt: [string, Uint8Array, RegExp][] = [
      ['cut', bytes.subarray(0, -9), /no whole Parquet file: it does not end as one\. Fetch or write it again\./],
      ['empty', bytes.subarray(0, 0), /no whole Parquet file: it has 0 bytes/],
      [
        'footer',
        Buffer.concat([bytes.subarray(0, -8), Buffer.from([0xff, 0xff, 0xff, 0x7f]), bytes.subarray(-4)]),
        /its footer would have 2147483647 bytes/,
      ],
      [
        'head',
        Buffer.concat([bytes.subarray(0, 4), bytes.subarray(-8 - bytes.readUInt32LE(bytes.length - 8))]),
        /a column lies outside of the file/,
      ],
      ['text', Buffer.from('text,label\none,1\ntwo,2\n'), /does not end as one/],
    ];
    for (const [name, content, sentence] of spoilt) {
      await writeFile(join(folder, name), content);
      await expect(read(join(folder, name))).rejects.toThrow(sentence);
    }
  });

  it('are not looked for behind the last page of a column', async () => {
    const bytes = Uint8Array.from(await readFile(join(fixtures, 'none-2.parquet'))).buffer;
    const metadata = parquetMetadata(bytes);
    for (const { meta_data: column } of metadata.row_groups[0]!.columns) {
      const start = Number(column!.dictionary_page_offset ?? column!.data_page_offset);
      const size = Number(column!.total_compressed_size);
      // More of the file than the column has, as a spoilt size would claim.
      const path = getTreePath(parquetSchema(metadata), column!.path_in_schema);
      expect(checkPages(bytes.slice(start, start + size + 400), column!, path).length).toBe(size);
    }
  });

  it('with a run longer than its page are refused before it is repeated', async () => {
    const bytes = Buffer.from(await readFile(join(fixtures, 'none-1.parquet')));
    // The levels of the first page: a run of one value, the number of rows twice, as a variable-length number.
    const at = bytes.indexOf(Buffer.from([3, 0, 0, 0, 17 << 1, 1]));
    const found = at >= 0 ? at : bytes.indexOf(Buffer.from([2, 0, 0, 0, 17 << 1, 1]));
    expect(found).toBeGreaterThan(0);
    const huge = Buffer.concat([
      bytes.subarray(0, found + 4),
      Buffer.from([0xfe, 0xff, 0xff, 0xff, 0x0f]),
      bytes.subarray(found + 9),
    ]);
    await writeFile(join(folder, 'run'), huge);
    await expect(read(join(folder, 'run'))).rejects.toThrow(
      /row group 1 cannot be read \(a run of a page is longer than the page\)/,
    );
  });
});
