import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { builtHouseFolder, houseText, resolveHouse } from './house.ts';

let folder: string;
let house: string;
let cache: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'house-'));
  [house, cache] = [join(folder, 'house'), join(folder, 'models')];
  const files = [
    join(house, 'cottage/model/config.json'),
    join(house, 'library/rows.jsonl.gz'),
    join(house, 'recipes/mansion.mjs'),
    join(house, 'recipes/castle.mjs'),
    join(builtHouseFolder(cache), 'castle/model/config.json'),
  ];
  for (const file of files) {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, '{}');
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const resolve = (name: string) => resolveHouse(name, cache, house);

test('a model comes with the repository, or is built into the cache', () => {
  expect(resolve('cottage').path).toBe(join(house, 'cottage/model'));
  expect(resolve('castle')).toEqual({
    path: join(cache, 'house/castle/model'),
    reference: 'house:castle',
    via: 'house',
  });
});

test('what is no model, or not yet, is said with what to do', () => {
  expect(() => resolve('mansion')).toThrow(
    /^house:mansion is not built here; `node house\/make\.mjs mansion` builds it\.$/,
  );
  expect(() => resolve('library')).toThrow('house:library is a text and no model; rows are read from it.');
  expect(() => resolve('of-cards')).toThrow(/^There is no house model of-cards here; there are cottage, castle\./);
  expect(() => resolveHouse('x', join(folder, 'none'), join(folder, 'none'))).toThrow(
    /no house model x here; there is none\./,
  );
});

test('a text is a file; other names are said with those that there are', () => {
  expect(houseText('house:library', house)).toBe(join(house, 'library/rows.jsonl.gz'));
  expect(houseText('house/library', house)).toBeUndefined();
  for (const name of ['cottage', '', '../house/library', 'library/'])
    expect(() => houseText(`house:${name}`, house)).toThrow(`no house text "${name}"; there is library.`);
});
