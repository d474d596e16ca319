/** The packages that stand alone, packed as they would be published and put into a project that has nothing else. */
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import ts from 'typescript';

export const root = fileURLToPath(new URL('..', import.meta.url));
export const alone = ['graph', 'runtime', 'measures', 'models', 'training'] as const;
export type Alone = (typeof alone)[number];

const call = promisify(execFile);

export interface Manifest {
  name: string;
  version: string;
  description: string;
  license: string;
  engines: Record<string, string>;
  exports: Record<string, Record<string, string>>;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

export interface Packed {
  /** The tarball. */
  path: string;
  /** Paths inside of it. */
  files: string[];
}

/** Packs a package into a folder; the build must be there. */
export async function pack(name: Alone, into: string): Promise<Packed> {
  const place = join(root, 'packages', name);
  const { stdout } = await call('npm', ['pack', '--json', '--ignore-scripts', `--pack-destination=${into}`], {
    cwd: place,
    shell: process.platform === 'win32',
  });
  const [{ filename, files }] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }];
  return { path: join(into, filename), files: files.map(({ path }) => path) };
}

export const manifestAt = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;

/** Unpacks tarballs into a project's node_modules, and gives each the packages that it declares and no others. */
export async function unpackAlone(packed: Readonly<Record<Alone, Packed>>, project: string): Promise<void> {
  for (const name of alone) {
    const place = join(project, 'node_modules', '@working-papers', name);
    mkdirSync(place, { recursive: true });
    await call('tar', ['-xzf', packed[name].path, '-C', place, '--strip-components=1']);
    for (const dependency of Object.keys(manifestAt(place).dependencies ?? {}))
      if (!dependency.startsWith('@working-papers/')) link(dependency, place, name);
  }
  link('@types/node', project);
}

/** Links an installed package of this repository: that of the package's own folder where it has one. */
function link(dependency: string, into: string, owner?: Alone): void {
  const own = owner && join(root, 'packages', owner, 'node_modules');
  const source = own && present(join(own, dependency)) ? own : join(root, 'node_modules');
  const target = join(into, 'node_modules', dependency);
  mkdirSync(dirname(target), { recursive: true });
  symlinkSync(join(source, dependency), target, 'junction');
}

function present(folder: string): boolean {
  try {
    return readdirSync(folder).length > 0;
  } catch {
    return false;
  }
}

export interface Example {
  /** `models-2.ts` */
  file: string;
  source: string;
  /** What it must print. */
  output: string;
}

/** The examples of a README: blocks of TypeScript, each with the text that it prints in the block after it. */
export function examplesOf(name: Alone): Example[] {
  const readme = readFileSync(join(root, 'packages', name, 'README.md'), 'utf8');
  return [...readme.matchAll(/^```ts\n(.*?)^```\n\n^```text\n(.*?)^```$/gms)].map(([, source, output], index) => ({
    file: `${name}-${index + 1}.ts`,
    source: source!,
    output: output!,
  }));
}

/** A project with the examples in it and nothing else: an application of modules. */
export function writeProject(project: string, examples: readonly Example[]): void {
  const manifest = { name: 'alone', version: '0.0.0', private: true, type: 'module' };
  writeFileSync(join(project, 'package.json'), JSON.stringify(manifest));
  for (const { file, source } of examples) writeFileSync(join(project, file), source);
}

/** What the compiler says of a project's examples under one way of finding modules; the types of libraries are checked too. */
export function compileErrors(
  project: string,
  resolution: 'nodenext' | 'bundler',
  examples: readonly Example[],
): string[] {
  const program = ts.createProgram(
    examples.map(({ file }) => join(project, file)),
    {
      noEmit: true,
      strict: true,
      skipLibCheck: false,
      target: ts.ScriptTarget.ES2023,
      lib: ['lib.es2023.d.ts'],
      types: ['node'],
      typeRoots: [join(project, 'node_modules', '@types')],
      module: resolution === 'nodenext' ? ts.ModuleKind.NodeNext : ts.ModuleKind.ESNext,
      moduleResolution: resolution === 'nodenext' ? ts.ModuleResolutionKind.NodeNext : ts.ModuleResolutionKind.Bundler,
    },
  );
  return ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const at = file && `${file.fileName}:${file.getLineAndCharacterOfPosition(start ?? 0).line + 1}`;
    return `${at ?? 'project'}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
  });
}

/** Runs an example in the project; answers what it printed. */
export async function runExample(project: string, { file, source }: Example): Promise<string> {
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 },
  });
  const path = join(project, file.replace(/\.ts$/, '.mjs'));
  writeFileSync(path, outputText);
  const { stdout } = await call(process.execPath, [path], {
    cwd: project,
    env: { ...process.env, WORKING_PAPERS_DATA: process.env.WORKING_PAPERS_DATA ?? join(root, 'data') },
  });
  return stdout;
}
