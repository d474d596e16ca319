/**
 * The registry reads the rooms' folders when a process starts: `<family>/<slug>/index.js` is a descriptor, `method.js` and
 * `experiment.js` beside it are imported by that convention, in run children only; `estimate.js`, which is light, anywhere.
 */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type ApartModule,
  type EstimateModule,
  type ExperimentModule,
  families,
  type Method,
  type MethodModule,
  type Rule,
} from './contract.ts';
import { built, checkDescriptor } from './descriptor.ts';

const here = dirname(fileURLToPath(import.meta.url));
/** 'js' in the build; 'ts' when a test loads the sources. */
const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';

/** A folder of further rooms, laid out like this one and built to .js: WORKING_PAPERS_METHODS. */
const furtherRooms = process.env.WORKING_PAPERS_METHODS || undefined;

/** The folder that a room's modules are imported from. */
const moduleFolder = ({ family, slug }: Pick<Method, 'family' | 'slug'>): string =>
  furtherRooms && existsSync(`${furtherRooms}/${family}/${slug}`)
    ? `${furtherRooms}/${family}/${slug}`
    : `${here}/${family}/${slug}`;

/** The folder of a room's sources, where evidence.json and plots are kept, whichever build asks. */
export const roomFolder = (method: Pick<Method, 'family' | 'slug'>): string =>
  furtherRooms && existsSync(`${furtherRooms}/${method.family}/${method.slug}`)
    ? `${furtherRooms}/${method.family}/${method.slug}/`
    : fileURLToPath(new URL(`../src/${method.family}/${method.slug}/`, import.meta.url));

let descriptors: Promise<Method[]> | undefined;

/** Every descriptor, by family and slug. Read once per process. Throws an error that names the folder without a valid one. */
export function loadDescriptors(): Promise<Method[]> {
  descriptors ??= readAll();
  return descriptors;
}

async function readAll(): Promise<Method[]> {
  const own = await readDescriptors(here);
  const further = furtherRooms ? await readDescriptors(furtherRooms) : [];
  const twice = further.find((method) => own.some((other) => other.slug === method.slug));
  if (twice) throw new Error(`The room '${twice.slug}' of WORKING_PAPERS_METHODS is one of our own.`);
  return [...own, ...further];
}

/** The rule of any claim, by paper and id; undefined for a claim that has none, or that no descriptor makes. */
export async function loadRules(): Promise<(slug: string, claim: string) => Rule | undefined> {
  const rules = new Map(
    (await loadDescriptors()).flatMap(({ slug, claims }) => claims.map(({ id, rule }) => [`${slug}/${id}`, rule])),
  );
  return (slug, claim) => rules.get(`${slug}/${claim}`);
}

/** As `loadDescriptors`, from the rooms under another `folder`. */
export async function readDescriptors(folder: string): Promise<Method[]> {
  const methods: Method[] = [];
  for (const family of families) {
    if (!existsSync(`${folder}/${family}`)) continue;
    const entries = await readdir(`${folder}/${family}`, { withFileTypes: true });
    for (const entry of entries.filter((item) => item.isDirectory()).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (isStale(folder, family, entry.name)) continue;
      methods.push(await readDescriptor(folder, family, entry.name));
    }
  }
  const twice = methods.find((method, at) => methods.findIndex((other) => other.slug === method.slug) !== at);
  if (twice) throw new Error(`Two rooms have the slug '${twice.slug}'.`);
  return methods;
}

/** A build keeps the folders of rooms whose sources are gone. */
const isStale = (folder: string, family: string, slug: string): boolean =>
  basename(folder) === 'dist' && existsSync(`${folder}/../src`) && !existsSync(`${folder}/../src/${family}/${slug}`);

async function readDescriptor(folder: string, family: string, slug: string): Promise<Method> {
  const room = `${folder}/${family}/${slug}`;
  const file = [`${room}/index.${extension}`, `${room}/index.js`].find((path) => existsSync(path));
  if (!file)
    throw new Error(`The room ${family}/${slug} has no descriptor: ${room}/index.${extension} does not exist.`);
  try {
    const module = (await import(/* @vite-ignore */ new URL(`file://${file}`).href)) as { default?: unknown };
    return checkDescriptor(module.default, family, slug);
  } catch (error) {
    throw new Error(`The room ${family}/${slug} has no valid descriptor: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** The descriptor of `slug`. Throws when no room has that slug. */
export async function descriptorOf(slug: string): Promise<Method> {
  const method = (await loadDescriptors()).find((candidate) => candidate.slug === slug);
  if (!method) throw new Error(`There is no paper '${slug}' here.`);
  return method;
}

/** The method of `slug`; in run children only. Throws when it is not built. */
export async function loadMethod(slug: string): Promise<MethodModule> {
  const module = (await loadRoomFile(slug, 'method')) as Partial<MethodModule>;
  if (typeof module.run !== 'function') throw new Error(`The method of '${slug}' exports no run().`);
  return module as MethodModule;
}

/** The experiment of `slug`; in run children only. Throws when there is none. */
export async function loadExperiment(slug: string): Promise<ExperimentModule> {
  const module = (await loadRoomFile(slug, 'experiment')) as Partial<ExperimentModule>;
  if (!Array.isArray(module.experiment)) throw new Error(`The experiment of '${slug}' lists no stages.`);
  return module as ExperimentModule;
}

/** The function `name` of `slug` that runs in a process of its own. Throws a sentence when there is none. */
export async function loadApart(slug: string, name: string): Promise<ApartModule['apart'][string]> {
  const { apart = {} } = (await loadRoomFile(slug, 'apart')) as Partial<ApartModule>;
  if (Object.hasOwn(apart, name)) return apart[name]!;
  throw new Error(`'${slug}' has nothing named '${name}' to run apart; there is ${Object.keys(apart).join(', ')}.`);
}

/** How the room of `slug` estimates a run; undefined when it does not, or when the method is not built. Loads no engine code. */
export async function estimateOf(slug: string): Promise<EstimateModule['estimate'] | undefined> {
  const method = await descriptorOf(slug);
  if (!built(method) || !roomFile(method, 'estimate')) return undefined;
  const module = (await loadRoomFile(slug, 'estimate')) as Partial<EstimateModule>;
  if (typeof module.estimate !== 'function') throw new Error(`The estimate of '${slug}' exports no estimate().`);
  return module.estimate;
}

type RoomFile = 'method' | 'experiment' | 'estimate' | 'apart';

const roomFile = (method: Method, name: RoomFile): string | undefined =>
  [extension, 'js'].map((ending) => `${moduleFolder(method)}/${name}.${ending}`).find((path) => existsSync(path));

async function loadRoomFile(slug: string, name: RoomFile): Promise<unknown> {
  const method = await descriptorOf(slug);
  const file = roomFile(method, name);
  if (!built(method) || !file) throw new Error(`The ${name} of '${slug}' is not built yet.`);
  return import(/* @vite-ignore */ new URL(`file://${file}`).href);
}

/** Every part that a built method offers, by kind and name: `parts.attention['lm-infinite']`. In children only. */
export async function loadParts(): Promise<Record<string, Record<string, unknown>>> {
  const all: Record<string, Record<string, unknown>> = {};
  for (const method of (await loadDescriptors()).filter(built)) {
    if (!roomFile(method, 'method')) continue;
    const { parts } = await loadMethod(method.slug);
    for (const [kind, named] of Object.entries(parts ?? {}))
      for (const [name, part] of Object.entries(named)) {
        all[kind] ??= {};
        if (name in all[kind]) throw new Error(`Two methods offer the part ${kind} '${name}'.`);
        all[kind][name] = part;
      }
  }
  return all;
}
