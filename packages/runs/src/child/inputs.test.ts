import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { Row } from '@working-papers/methods/contract';
import { collected } from '@working-papers/training';
import { openDataset } from '@working-papers/training/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { receiveUpload } from '../uploads/receive.ts';
import { inputRows } from './input-rows.ts';
import { sourceOf } from './inputs.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inputs-'));
  await mkdir(join(folder, 'uploads'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const rowsOf = async (input: string): Promise<Row[]> => {
  const rows: Row[] = [];
  for await (const row of inputRows(sourceOf(input, join(folder, 'uploads')))) rows.push(row);
  return rows;
};
const file = async (name: string, text: string): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
};

describe('rows', () => {
  it('of text are its lines that are not blank', async () => {
    expect(await rowsOf('one\r\n\n  two \n')).toEqual([{ text: 'one' }, { text: '  two ' }]);
    expect(await rowsOf('A single sentence.')).toEqual([{ text: 'A single sentence.' }]);
    expect(await rowsOf(await file('a.txt', '\uFEFFünï\ncode'))).toEqual([{ text: 'ünï' }, { text: 'code' }]);
    expect(await rowsOf(await file('empty.txt', ''))).toEqual([]);
  });

  it('of .jsonl are its objects', async () => {
    const path = await file('b.jsonl', '{"prompt":"a","n":1,"tags":["x"]}\n"b"\n');
    expect(await rowsOf(path)).toEqual([{ prompt: 'a', n: 1, tags: '["x"]' }, { text: 'b' }]);
  });

  it('of .csv are its columns, quotes and line breaks inside them included', async () => {
    const path = await file('c.csv', 'prompt,n\n"say ""hi"",\nthen go",1\nplain,2\n');
    expect(await rowsOf(path)).toEqual([
      { prompt: 'say "hi",\nthen go', n: '1' },
      { prompt: 'plain', n: '2' },
    ]);
    expect(await rowsOf(await file('c.tsv', 'prompt\tn\na, b\t1\n'))).toEqual([{ prompt: 'a, b', n: '1' }]);
  });

  it('name file and line of what cannot be read', async () => {
    await expect(rowsOf(await file('d.jsonl', '{"a":1}\n\n{broken\n'))).rejects.toThrow('d.jsonl, line 3: not JSON');
    await expect(rowsOf(await file('e.jsonl', '[1]\n'))).rejects.toThrow('e.jsonl, line 1');
    await expect(rowsOf(await file('f.csv', 'a,b\n1,2\n3\n'))).rejects.toThrow('f.csv, line 3');
  });

  it('of an upload are found by its id alone', async () => {
    const files = (async function* () {
      yield { name: 'mine.csv', bytes: Readable.from([Buffer.from('prompt\nup\n')]) };
    })();
    const { id } = await receiveUpload(folder, files, { kind: 'input', limitBytes: 100 });
    expect(await rowsOf(`upload:${id}`)).toEqual([{ prompt: 'up' }]);
    await expect(rowsOf('upload:../a.txt')).rejects.toThrow('names no upload');
    await expect(rowsOf('upload:aaaaaaaaaaaaaaaa')).rejects.toThrow('no upload "aaaaaaaaaaaaaaaa"');
  });

  it('of a text of the house are those that a data set has', async () => {
    const rows = await rowsOf('house:held-out');
    const dataset = await collected(await openDataset('house:held-out'));
    expect(rows).toEqual(dataset.map(({ fields }) => fields));
    await expect(rowsOf('house:of-cards')).rejects.toThrow('no house text "of-cards"; there are');
  });

  it('of a path that does not exist are an error, not text', async () => {
    await expect(rowsOf('/no/such/prompts.csv')).rejects.toThrow('no file');
    await expect(rowsOf('prompts.txt')).rejects.toThrow('no file "prompts.txt"');
    await expect(rowsOf(folder)).rejects.toThrow('is a folder');
  });
});
