import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ModelReferenceError } from '../parse.ts';
import type { ResolvedReference } from '../types.ts';

/**
 * What is made here by a recipe and comes with the repository: a folder each, a model in `model`, a text in `rows.jsonl.gz`. Models too
 * large for that are built by their recipe into the cache of models.
 */
const house = fileURLToPath(new URL('../../../../../house/', import.meta.url));

const model = join('model', 'config.json');
const rows = 'rows.jsonl.gz';

const namesWith = (folder: string, file: string) =>
  existsSync(folder) ? readdirSync(folder).filter((name) => existsSync(join(folder, name, file))) : [];

const counted = (names: readonly string[]) =>
  names.length === 0 ? 'there is none' : `there ${names.length === 1 ? 'is' : 'are'} ${names.join(', ')}`;

/** Where a recipe puts a model that does not come with the repository: `house/NAME` in the cache of models. */
export const builtHouseFolder = (cacheFolder: string): string => join(cacheFolder, 'house');

/**
 * The folder of a house model: of the repository, or built into the cache. Throws a sentence with the command that builds it where there
 * is a recipe, and otherwise with the models that there are.
 */
export function resolveHouse(name: string, cacheFolder: string, folder = house): ResolvedReference {
  const places = [folder, builtHouseFolder(cacheFolder)];
  const place = places.find((one) => existsSync(join(one, name, model)));
  if (place !== undefined) return { path: join(place, name, 'model'), reference: `house:${name}`, via: 'house' };
  if (existsSync(join(folder, name, rows)))
    throw new ModelReferenceError(`house:${name} is a text and no model; rows are read from it.`);
  if (existsSync(join(folder, 'recipes', `${name}.mjs`)))
    throw new ModelReferenceError(`house:${name} is not built here; \`node house/make.mjs ${name}\` builds it.`);
  const made = places.flatMap((one) => namesWith(one, model));
  throw new ModelReferenceError(
    `There is no house model ${name} here; ${counted(made)}. They come with the repository; \`node house/make.mjs NAME\` makes one by its recipe.`,
  );
}

/** Names and folders of the house models that are here. */
export const houseModels = (cacheFolder: string, folder = house): { reference: string; path: string }[] =>
  [folder, builtHouseFolder(cacheFolder)].flatMap((place) =>
    namesWith(place, model).map((name) => ({ reference: `house:${name}`, path: join(place, name, 'model') })),
  );

/**
 * The file of a house text by its reference, `house:books`: gzipped JSON Lines, a paragraph a row, `{ book, author, chapter, text }`;
 * undefined for what is no reference of the house. Throws a sentence with the texts that there are for a name that is none.
 */
export function houseText(reference: string, folder = house): string | undefined {
  const name = /^house:(.*)$/s.exec(reference)?.[1];
  if (name === undefined) return undefined;
  const texts = namesWith(folder, rows);
  if (texts.includes(name)) return join(folder, name, rows);
  throw new Error(
    `There is no house text "${name.slice(0, 80)}"; ${counted(texts)}. Write house:NAME with one of those.`,
  );
}
