import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeDataFolder, roomProblem } from './data-folder.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wp-folder-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('is made with those above it, for its owner only, and again without complaint', async () => {
  const deep = join(folder, 'a', 'b', 'c');
  makeDataFolder(deep);
  makeDataFolder(deep);
  expect((await stat(deep)).mode & 0o777).toBe(0o700);
});

it('has room, or a sentence that says how much', () => {
  expect(roomProblem(folder, 0)).toBeUndefined();
  expect(roomProblem(folder, 2 ** 60)).toMatch(
    /^The disk of .* has \d+ MB left, and the database needs 1099511627776 MB\. Free some space and start again\.$/,
  );
});

it('is refused where a file stands', async () => {
  const file = join(folder, 'file');
  await writeFile(file, '');
  expect(() => makeDataFolder(file)).toThrow(
    `The data folder ${file} cannot be used: a file stands there. Set WORKING_PAPERS_DATA to a folder of yours.`,
  );
  expect(() => makeDataFolder(join(file, 'below'))).toThrow(/a file stands on the way/);
});

it.skipIf(process.platform !== 'linux')('is refused where no folder can be made, without waiting for ever', () => {
  expect(() => makeDataFolder('/proc/nowhere/data')).toThrow(/\/proc\/nowhere\/data cannot be used: /);
});

it.skipIf(process.getuid?.() === 0)('is refused when it may not be written to (root may always)', async () => {
  const closed = join(folder, 'closed');
  await mkdir(closed);
  await chmod(closed, 0o500);
  expect(() => makeDataFolder(closed)).toThrow(/may not be written to/);
  expect(() => makeDataFolder(join(closed, 'below'))).toThrow(/may not be written to/);
});
