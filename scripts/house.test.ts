/**
 * Holds the order of the rooms: imports go down the dependency order and never back (docs/architecture.md, "Rooms"), and the
 * rooms that are to run in a browser import nothing of Node.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What each room may import. */
const below: Record<string, readonly string[]> = {
  measures: [],
  graph: [],
  runtime: ['graph'],
  models: ['graph', 'runtime', 'measures'],
  'model-server': ['runtime', 'models'],
  training: ['graph', 'runtime', 'models', 'measures'],
  methods: ['graph', 'runtime', 'models', 'training', 'measures'],
  library: ['models', 'measures'],
  runs: ['graph', 'runtime', 'models', 'training', 'methods', 'library', 'measures'],
  cli: ['graph', 'runtime', 'models', 'model-server', 'training', 'methods', 'library', 'runs', 'measures'],
  site: ['methods', 'library', 'runs', 'measures'],
};

function* sources(folder: string): Generator<string> {
  for (const name of readdirSync(folder)) {
    if (['node_modules', 'dist', 'build', '.svelte-kit'].includes(name)) continue;
    const path = join(folder, name);
    if (statSync(path).isDirectory()) yield* sources(path);
    else if (/\.(ts|js|svelte)$/.test(name) && !name.endsWith('.d.ts')) yield path;
  }
}

interface Import {
  specifier: string;
  typeOnly: boolean;
}

/** Static and dynamic imports of one file (the scripts of a Svelte file count as one). */
function importsOf(path: string): Import[] {
  let text = readFileSync(path, 'utf8');
  if (path.endsWith('.svelte'))
    text = [...text.matchAll(/<script[^>]*>([\s\S]*?)<\/script>/g)].map((m) => m[1]).join('\n');
  const found: Import[] = [];
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier) {
      const typeOnly = ts.isImportDeclaration(node)
        ? node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword
        : node.isTypeOnly;
      found.push({ specifier: (node.moduleSpecifier as ts.StringLiteral).text, typeOnly });
    }
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments;
      if (argument && ts.isStringLiteral(argument)) found.push({ specifier: argument.text, typeOnly: false });
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS));
  return found;
}

const rooms = [
  ...readdirSync(join(root, 'packages')).map((name) => ({ name, folder: join(root, 'packages', name) })),
  ...readdirSync(join(root, 'apps')).map((name) => ({ name, folder: join(root, 'apps', name) })),
];

const isTest = (path: string) =>
  /\.(test|long)\.ts$/.test(path) || /\/(test|testing|fixtures|scripts|eval)\//.test(path);

describe('the house', () => {
  it.each(rooms)('$name imports only rooms below it', ({ name, folder }) => {
    const allowed = below[name];
    expect(allowed, `${name} has no place in the order of the rooms`).toBeDefined();
    const wrong: string[] = [];
    for (const path of sources(folder))
      for (const { specifier } of importsOf(path)) {
        const room = /^@working-papers\/([a-z-]+)/.exec(specifier)?.[1];
        if (room && room !== name && !allowed!.includes(room))
          wrong.push(`${relative(root, path)} imports ${specifier}`);
        if (
          specifier.startsWith('.') &&
          relative(folder, join(path, '..', specifier)).startsWith('..') &&
          !isTest(path)
        )
          wrong.push(`${relative(root, path)} reaches out of its room: ${specifier}`);
      }
    expect(wrong).toEqual([]);
  });

  const pure = [
    'packages/graph/src',
    'packages/measures/src',
    'packages/models/src/architectures',
    'packages/methods/src',
  ];
  it.each(pure)('%s imports nothing of Node', (folder) => {
    const wrong: string[] = [];
    for (const path of sources(join(root, folder))) {
      const inRegistry = folder === 'packages/methods/src' && relative(join(root, folder), path).split('/').length < 3;
      if (isTest(path) || inRegistry) continue;
      for (const { specifier, typeOnly } of importsOf(path))
        if (!typeOnly && (specifier.startsWith('node:') || /^@working-papers\/[a-z]+\/node$/.test(specifier)))
          wrong.push(`${relative(root, path)} imports ${specifier}`);
    }
    expect(wrong).toEqual([]);
  });

  it('a descriptor imports nothing heavy', () => {
    const wrong: string[] = [];
    for (const path of sources(join(root, 'packages/methods/src'))) {
      if (!/methods\/src\/[^/]+\/[^/]+\/index\.ts$/.test(path)) continue;
      for (const { specifier, typeOnly } of importsOf(path))
        if (!typeOnly && specifier !== 'zod' && !specifier.startsWith('.'))
          wrong.push(`${relative(root, path)} imports ${specifier}`);
    }
    expect(wrong).toEqual([]);
  });
});
