import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collected, type Position, repeated, type Stream, shuffledBuffers } from '../../data/index.ts';
import { type DatasetOptions, openDataset } from './dataset.ts';

const fixtures = fileURLToPath(new URL('./fixtures/', import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dataset-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let count = 0;
/** A folder of its own with these files. */
async function folderOf(files: Record<string, string | Uint8Array>): Promise<string> {
  const place = join(folder, String(count++));
  await mkdir(place);
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(place, name)), { recursive: true });
    await writeFile(join(place, name), content);
  }
  return place;
}
const fileOf = async (name: string, content: string | Uint8Array) => join(await folderOf({ [name]: content }), name);
const fieldsOf = async (path: string, options: DatasetOptions = {}) =>
  (await collected(await openDataset(path, options))).map(({ fields }) => fields);
const placesOf = async (path: string, options: DatasetOptions = {}) =>
  (await collected(await openDataset(path, options))).map(({ place }) => place);
const refusal = (path: string, options: DatasetOptions = {}) =>
  fieldsOf(path, options).then(
    () => 'was read',
    (error: Error) => error.message,
  );

async function readRest<T>(stream: Stream<T>, position: Position): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream.from(JSON.parse(JSON.stringify(position)))) items.push(item);
  return items;
}

describe('plain text', () => {
  const text = '\ufeffone\r\n\r\n  two 🌊\rthree\n\n\n four\nfive';
  it('is lines, paragraphs or a whole file', async () => {
    const path = await fileOf('a.txt', text);
    const lines = ['one', '  two 🌊', 'three', ' four', 'five'];
    expect(await fieldsOf(path)).toEqual(lines.map((text) => ({ text })));
    expect(await placesOf(path)).toEqual([1, 3, 4, 7, 8].map((line) => `a.txt, line ${line}`));
    const paragraphs = ['one', '  two 🌊\nthree', ' four\nfive'];
    expect(await fieldsOf(path, { passage: 'paragraph' })).toEqual(paragraphs.map((text) => ({ text })));
    expect(await fieldsOf(path, { passage: 'file' })).toEqual([{ text: 'one\n\n  two 🌊\nthree\n\n\n four\nfive' }]);
    expect(await fieldsOf(await fileOf('empty.txt', ''))).toEqual([]);
  });
});

describe('a text of the house', () => {
  it('is paragraphs of books', async () => {
    const rows = await fieldsOf('house:books');
    const books = new Set(rows.map(({ book }) => book));
    expect(books.size).toBe(10);
    expect(rows.find(({ book }) => book === 'Moby-Dick')).toEqual({
      book: 'Moby-Dick',
      author: 'Herman Melville',
      chapter: 1,
      text: expect.stringMatching(/^Call me Ishmael\. Some years ago--never mind how long precisely--/),
    });
    const held = await fieldsOf('house:held-out');
    expect(held.map(({ book }) => book)).not.toContainEqual(expect.toSatisfy((book) => books.has(book)));
    expect(held[0]!.text).toMatch(/^To Sherlock Holmes she is always THE woman\./);
  });

  it('that there is not is said, with those that there are', async () => {
    expect(await refusal('house:paintings')).toMatch(
      /^There is no house text "paintings"; there are .*books, .*held-out.*\. Write house:NAME with one of those\.$/,
    );
  });
});

describe('JSON Lines', () => {
  it('are the objects of their lines, nested as they are', async () => {
    const path = await fileOf('b.jsonl', '{"prompt":"a","tags":["x",{"y":null}]}\n\n"bare"\r\n{"__proto__":1}');
    const rows = await fieldsOf(path);
    expect(rows.slice(0, 2)).toEqual([{ prompt: 'a', tags: ['x', { y: null }] }, { text: 'bare' }]);
    expect(Object.entries(rows[2]!)).toEqual([['__proto__', 1]]);
    expect(await fieldsOf(path, { fields: ['prompt'] }).catch((error: Error) => error.message)).toBe(
      'b.jsonl, line 3: there is no field "prompt"; there are text.',
    );
  });

  it('that are none are refused with the line', async () => {
    expect(await refusal(await fileOf('c.jsonl', '{"a":1}\n\n{broken\n'))).toMatch(/^c\.jsonl, line 3: not JSON \(/);
    expect(await refusal(await fileOf('d.jsonl', '[1]\n'))).toBe('d.jsonl, line 1: each line is one object; got [1].');
    expect(await refusal(await fileOf('e.json', '[\n {"a": 1}\n]\n'))).toMatch(
      /e\.json, line 1: the file is one list\./,
    );
  });
});

interface Table {
  name: string;
  delimiter: string;
  text: string;
  rows: Record<string, string>[];
}
const tables = JSON.parse(readFileSync(join(fixtures, 'csv.json'), 'utf8')) as Table[];

describe('separated values', () => {
  it.each(tables)('$name with "$delimiter" are what Python reads', async ({ delimiter, text, rows }) => {
    expect(await fieldsOf(await fileOf(delimiter === ',' ? 'a.csv' : 'a.tsv', text))).toEqual(rows);
  });

  it('have the line on which they begin', async () => {
    const path = await fileOf('lines.csv', 'a,b\n"x\ny",1\n\n2,3\r\n"p\r\nq\r\nr",4\n5,6');
    expect(await placesOf(path)).toEqual([2, 5, 6, 9].map((line) => `lines.csv, line ${line}`));
  });

  it.each([
    ['too few', 'a,b\n1,2\n3\n', 'line 3: 1 value, and the first line names 2 columns.'],
    ['too many', 'a,b\n1,2,3\n', 'line 2: 3 values, and the first line names 2 columns.'],
    ['an open quote', 'a,b\n1,2\n3,"4\n5,6\n7,8', 'line 3: the row that begins here has a quote that is never closed.'],
    ['a quote within', 'a,b\n1,2\nx"y,3\n', 'line 3: a quote stands within a value that has none around it.'],
    ['more after a quote', 'a,b\n"x"y,3\n', 'line 2: after the quote that ends a value stands something else'],
    ['a name twice', 'a,b,a\n1,2,3\n', 'line 1: two columns are named "a".'],
    ['too many columns', `${'a,'.repeat(12_000)}\n`, 'line 1: 12001 columns; a table has at most 10000.'],
  ])('with %s are refused with the line', async (_, text, sentence) => {
    expect(await refusal(await fileOf('t.csv', text))).toContain(`t.csv, ${sentence}`);
  });
});

describe('hostile text', () => {
  const long = 10_000_000;
  it.each([
    ['a.txt', 'x'.repeat(long), 'a.txt, line 1: more than 8388608 bytes'],
    ['a.jsonl', `{"a":1}\n{"a":"${'x'.repeat(long)}"}`, 'a.jsonl, line 2: more than 8388608 bytes'],
    ['a.csv', `a,b\n1,"${'x'.repeat(long)}`, 'a.csv, line 2: more than 8388608 bytes'],
    [
      'b.csv',
      `a,b\n1,"${'x\n'.repeat(long / 2)}`,
      'b.csv, line 2: the row that begins here is longer than a row may be. Is a quote not closed?',
    ],
    ['nul.txt', 'one\ntwo\u0000\n', 'nul.txt, line 2: has a NUL, so it is no text.'],
    ['nul.csv', 'a\n"\u0000"\n', 'nul.csv, line 2: has a NUL'],
    [
      'utf16.txt',
      Buffer.from('\ufeffone\ntwo', 'utf16le'),
      'utf16.txt, line 1: has a NUL, so it is no text. Is the file of another kind, or in UTF-16?',
    ],
    ['latin1.csv', Buffer.from('a\nnaïve\n', 'latin1'), 'latin1.csv, line 3 or before: not UTF-8.'],
    ['cut.txt', Buffer.from('one\n🌊').subarray(0, 6), 'cut.txt, line 2: ends within a character.'],
  ])('%s is refused', async (name, content, sentence) => {
    expect(await refusal(await fileOf(name, content))).toContain(sentence);
  });

  it('paragraphs and files that are too long are refused', async () => {
    const path = await fileOf('long.txt', 'one\n\ntwo two two two\nthree three\n');
    for (const passage of ['paragraph', 'file'] as const)
      expect(await refusal(path, { passage, longestRow: 20 })).toMatch(
        `a ${passage} of more than 20 bytes begins here; a row has at most so many.`,
      );
    expect(await fieldsOf(path, { longestRow: 20 })).toHaveLength(3);
  });

  it('takes no more memory than a row, however long the file', async () => {
    const path = await fileOf('many.jsonl', `{"text":"${'word '.repeat(200)}"}\n`.repeat(40_000));
    const dataset = await openDataset(path);
    globalThis.gc?.();
    const before = process.memoryUsage().arrayBuffers;
    let [rows, most] = [0, 0];
    for await (const { fields } of dataset.from()) {
      rows += fields.text === undefined ? 0 : 1;
      if (rows % 1000 === 0) most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    }
    expect(rows).toBe(40_000);
    // The file has 40 MB; a stream's pieces have 64 KiB and are collected at leisure.
    expect(most).toBeLessThan(16 * 2 ** 20);
  });
});

describe('gzip', () => {
  it('is read as what it holds', async () => {
    const text = 'a,b\n1,2\n"x\ny",4\n';
    expect(await fieldsOf(await fileOf('a.csv.gz', gzipSync(text)))).toEqual(
      await fieldsOf(await fileOf('a.csv', text)),
    );
    expect(await fieldsOf(await fileOf('c4-train.00000.json.gz', gzipSync('{"text":"x"}\n')))).toEqual([{ text: 'x' }]);
  });

  it('that is not whole is refused', async () => {
    const whole = gzipSync('{"a":1}\n'.repeat(10_000));
    expect(await refusal(await fileOf('cut.jsonl.gz', whole.subarray(0, whole.length / 2)))).toMatch(
      /^cut\.jsonl\.gz is not a whole gzip file \(unexpected end of file\)/,
    );
    expect(await refusal(await fileOf('none.txt.gz', 'text'))).toMatch(/^none\.txt\.gz is not a whole gzip file \(/);
  });
});

describe('folders', () => {
  const row = (text: string) => `{"text":"${text}"}\n`;

  it("of Hugging Face's layout are read by split, in the order of their names", async () => {
    const parquet = await readFile(join(fixtures, 'snappy-1.parquet'));
    const path = await folderOf({
      'README.md': '# data',
      'dataset_infos.json': '{}',
      'data/train-00001-of-00002.parquet': parquet,
      'data/train-00000-of-00002.parquet': parquet,
      'data/test-00000-of-00001.parquet': parquet,
      '.cache/x.parquet': 'none',
    });
    const train = await openDataset(path, { split: 'train' });
    expect(train.files.map(({ name }) => name)).toEqual([0, 1].map((n) => `data/train-0000${n}-of-00002.parquet`));
    expect(train.rows).toBe(80);
    expect((await collected(train))[40]!.place).toBe('data/train-00001-of-00002.parquet, row 1');
    expect(await refusal(path)).toMatch(/has several splits: test, train\. Name the one/);
    expect(await refusal(path, { split: 'dev' })).toMatch(/has no split "dev"; there are test, train\./);
  });

  it('tell the split by a word of the name', async () => {
    const path = await folderOf({
      'train.jsonl': row('a'),
      'my-valid_1.jsonl': row('b'),
      'test/0001.jsonl': row('c'),
      'all-00000-of-00001.jsonl': row('d'),
    });
    for (const [split, text] of Object.entries({ train: 'a', validation: 'b', test: 'c', all: 'd' }))
      expect(await fieldsOf(path, { split })).toEqual([{ text }]);
    const plain = await folderOf({ 'b.jsonl': row('b'), 'a/contested.jsonl': row('a') });
    expect(await fieldsOf(plain)).toEqual([{ text: 'a' }, { text: 'b' }]);
  });

  it('through links, as caches of hubs have them', async () => {
    const path = await folderOf({ 'blobs/abc': row('linked') });
    await mkdir(join(path, 'snapshots'));
    await symlink('../blobs/abc', join(path, 'snapshots', 'train.jsonl'));
    expect(await fieldsOf(join(path, 'snapshots'))).toEqual([{ text: 'linked' }]);
  });

  it('that lack something are refused', async () => {
    const shards = await folderOf({ 'train-00000-of-00003.jsonl': row('a'), 'train-00002-of-00003.jsonl': row('c') });
    expect(await refusal(shards)).toBe(
      'Of the 3 files of "train" train-00001-of-00003.jsonl is missing. Fetch it, or name one file.',
    );
    const mixed = await folderOf({ 'a.jsonl': row('a'), 'b.txt': 'b' });
    expect(await refusal(mixed)).toMatch(/files of several formats \(jsonl, text\)/);
    expect(await fieldsOf(mixed, { format: 'text' })).toEqual([{ text: 'b' }]);
    expect(await refusal(await folderOf({ 'a.bin': '' }))).toMatch(/has no data files\. What is read: \.txt, /);
    expect(await refusal(join(folder, 'nowhere'))).toMatch(/There is no file or folder/);
    expect(await refusal(await fileOf('a.docx', ''))).toMatch(/What "a\.docx" holds cannot be told by its name/);
  });
});

describe('a data set goes on where it was left', () => {
  const awkward = fc.array(fc.constantFrom('a', '', 'ü🌊', ' x', 'long '.repeat(20), '"q"', 'b,c'), { maxLength: 12 });
  const ends = fc.constantFrom('\n', '\r\n', '\r');
  const quoted = (value: string) => `"${value.replaceAll('"', '""')}"`;
  const makers: Record<string, (values: string[], end: string) => [string, string | Uint8Array]> = {
    lines: (values, end) => ['a.txt', `\ufeff${values.join(end)}`],
    'JSON Lines': (values, end) => ['a.jsonl', values.map((value) => JSON.stringify({ value })).join(end)],
    CSV: (values, end) => [
      'a.csv',
      `\ufeff${['a,b', ...values.map((value) => `${quoted(value + end + value)},1`)].join(end)}`,
    ],
    TSV: (values, end) => ['a.tsv', ['a\tb', ...values.map((value) => `${quoted(value)}\t2`), ''].join(end)],
    gzip: (values, end) => ['a.jsonl.gz', gzipSync(values.map((value) => JSON.stringify({ value })).join(end))],
  };

  it.each(Object.entries(makers))('%s', async (_, make) => {
    await fc.assert(
      fc.asyncProperty(awkward, ends, fc.constantFrom('line', 'paragraph'), async (values, end, passage) => {
        const dataset = await openDataset(await fileOf(...make(values, end)), { passage });
        const reader = dataset.from();
        const rows = [];
        const positions = [reader.position()];
        for await (const row of reader) {
          rows.push(row);
          positions.push(reader.position());
        }
        for (const [done, position] of positions.entries())
          expect(await readRest(dataset, position)).toEqual(rows.slice(done));
      }),
      { numRuns: 25 },
    );
  });

  it('Parquet and text of many files, the files and their rows shuffled, over epochs', async () => {
    const text = Object.fromEntries(
      ['a', 'b', 'c', 'd'].map((name) => [`${name}.txt`, `${name}1\n${name}2\n${name}3\n`]),
    );
    const parquet = await readFile(join(fixtures, 'snappy-2.parquet'));
    for (const files of [text, { 'a.parquet': parquet, 'b.parquet': parquet }]) {
      const path = await folderOf(files);
      const make = async () => {
        const dataset = await openDataset(path);
        return repeated(2, (epoch) =>
          shuffledBuffers(dataset.shuffledFiles({ seed: 2, epoch }), { seed: 1, epoch, items: 5 }),
        );
      };
      const reader = (await make()).from();
      const rows = [];
      const positions = [reader.position()];
      for await (const row of reader) {
        rows.push(row);
        positions.push(reader.position());
      }
      const half = rows.length / 2;
      expect(rows.slice(0, half).map(({ place }) => place)).not.toEqual(rows.slice(half).map(({ place }) => place));
      for (let done = 0; done < positions.length; done += 3)
        expect(await readRest(await make(), positions[done]!)).toEqual(rows.slice(done));
    }
  });

  it('and is refused where the file is another', async () => {
    const path = await fileOf('a.txt', 'one\ntwo\nthree\n');
    const reader = (await openDataset(path)).from();
    await reader.next();
    await reader.next();
    const position = reader.position();
    await reader.return();
    await writeFile(path, 'one');
    await expect(readRest(await openDataset(path), position)).rejects.toThrow(
      'a.txt has 3 bytes, and the position is at byte 8.',
    );
    await expect(readRest(await openDataset(await fileOf('b.txt', 'one')), position)).rejects.toThrow(
      /position is in "a\.txt", which is not among the files/,
    );
  });
});
