// nDCG@10 of search over the founding page, by keyword, by meaning and fused, per kind of query and half of the set.
//
//   node packages/library/eval/evaluate.mjs [--data FOLDER] [--registrations FILE] [--write]
//
// Works in a folder of its own unless --data names another (its registrations are replaced). --registrations is a JSON list of what
// descriptors tell (claims and offers are searched too); without it the slugs, arXiv ids and authors of the tests are used.
// --write puts the table into README.md.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ndcg } from '@working-papers/measures';
import { sql } from 'drizzle-orm';
import {
  encoderClient,
  importPage,
  libraryStatus,
  openLibrary,
  registerPapers,
  search,
  searchEncoder,
  startEncoder,
} from '../dist/index.js';
import { searchMeaning } from '../dist/search/semantic.js';

const { values } = parseArgs({
  options: { data: { type: 'string' }, registrations: { type: 'string' }, write: { type: 'boolean' } },
});
const here = (path) => new URL(path, import.meta.url);
const queries = JSON.parse(await readFile(here('queries.json'), 'utf8'));
const dataFolder = values.data ?? (await mkdtemp(join(tmpdir(), 'search-eval-')));

const library = await openLibrary({ dataFolder });
await importPage(library, await readFile(here('../../../seed/daily-papers.txt'), 'utf8'), {
  source: 'seed/daily-papers.txt',
  now: new Date(),
});
await registerPapers(
  library,
  JSON.parse(await readFile(values.registrations ?? here('../src/fixtures/registrations.json'), 'utf8')),
);
const encoder = await startEncoder({ dataFolder, supervised: true });
const client = encoderClient({ dataFolder });
for (let last = ''; ; ) {
  const { embedded, papers } = await libraryStatus(library);
  const sentences = await library.pool.query(
    'select count(distinct paper)::int as n from embeddings where passage <> 0',
  );
  const status = await client.status();
  if (status.message !== last) console.error(status.message);
  last = status.message;
  if (status.state === 'unavailable') process.exit(1);
  if (embedded === papers && sentences.rows[0].n === papers) break;
  await new Promise((resolve) => setTimeout(resolve, 500));
}

const encode = searchEncoder(client);
const slugs = new Map(
  (await library.pool.query('select id::int as id, slug from papers')).rows.map(({ id, slug }) => [id, slug]),
);
const ways = {
  keyword: async (query) => (await search(library, query, {})).results.map((result) => result.slug),
  meaning: async (query) =>
    (await searchMeaning(library, await encode(query), sql`true`)).map((hit) => slugs.get(hit.paper)),
  fused: async (query) => (await search(library, query, { encoder: encode })).results.map((result) => result.slug),
};
const scores = [];
for (const { kind, half, query, relevant } of queries) {
  const relevance = new Map(relevant.map((slug) => [slug, 1]));
  const row = { kind, half, query };
  for (const [name, way] of Object.entries(ways)) row[name] = ndcg(await way(query), relevance, 10);
  scores.push(row);
  const best = Math.max(row.keyword, row.meaning);
  if (row.fused < 1 || row.fused < best) {
    console.error(
      `${half} ${kind}: "${query}" keyword ${row.keyword.toFixed(2)} meaning ${row.meaning.toFixed(2)} fused ${row.fused.toFixed(2)}`,
    );
  }
}

const mean = (numbers) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
const rows = [['half', 'kind', 'queries', ...Object.keys(ways)]];
for (const half of ['tune', 'report']) {
  for (const kind of [...new Set(queries.map((query) => query.kind)), 'all']) {
    const group = scores.filter((row) => row.half === half && (kind === 'all' || row.kind === kind));
    const values = Object.keys(ways).map((way) => mean(group.map((row) => row[way])).toFixed(3));
    rows.push([half, kind, String(group.length), ...values]);
  }
}
// Columns as wide as their widest cell, numbers to the right: as the formatter leaves it.
const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
const line = (cells) => `| ${cells.join(' | ')} |`;
const pad = (row) => row.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])));
const rule = widths.map((width, i) => (i < 2 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
const table = [line(pad(rows[0])), line(rule), ...rows.slice(1).map((row) => line(pad(row)))].join('\n');
console.log(table);
if (values.write) {
  const readme = await readFile(here('README.md'), 'utf8');
  const note = `Measured on ${new Date().toISOString().slice(0, 10)} on ${cpus()[0].model} with Node ${process.version}.`;
  const between = /(<!-- table -->\n)[\s\S]*(\n<!-- \/table -->)/;
  await writeFile(
    here('README.md'),
    readme.replace(between, (_, begin, end) => `${begin}${table}\n\n${note}${end}`),
  );
}
client.close();
await library.close();
encoder?.kill('SIGTERM');
await new Promise((resolve) => (encoder ? encoder.once('exit', resolve) : resolve()));
if (!values.data) await rm(dataFolder, { recursive: true, force: true });
