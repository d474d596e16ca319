import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Method } from './contract.ts';
import { registrationOf } from './registration.ts';
import { descriptorOf, loadDescriptors, loadMethod, readDescriptors, roomFolder } from './registry.ts';

/** The founding page, read as plainly as it can be: title, abstract, "• n authors", a dot, the date. */
const page = await readFile(fileURLToPath(new URL('../../../seed/daily-papers.txt', import.meta.url)), 'utf8');
const entries = page.matchAll(
  /\n\n(?<title>[^\n]+)\n\n(?<abstract>[^\n]+)\n\n *• \d+ authors?\n·\n(?<date>\w+ \d+, \d+)/g,
);
const shelf = [...entries].map(({ groups }) => groups as { title: string; abstract: string; date: string });

const iso = (date: string): string => new Date(`${date} UTC`).toISOString().slice(0, 10);
let methods: Method[];
beforeAll(async () => {
  methods = await loadDescriptors();
});

describe('the founding shelf', () => {
  it('has a room for every paper of the page, under its exact title and date', () => {
    const rooms = methods.map(({ paper }) => `${paper.date} ${paper.title}`).sort();
    expect(rooms).toEqual(shelf.map(({ title, date }) => `${iso(date)} ${title}`).sort());
    expect(rooms).toHaveLength(51);
  });

  it('quotes the abstract word for word', () => {
    for (const { slug, paper, claims } of methods) {
      const { abstract } = shelf.find(({ title }) => title === paper.title)!;
      for (const { id, quote } of claims)
        if (quote !== undefined) expect(abstract.includes(quote), `${slug} ${id}: "${quote}"`).toBe(true);
    }
  });

  it('lists at least four claims a paper, in the order of their numbers', () => {
    for (const { slug, claims } of methods) {
      expect(claims.length, slug).toBeGreaterThan(3);
      const seen = new Map<string, number>();
      for (const { id } of claims) {
        const [, prefix, number] = /^(.*?)(\d+)$/.exec(id)!;
        expect(Number(number), `${slug} ${id}`).toBe((seen.get(prefix!) ?? 0) + 1);
        seen.set(prefix!, Number(number));
      }
    }
  });

  it('names whose word each value is: recalled ones are unverified, ours say why and what they rest on', () => {
    for (const { slug, claims } of methods)
      for (const { id, paper, note } of claims) {
        const claim = `${slug} ${id}`;
        if (paper.source === 'recalled') expect(paper.unverified, claim).toBe(true);
        if (paper.source === 'here') {
          expect(note, claim).toBeTruthy();
          expect(paper.where, claim).toBeTruthy();
        }
        if (paper.source === 'paper') expect(paper.where, claim).toBeTruthy();
      }
  });

  it('has no empty texts, and units only behind a number', () => {
    for (const { slug, claims } of methods)
      for (const { id, statement, measure, paper, quote, note } of claims) {
        const texts = { statement, measure, quote, note, ...paper };
        for (const [name, text] of Object.entries(texts))
          if (typeof text === 'string') expect(text.trim(), `${slug} ${id} ${name}`).toMatch(/./);
        expect(statement, `${slug} ${id}`).toMatch(/[.?!)]$/);
        if (paper.unit !== undefined)
          expect(paper.value, `${slug} ${id} in ${paper.unit}`).toMatch(/\d[BM]?( billion)?$/);
      }
  });

  it('says for every claim of the two first papers how it is judged, or why not', () => {
    for (const slug of ['prepacking', 'moral-direction'])
      for (const { id, rule, note } of methods.find((method) => method.slug === slug)!.claims)
        expect(rule ?? note, `${slug} ${id}`).toBeTruthy();
  });

  it('is plain data once registered', () => {
    for (const method of methods) {
      const registration = registrationOf(method);
      expect(JSON.parse(JSON.stringify(registration))).toEqual(registration);
    }
  });
});

describe('descriptors and estimates', () => {
  it('import nothing heavy: zod, types, and plain files of this package', async () => {
    for (const method of methods) {
      const seen = new Set<string>();
      const queue = ['index.ts', 'estimate.ts'].map((name) => roomFolder(method) + name).filter(existsSync);
      for (let file = queue.pop(); file; file = queue.pop()) {
        if (seen.has(file)) continue;
        seen.add(file);
        for (const name of await importsOf(file))
          if (name.startsWith('.')) queue.push(join(dirname(file), name));
          else expect(name, `${method.slug} imports ${name} at run time`).toBe('zod');
      }
    }
  });
});

/** What `file` imports or re-exports when it is loaded; types are erased, and what is imported only when asked for is not among it. */
async function importsOf(file: string): Promise<string[]> {
  const output = ts.transpileModule(await readFile(file, 'utf8'), {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023, verbatimModuleSyntax: true },
  }).outputText;
  return ts
    .createSourceFile(file, output, ts.ScriptTarget.ES2023)
    .statements.flatMap((statement) =>
      (ts.isImportDeclaration(statement) || ts.isExportDeclaration(statement)) && statement.moduleSpecifier
        ? [(statement.moduleSpecifier as ts.StringLiteral).text]
        : [],
    );
}

describe('the registry', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rooms-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const room = async (family: string, slug: string, source?: string): Promise<string> => {
    const root = await mkdtemp(join(folder, 'case-'));
    await mkdir(join(root, family, slug), { recursive: true });
    if (source !== undefined) await writeFile(join(root, family, slug, 'index.js'), source);
    return root;
  };
  const claim = `{ id: 'T-1', statement: 's', measure: 'm', paper: { value: '1', source: 'paper' } }`;
  const descriptor = (change: string): string =>
    `export default { ...{ slug: 'trial', family: 'serving', paper: { title: 'T', date: '2024-01-01', authors: [] }, offers: 'o', claims: [${claim}] }, ${change} };`;

  it('reads a folder that is added, with no list to keep', async () => {
    const found = await readDescriptors(await room('serving', 'trial', descriptor('')));
    expect(found.map(({ slug }) => slug)).toEqual(['trial']);
  });

  it.each([
    ['no descriptor', undefined, /serving\/trial has no descriptor/],
    ['nothing exported', 'export const a = 1;', /serving\/trial has no valid descriptor: it has no default export/],
    ['code that throws', 'throw new Error("boom");', /serving\/trial has no valid descriptor: boom/],
    ['another slug', descriptor(`slug: 'other'`), /its slug is 'other'/],
    ['another family', descriptor(`family: 'vision'`), /its family is 'vision'/],
    ['no claims', descriptor('claims: []'), /lists no claims/],
    ['a claim twice', descriptor(`claims: [${claim}, ${claim}]`), /T-1 is listed twice/],
    ['a bad date', descriptor(`paper: { title: 'T', date: 'May', authors: [] }`), /'May' is not a date/],
    [
      'a bad rule',
      descriptor(`claims: [{ ...${claim}, rule: { stage: 's', values: { a: 'x' }, holds: 'size(a) > 1.0' } }]`),
      /the rule of T-1 cannot be used: 'holds': calls are not allowed/,
    ],
  ])('names the folder of a room with %s', async (_, source, message) => {
    await expect(readDescriptors(await room('serving', 'trial', source))).rejects.toThrow(message);
  });

  it('says when a paper is not here or not built', async () => {
    await expect(descriptorOf('nothing')).rejects.toThrow("There is no paper 'nothing' here.");
    await expect(loadMethod('swin')).rejects.toThrow(/not built yet/);
  });
});
