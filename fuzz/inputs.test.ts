/** Data sets: files of text and of tables, spoilt, give rows or a sentence with the place. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { openDataset } from '@working-papers/training/node';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inputRows } from '../packages/runs/src/child/input-rows.ts';
import { sourceOf } from '../packages/runs/src/child/inputs.ts';
import { capMemory } from './allocations.ts';
import { answerOrSentence, byteEdits, cases, long, spoilBytes } from './hostile.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wp-fuzz-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const patience = long ? 600_000 : 30_000;
const files: Record<string, string> = {
  txt: 'Why is the sky blue?\n\nName three rivers.\r\nÜber 🌊\n',
  jsonl: '{"prompt":"a","n":1,"nested":{"x":[1,2]},"none":null}\n"bare"\n{"prompt":"b, \\"c\\"","__proto__":{"x":1}}\n',
  csv: '\ufeffprompt,label\n"one, ""two""",1\n"over\ntwo lines",0\nplain,1\n',
};

async function read(content: Uint8Array | string, kind: string): Promise<number> {
  const path = join(folder, `input.${kind}`);
  await writeFile(path, content);
  let rows = 0;
  for await (const row of inputRows(sourceOf(path, folder))) {
    rows++;
    for (const cell of Object.values(row)) expect(typeof cell === 'object' && cell !== null).toBe(false);
  }
  return rows;
}

describe('data sets', () => {
  it.each(Object.keys(files))('.%s, spoilt', { timeout: patience }, async (kind) => {
    const bytes = Buffer.from(files[kind]!);
    expect(await read(bytes, kind)).toBe(3);
    await fc.assert(
      fc.asyncProperty(byteEdits, async (edits) => {
        const spoilt = spoilBytes(bytes, edits);
        await answerOrSentence(spoilt.length, () => read(spoilt, kind));
      }),
      cases(300),
    );
  });

  it.each(Object.keys(files))('.%s of any bytes', { timeout: patience }, async (kind) => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 2_000 }), async (bytes) => {
        await answerOrSentence(bytes.length, () => read(bytes, kind));
      }),
      cases(200),
    );
  });

  const size = 20_000_000;
  const large: [string, string, string][] = [
    ['txt', 'one line', 'x'.repeat(size)],
    ['jsonl', 'one line', `{"a":"${'x'.repeat(size)}"}`],
    ['csv', 'one field', `a,b\n"${'x'.repeat(size)}`],
    ['csv', 'one line of commas', ','.repeat(3_000_000)],
    [
      'csv',
      'a header of many columns and many rows',
      `${'a,'.repeat(5_000)}\n${`${'1,'.repeat(5_000)}\n`.repeat(200)}`,
    ],
    ['jsonl', 'deep nesting', `${'['.repeat(1_000_000)}`],
    ['jsonl', 'deep nesting of an object', `${'{"a":'.repeat(200_000)}1${'}'.repeat(200_000)}`],
    ['txt', 'blank lines', '\n'.repeat(size / 4)],
    ['txt', 'NULs', '\u0000'.repeat(size / 4)],
  ];
  it.each(large)('.%s, large: %s', { timeout: 60_000 }, async (kind, _, content) => {
    await answerOrSentence(content.length, () => read(content, kind));
  });
});

describe('data sets for training', () => {
  const fixtures = new URL('../packages/training/src/node/data/fixtures/', import.meta.url);
  let lift: (() => void) | undefined;
  beforeAll(() => {
    lift = capMemory(512 * 2 ** 20);
  });
  afterAll(() => lift?.());

  async function readData(content: Uint8Array, name: string): Promise<number> {
    const path = join(folder, name);
    await writeFile(path, content);
    let rows = 0;
    for await (const { fields } of (await openDataset(path)).from()) rows += Object.keys(fields).length > 0 ? 1 : 0;
    return rows;
  }

  it.each(['none-1', 'none-2', 'snappy-1', 'gzip-1', 'brotli-1', 'zstd-2', 'lz4-1', 'delta-2'])(
    '%s.parquet, spoilt',
    { timeout: patience },
    async (name) => {
      const bytes = await readFile(new URL(`${name}.parquet`, fixtures));
      expect(await readData(bytes, 'data.parquet')).toBe(40);
      const footer = bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8);
      await fc.assert(
        fc.asyncProperty(byteEdits, async (edits) => {
          // Half of them in the headers of the first pages and in the footer.
          const spoilt = spoilBytes(bytes, edits, [
            [0, 400],
            [footer, bytes.length],
          ]);
          await answerOrSentence(spoilt.length, () => readData(spoilt, 'data.parquet'));
        }),
        cases(2_000),
      );
    },
  );

  it('.csv.gz, spoilt', { timeout: patience }, async () => {
    const bytes = gzipSync(files.csv!.repeat(50));
    await fc.assert(
      fc.asyncProperty(byteEdits, async (edits) => {
        const spoilt = spoilBytes(bytes, edits);
        await answerOrSentence(spoilt.length, () => readData(spoilt, 'data.csv.gz'));
      }),
      cases(300),
    );
  });
});
