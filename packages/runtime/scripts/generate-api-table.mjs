// Writes src/node/api-table.ts from onnxruntime-api.txt: for each function that carries a signature, its place in
// ONNX Runtime's function table, its koffi prototype and its TypeScript type.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

const source = new URL('./onnxruntime-api.txt', import.meta.url);
const target = new URL('../src/node/api-table.ts', import.meta.url);

/** C types that appear in the list, and what koffi takes and gives for them. */
const types = {
  void: 'void',
  int: 'number',
  bool: 'boolean',
  size_t: 'number',
  str: 'string',
  'void*': 'Pointer',
  'int64_t*': 'BigInt64Array | null',
  '_Out_ void**': 'Out<Pointer>',
  '_Out_ int*': 'Out<number>',
  '_Out_ size_t*': 'Out<number>',
};

const typeOf = (c) => {
  if (types[c] === undefined) throw new Error(`No TypeScript type is known for the C type "${c}".`);
  return types[c];
};

const functions = readFileSync(source, 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line, index) => ({ index, match: /^(\w+)(?:: (\S+) \((.*)\))?$/.exec(line), line }))
  .map(({ index, match, line }) => {
    if (!match) throw new Error(`Cannot read "${line}"; expected "Name" or "Name: result (type name, ...)".`);
    const [, name, result, list] = match;
    const parameters = (list ?? '').split(', ').filter(Boolean);
    return { index, name, result, parameters: parameters.map((p) => /^(.*) (\w+)$/.exec(p).slice(1)) };
  })
  .filter(({ result }) => result !== undefined);

const rows = functions.map(
  ({ index, name, result, parameters }) =>
    `{ name: '${name}', index: ${index}, prototype: '${result} ${name}(${parameters.map((p) => p.join(' ')).join(', ')})' },`,
);
const methods = functions.map(({ name, result, parameters }) => {
  const list = parameters.map(([type, parameter]) => `${parameter}: ${typeOf(type)}`).join(', ');
  return `${name}: Native<(${list}) => ${typeOf(result)}>;`;
});

writeFileSync(
  target,
  `// Made by scripts/generate-api-table.mjs from scripts/onnxruntime-api.txt; do not edit.
import type { Native, Out, Pointer } from './native.ts';

/** Where each function lies in the table that \`OrtApiBase.GetApi\` returns. */
export const apiTable: readonly { name: keyof Api; index: number; prototype: string }[] = [
${rows.join('\n')}
];

/** The part of ONNX Runtime's C API that the runtime calls. A status (\`void*\`) is null when all went well. */
export interface Api {
${methods.join('\n')}
}
`,
);
execFileSync('npx', ['biome', 'format', '--write', target.pathname], { stdio: 'inherit' });
