/** Packages that stand alone: what is packed, its types, and every example of the READMEs. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { realModel } from '../packages/models/src/testing/real-model.ts';
import {
  type Alone,
  alone,
  compileErrors,
  examplesOf,
  manifestAt,
  type Packed,
  pack,
  root,
  runExample,
  unpackAlone,
  writeProject,
} from './packed.ts';

const examples = Object.fromEntries(alone.map((name) => [name, examplesOf(name)])) as Record<
  Alone,
  ReturnType<typeof examplesOf>
>;
const all = Object.values(examples).flat();
let project: string;
const packed = {} as Record<Alone, Packed>;

beforeAll(async () => {
  project = mkdtempSync(join(tmpdir(), 'wp-alone-'));
  for (const name of alone) packed[name] = await pack(name, project);
  writeProject(project, all);
  await unpackAlone(packed, project);
});
afterAll(() => rmSync(project, { recursive: true, force: true }));

describe.each(alone)('%s', (name) => {
  const manifest = manifestAt(join(root, 'packages', name));

  it('says what it is and what it needs', () => {
    const { version } = manifestAt(root);
    expect(manifest).toMatchObject({ name: `@working-papers/${name}`, version, license: 'Apache-2.0', type: 'module' });
    expect(manifest.engines).toEqual(manifestAt(root).engines);
    expect(manifest.description).toMatch(/^[A-Z].{20,}[^.]$/);
    for (const [dependency, range] of Object.entries(manifest.dependencies ?? {}))
      if (dependency.startsWith('@working-papers/')) expect(range, dependency).toBe(version);
  });

  it('packs what it exports, its README and the licence, and no tests', () => {
    const { files } = packed[name];
    for (const target of Object.values(manifest.exports).flatMap((entry) => Object.values(entry)))
      expect(files).toContain(target.replace(/^\.\//, ''));
    expect(files).toEqual(expect.arrayContaining(['README.md', 'LICENSE']));
    expect(files.filter((file) => /\.(test|long)\.|\.map$|^src/.test(file))).toEqual([]);
    const licence = (folder: string) => readFileSync(join(folder, 'LICENSE'), 'utf8');
    expect(licence(join(root, 'packages', name))).toBe(licence(root));
  });

  it('has examples of at most a dozen lines', () => {
    expect(examples[name].length).toBeGreaterThan(0);
    for (const { source } of examples[name]) expect(source.split('\n').length).toBeLessThan(15);
  });
});

// packages.long.ts has the bundlers' way too.
it('the types of all of them, libraries checked', { timeout: 120_000 }, () => {
  expect(compileErrors(project, 'nodenext', all)).toEqual([]);
});

const models: Record<string, string> = {};
for (const [, reference] of all.flatMap(({ source }) => [...source.matchAll(/'(wheel:[\w-]+)'/g)]))
  models[reference!] ??= (await realModel(reference!)).missing ?? '';

describe.each(all)('the example $file', ({ file, source, output }) => {
  const missing = Object.keys(models).filter((reference) => source.includes(`'${reference}'`) && models[reference]);
  it.skipIf(missing.length > 0)('prints what the README says', { timeout: 120_000 }, async () => {
    expect((await runExample(project, { file, source, output })).trimEnd()).toBe(output.trimEnd());
  });
});
