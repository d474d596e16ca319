import { getTableColumns, getTableName } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Library } from './database/open.ts';
import { libraryStatus } from './database/open.ts';
import { type Embed, fillEmbeddings } from './encoder/fill.ts';
import { citation } from './papers/citation.ts';
import { families, getPaper, listClaims, paperByArxiv } from './papers/detail.ts';
import { importPage, listImports } from './papers/import.ts';
import { ListError, listPapers } from './papers/list.ts';
import { parsePage } from './papers/page.ts';
import { registerPapers } from './papers/registration.ts';
import * as schema from './schema.ts';
import { SearchError } from './search/filters.ts';
import { search } from './search/search.ts';
import { similarPapers } from './search/similar.ts';
import { embeddedDatabase, endServer, serverDatabase, type TestDatabase } from './testing/databases.ts';
import { foundingPage, hashEncoder, hashVector, registrations } from './testing/shelf.ts';
import type { PaperRegistration } from './types.ts';

const now = new Date('2026-01-02T03:04:05Z');
const seed = { source: 'seed/daily-papers.txt', now };
const hashEmbed: Embed = async (texts) => texts.map(hashVector);
const slugsOf = (list: { groups: { papers: { slug: string }[] }[] }) =>
  list.groups.flatMap((group) => group.papers.map((paper) => paper.slug));

const withClaims: PaperRegistration[] = registrations.map((registration) =>
  registration.slug !== 'prepacking'
    ? registration
    : {
        ...registration,
        offers: 'Batches of prompts of uneven length, prefilled without padding.',
        links: [{ label: 'arXiv', url: 'https://arxiv.org/abs/2404.09529', by: 'authors' }],
        claims: [
          {
            id: 'PRE-1',
            statement: 'Prefilling is faster.',
            measure: 'time to first token',
            paper: { value: 'up to 6x', source: 'paper' },
            evidence: { verdict: 'partly' },
          },
          {
            id: 'PRE-2',
            statement: 'The cache is the same.',
            measure: 'largest difference',
            paper: { value: 'equal', source: 'paper' },
            rule: { stage: 'exact', values: { difference: 'absolute' }, holds: 'difference <= 0.001' },
          },
        ],
      },
);

for (const [kind, make] of [
  ['the embedded database', embeddedDatabase],
  ['a Postgres server', serverDatabase],
] as const) {
  let missing: string | undefined;
  let database: TestDatabase;
  let library: Library;

  describe(`library on ${kind}`, () => {
    beforeAll(async () => {
      try {
        database = await make();
      } catch (error) {
        missing = (error as Error).message;
        return;
      }
      library = await database.open();
    });
    afterAll(async () => {
      await library?.close();
      await database?.remove();
      if (kind === 'a Postgres server') await endServer();
    });
    const test = (name: string, body: () => Promise<void>) =>
      it(name, async (context) => {
        if (missing) context.skip(`no server: ${missing}`);
        await body();
      });

    describe('imports', () => {
      test('puts the founding page on the shelf, two imports at once', async () => {
        const reports = await Promise.all([
          importPage(library, foundingPage, seed),
          importPage(library, foundingPage, seed),
        ]);
        expect(reports.map((report) => report.added.length).sort()).toEqual([0, 51]);
        expect(reports.map((report) => report.unchanged).sort()).toEqual([0, 51]);
        expect((await libraryStatus(library)).papers).toBe(51);
        for (const paper of parsePage(foundingPage).papers) {
          const slug = reports.flatMap((report) => report.added).find((added) => added.title === paper.title)!.slug;
          const { title, abstract, authorCount, date, comments, links } = (await getPaper(library, slug))!;
          const { line: _, ...expected } = paper;
          expect({ title, abstract, authorCount, date, comments, links }).toEqual(expected);
        }
      });

      test('meets the descriptors, which give slugs, and keeps the old addresses', async () => {
        const old = 'prepacking-a-simple-method-for-fast-prefilling-and-increased';
        expect((await getPaper(library, old))?.slug).toBe(old);
        expect(await registerPapers(library, withClaims)).toEqual({ registered: 51, matched: 51, unmatched: [] });
        expect(await registerPapers(library, withClaims)).toEqual({ registered: 0, matched: 51, unmatched: [] });
        expect((await getPaper(library, old))?.slug).toBe('prepacking');
        expect((await paperByArxiv(library, '2404.09529v3'))?.slug).toBe('prepacking');
        expect((await families(library)).reduce((sum, family) => sum + family.papers, 0)).toBe(51);
      });

      test('tells what changed, keeps the version before, and goes back', async () => {
        const changed = foundingPage
          .replace('Apr 15, 2024\n\nCounting', 'Apr 15, 2024 7\n\nCounting')
          .replace('a bin-packing algorithm. It then', 'a bin-packing algorithm, first fit. It then');
        const report = await importPage(library, changed, { source: 'later', now });
        expect(report).toMatchObject({ added: [], unchanged: 50, imported: 51 });
        expect(report.changed).toEqual([
          { slug: 'prepacking', title: expect.any(String), fields: ['abstract', 'comments'] },
        ]);
        const paper = (await getPaper(library, 'prepacking'))!;
        expect(paper.comments).toBe(7);
        expect(paper.abstract).toContain('first fit');
        expect(paper.versions.map((version) => [version.version, version.comments])).toEqual([
          [2, 7],
          [1, 0],
        ]);
        expect(paper.versions[0]!.seenAt).toBe('2026-01-02T03:04:05Z');
        expect((await importPage(library, foundingPage, seed)).changed).toHaveLength(1);
        expect(await listImports(library, 2)).toEqual([
          { at: now.toISOString(), source: seed.source, imported: 51, added: 0, changed: 1, unreadable: 0 },
          expect.objectContaining({ source: 'later' }),
        ]);
        expect((await getPaper(library, 'prepacking'))?.abstract).not.toContain('first fit');
      });

      test('knows a renamed paper by its abstract', async () => {
        const renamed = foundingPage.replace('\nLizard: An Efficient', '\nLizard: A Very Efficient');
        const report = await importPage(library, renamed, { source: 'renamed', now });
        expect(report.changed).toMatchObject([{ slug: 'lizard', fields: ['title'] }]);
        await importPage(library, foundingPage, seed);
      });

      test('leaves everything as it was when the page is no page', async () => {
        const before = await listPapers(library, { view: 'latest', limit: 100 });
        await expect(importPage(library, 'Dear all,\n\nno papers today.', seed)).rejects.toThrow(
          'not a Daily Papers page',
        );
        await expect(importPage(library, 'z'.repeat(10_000_000), seed)).rejects.toThrow('10,000,000 characters');
        expect(await listPapers(library, { view: 'latest', limit: 100 })).toEqual(before);
      });
    });

    describe('lists', () => {
      test('goes through the whole shelf by pages, there and back', async () => {
        const whole = await listPapers(library, { view: 'latest', limit: 100 });
        expect(whole.total).toBe(51);
        expect(whole.groups.map((group) => group.date)).toEqual(
          [...new Set(parsePage(foundingPage).papers.map((paper) => paper.date))].sort().reverse(),
        );
        const seen: string[] = [];
        let page = await listPapers(library, { view: 'latest', limit: 20 });
        const first = slugsOf(page);
        expect(page.previous).toBeUndefined();
        for (;;) {
          seen.push(...slugsOf(page));
          if (!page.next) break;
          page = await listPapers(library, { view: 'latest', limit: 20, cursor: page.next });
        }
        expect(seen).toEqual(slugsOf(whole));
        page = await listPapers(library, { view: 'latest', limit: 20, cursor: page.previous! });
        page = await listPapers(library, { view: 'latest', limit: 20, cursor: page.previous! });
        expect(slugsOf(page)).toEqual(first);
      });

      test('gives days, weeks and months with their neighbours', async () => {
        const day = await listPapers(library, { view: 'day', date: '2024-05-09' });
        expect(slugsOf(day)).toEqual(['hmt']);
        expect([day.previous, day.next]).toEqual(['2024-05-02', '2024-05-10']);
        const week = await listPapers(library, { view: 'week', date: '2024-05-12' });
        expect([week.from, week.to, ...slugsOf(week)]).toEqual(['2024-05-06', '2024-05-12', 'dp-dylora', 'hmt']);
        const month = await listPapers(library, { view: 'month', date: '2024-02' });
        expect([month.from, month.to]).toEqual(['2024-02-01', '2024-02-29']);
        expect(slugsOf(month)).toEqual(['arabiangpt', 'compression-survey', 'fnspid']);
        const empty = await listPapers(library, { view: 'day', date: '2030-01-01' });
        expect([empty.total, empty.previous, empty.next]).toEqual([0, '2025-11-25', undefined]);
        expect(slugsOf(await listPapers(library, { view: 'day' }))).toEqual(['gec-prompting']);
      });

      test('filters and refuses what means nothing', async () => {
        const runs = await listPapers(library, { view: 'latest', runsHere: true });
        expect(slugsOf(runs).sort()).toEqual(['moral-direction', 'prepacking']);
        expect((await listPapers(library, { view: 'latest', commented: true })).total).toBe(10);
        expect((await listPapers(library, { view: 'latest', family: 'science' })).total).toBe(3);
        for (const bad of [{ date: '2024-02-30' }, { date: 'today' }]) {
          await expect(listPapers(library, { view: 'day', ...bad })).rejects.toThrow(ListError);
        }
        await expect(listPapers(library, { view: 'latest', cursor: "x' or 1=1" })).rejects.toThrow('no cursor');
        await expect(listPapers(library, { view: 'latest', limit: 101 })).rejects.toThrow('1 to 100');
      });

      test('shows strips: what was recorded here before what shipped', async () => {
        const verdicts = async () => (await getPaper(library, 'prepacking'))!.claims.map((claim) => claim.verdict);
        expect(await verdicts()).toEqual(['partly', 'not tested']);
        await library.pool.query(
          `insert into evidence (slug, claim, stage, verdict, "values") values ('prepacking', 'PRE-2', 'exact', 'holds', '{}')`,
        );
        expect(await verdicts()).toEqual(['partly', 'holds']);
        const row = slugsOf(await listPapers(library, { view: 'day', date: '2024-04-15' }));
        expect(row).toEqual(['prepacking']);
        expect(await listClaims(library)).toMatchObject([
          { slug: 'prepacking', id: 'PRE-1', verdict: 'partly' },
          { slug: 'prepacking', id: 'PRE-2', verdict: 'holds', recorded: { stage: 'exact' } },
        ]);
      });
    });

    describe('search', () => {
      const first = async (query: string, options = {}) => (await search(library, query, options)).results[0];

      test('finds names, identifiers, links and authors first, by keyword alone', async () => {
        expect(await first('Prepacking')).toMatchObject({ slug: 'prepacking', exact: 'name' });
        expect(await first('lm infinite')).toMatchObject({ slug: 'lm-infinite', exact: 'name' });
        expect(await first('https://huggingface.co/papers/2310.16450')).toMatchObject({ slug: 'clex', exact: 'arxiv' });
        expect(await first('Schramowski')).toMatchObject({ slug: 'moral-direction', exact: 'author' });
        expect(await first('Dong Gaochen')).toMatchObject({ slug: 'bct', exact: 'author' });
        expect(await first('how large language models are designed to hallucinate')).toMatchObject({ exact: 'title' });
        expect(await search(library, '1706.03762')).toMatchObject({ results: [], total: 0, arxiv: '1706.03762' });
      });

      test('reads misspelt and accented words as the shelf spells them', async () => {
        expect(await search(library, 'prepakcing')).toMatchObject({
          corrected: [{ from: 'prepakcing', to: 'prepacking' }],
          results: [{ slug: 'prepacking' }],
        });
        expect(await first('Prepäcking')).toMatchObject({ slug: 'prepacking' });
        expect(await first('Schramovski')).toMatchObject({ slug: 'moral-direction' });
        expect(await first('minlm')).toMatchObject({ slug: 'minilm' });
        const slow = { ...library, trigram: false };
        expect((await search(slow, 'halucination')).results[0]).toMatchObject({ slug: 'designed-to-hallucinate' });
      });

      test('finishes a word that is being typed', async () => {
        expect(await first('prepa')).toMatchObject({ slug: 'prepacking' });
      });

      test('marks the matched words of the matched sentence', async () => {
        const { snippet } = (await first('passkey retrieval speedup'))!;
        expect(snippet.replace(/\[\[|\]\]/g, '')).toMatch(/speedup|passkey/);
        expect(snippet).toMatch(/\[\[\w+\]\]/);
      });

      test('says that it goes by keyword, and why', async () => {
        expect(await search(library, 'attention')).toMatchObject({
          mode: 'keyword',
          reason: expect.stringContaining('No encoder'),
        });
        expect(await search(library, 'attention', { encoder: hashEncoder })).toMatchObject({
          mode: 'keyword',
          reason: 'Only 0 of 51 papers have their embedding yet, so search goes by keyword.',
        });
        const late = await search(library, 'attention', { encoder: () => new Promise(() => {}), waitMs: 20 });
        expect(late).toMatchObject({ mode: 'keyword', reason: expect.stringContaining('longer than 20 ms') });
        const broken = await search(library, 'attention', { encoder: () => Promise.reject(new Error('It is away.')) });
        expect(broken).toMatchObject({ mode: 'keyword', reason: expect.stringContaining('It is away.') });
        const blank = await search(library, 'attention', { encoder: async () => new Float32Array(384) });
        expect(blank).toMatchObject({ mode: 'keyword', reason: expect.stringContaining('finds no meaning') });
      });

      test('goes by meaning once the papers have embeddings', async () => {
        expect(await similarPapers(library, 'lm-infinite', 3)).toHaveLength(3);
        expect(await fillEmbeddings(library, hashEmbed, { model: 'hash' })).toBe(102);
        expect(await fillEmbeddings(library, hashEmbed, { model: 'hash' })).toBe(0);
        const query = 'make batches of prompts of uneven length faster';
        const answer = await search(library, query, { encoder: hashEncoder });
        expect(answer.mode).toBe('fused');
        expect(answer.results[0]?.slug).toBe('prepacking');
        expect(answer.reason).toBeUndefined();
        // The nearest paper by the cosine of whole papers, computed here.
        const whole = parsePage(foundingPage).papers.map(({ title, abstract }) => ({
          title,
          vector: hashVector(`${title}. ${abstract}`),
        }));
        const own = whole.find((paper) => paper.title.startsWith('LM-Infinite'))!;
        const cosine = (other: Float32Array) => other.reduce((sum, x, i) => sum + x * own.vector[i]!, 0);
        const others = whole.filter((paper) => paper !== own).sort((a, b) => cosine(b.vector) - cosine(a.vector));
        expect((await similarPapers(library, 'lm-infinite', 3)).map((paper) => paper.title)).toEqual(
          others.slice(0, 3).map((paper) => paper.title),
        );
      });

      test('filters by date, family and what runs here', async () => {
        const options = { encoder: hashEncoder, limit: 100 };
        const all = await search(library, 'large language models', options);
        expect(all.total).toBeGreaterThan(20);
        const some = await search(library, 'large language models', {
          ...options,
          from: '2024-01-01',
          to: '2024-12-31',
        });
        expect(some.results.every((result) => result.date.startsWith('2024'))).toBe(true);
        const runs = await search(library, 'large language models', { ...options, runsHere: true });
        expect(runs.results.map((result) => result.slug).sort()).toEqual(['moral-direction', 'prepacking']);
        const pages = await Promise.all(
          [0, 10].map((offset) => search(library, 'large language models', { ...options, limit: 10, offset })),
        );
        expect(pages.flatMap((page) => page.results)).toEqual(all.results.slice(0, 20));
      });

      test('offers the nearest papers when nothing matches, and says so', async () => {
        const answer = await search(library, 'attentive kangaroo zoology marsupial habitat', { encoder: hashEncoder });
        expect(answer.near).toBe(true);
        expect(answer.results.length).toBeGreaterThan(0);
      });

      test('bounds its input and refuses what means nothing', async () => {
        expect(await search(library, 'attention '.repeat(100))).toMatchObject({ truncated: true });
        expect(await search(library, `!!! ' " \\ : & | ( \u0000 *`)).toMatchObject({ results: [], total: 0 });
        for (const odd of ["'; drop table papers; --", 'a:*', '<->', 'x & !y', '%', '𝔘𝔫𝔦𝔠𝔬𝔡𝔢', '注意力']) {
          await search(library, odd, { encoder: hashEncoder });
        }
        expect((await libraryStatus(library)).papers).toBe(51);
        await expect(search(library, 'x', { limit: 1000 })).rejects.toThrow(SearchError);
        await expect(search(library, 'x', { from: 'May' })).rejects.toThrow(SearchError);
      });

      test('forgets the embeddings of an abstract that changed', async () => {
        await importPage(library, foundingPage.replace('We propose Lizard,', 'Here we propose Lizard,'), {
          source: 'x',
          now,
        });
        expect(await libraryStatus(library)).toMatchObject({ papers: 51, embedded: 50 });
        expect(await fillEmbeddings(library, hashEmbed, { model: 'hash' })).toBe(2);
        // Another model's embeddings replace all.
        expect(await fillEmbeddings(library, hashEmbed, { model: 'another' })).toBe(102);
      });
    });

    test('has the columns that Drizzle believes in', async () => {
      const { rows } = await library.pool.query<{ table: string; column: string; required: boolean }>(
        `select table_name as table, column_name as column, is_nullable = 'NO' as required from information_schema.columns
          where table_schema = 'public' and table_name <> 'migrations'`,
      );
      const line = (table: string, column: string, required: boolean) =>
        `${table}.${column}${required ? ' required' : ''}`;
      const believed = Object.values(schema).flatMap((table) =>
        Object.values(getTableColumns(table)).map((column) => line(getTableName(table), column.name, column.notNull)),
      );
      expect(believed.sort()).toEqual(rows.map((row) => line(row.table, row.column, row.required)).sort());
    });

    test('cites', async () => {
      const paper = (await getPaper(library, 'bct'))!;
      expect(citation(paper, 'bibtex')).toContain('author = {Gaochen Dong and Wei Chen}');
      expect(citation(paper, 'ris')).toMatch(
        /^TY {2}- PREP\r\nTI {2}- Blockwise[\s\S]*AU {2}- Wei Chen[\s\S]*ER {2}- \r\n$/,
      );
    });
  });
}
