import { readdir, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { ModelReferenceError } from '../parse.ts';
import type { ResolvedReference } from '../types.ts';

/** The small models of our own, in the repository: a folder each, with the model in `model`. */
const house = fileURLToPath(new URL('../../../../../house/', import.meta.url));

/** The folder of a house model; a sentence with those that there are, and with how it is made, where it is not among them. */
export async function resolveHouse(name: string, folder = house): Promise<ResolvedReference> {
  const path = `${folder}${name}/model`;
  if (await stat(`${path}/config.json`).catch(() => undefined))
    return { path, reference: `house:${name}`, via: 'house' };
  const made: string[] = [];
  for (const entry of await readdir(folder).catch(() => [])) {
    if (await stat(`${folder}${entry}/model/config.json`).catch(() => undefined)) made.push(entry);
  }
  throw new ModelReferenceError(
    `There is no house model ${name} here; there ${made.length === 0 ? 'is none' : `is ${made.join(', ')}`}. They come with the repository; \`node house/make.mjs NAME\` makes one by its recipe.`,
  );
}
