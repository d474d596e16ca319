/** The packages that stand alone, installed from the registry's client into an empty project, as a reader would; packages.test.ts does without. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, it } from 'vitest';
import { alone, compileErrors, examplesOf, manifestAt, pack, root, runExample, writeProject } from './packed.ts';

const project = mkdtempSync(join(tmpdir(), 'wp-installed-'));
afterAll(() => rmSync(project, { recursive: true, force: true }));

it('an empty project with the packages compiles and runs every example', { timeout: 900_000 }, async () => {
  const examples = alone.flatMap(examplesOf);
  writeProject(project, examples);
  const tarballs = await Promise.all(alone.map((name) => pack(name, project)));
  const types = `@types/node@${manifestAt(root).devDependencies!['@types/node']}`;
  const options = ['--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund'];
  await promisify(execFile)('npm', ['install', ...options, types, ...tarballs.map(({ path }) => path)], {
    cwd: project,
    shell: process.platform === 'win32',
  });
  for (const resolution of ['nodenext', 'bundler'] as const)
    expect(compileErrors(project, resolution, examples), resolution).toEqual([]);
  for (const example of examples) {
    expect((await runExample(project, example)).trimEnd(), example.file).toBe(example.output.trimEnd());
  }
});
