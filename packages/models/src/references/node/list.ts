import { join, resolve } from 'node:path';
import type { CachedModel } from '../types.ts';
import { wheelCatalogue } from '../wheel-catalogue.ts';
import { houseModels } from './house.ts';
import { bytesUnder, listSnapshots } from './hub-cache.ts';
import { openablePath } from './model-files.ts';
import { defaultCacheFolder, hubSettings } from './settings.ts';
import { cachedWheel } from './wheel.ts';

/** Models that open without any network: unpacked wheels, snapshots in our hub cache and the user's, and those of the house. */
export async function listCachedModels(
  options: { cacheFolder?: string; environment?: Record<string, string | undefined> } = {},
): Promise<CachedModel[]> {
  const cacheFolder = resolve(options.cacheFolder ?? defaultCacheFolder(options.environment));
  const models: CachedModel[] = [];
  for (const wheel of wheelCatalogue) {
    const folder = await cachedWheel(cacheFolder, wheel);
    const path = folder && (await openablePath(folder, wheel.file));
    if (folder && path) {
      models.push({
        reference: `wheel:${wheel.name}`,
        path,
        revision: wheel.version,
        bytes: await bytesUnder(folder),
        via: 'wheel',
      });
    }
  }
  for (const cache of new Set([join(cacheFolder, 'hub'), hubSettings(options.environment).cache])) {
    for (const { repository, commit, path, bytes } of await listSnapshots(cache)) {
      models.push({ reference: `hf:${repository}`, path, revision: commit, bytes, via: 'hub' });
    }
  }
  for (const { reference, path } of houseModels(cacheFolder))
    models.push({ reference, path, bytes: await bytesUnder(path), via: 'house' });
  return models;
}
