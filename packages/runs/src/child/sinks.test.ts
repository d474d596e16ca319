import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createSinks, type Written } from './sinks.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sinks-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it.skipIf(!existsSync('/dev/full'))('a full disk is a sentence, and leaves nothing half written', async () => {
  await symlink('/dev/full', join(folder, '.caches.csv.partial'));
  const written: Written[] = [];
  const sink = createSinks(folder, undefined, (artifact) => written.push(artifact))('caches.csv', 'text/csv');
  await expect(sink.write('a,b\n')).rejects.toThrow(
    'The artifact "caches.csv" could not be written: the disk is full. Free some space and repeat the run.',
  );
  await expect(sink.close()).rejects.toThrow(/disk is full/);
  expect(written).toEqual([]);
  expect(await readdir(folder)).toEqual([]);
});

it('artifacts over their limit together are refused by name', async () => {
  const write = createSinks(folder, 10, () => {});
  const first = write('one.txt', 'text/plain');
  await first.write('12345678');
  await first.close();
  await expect(write('two.txt', 'text/plain').write('901')).rejects.toThrow(/limit of 10 bytes with "two.txt"/);
  expect(await readdir(folder)).toEqual(['one.txt']);
});
