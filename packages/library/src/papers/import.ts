import type { PoolClient } from 'pg';
import type { Library } from '../database/open.ts';
import { transaction } from '../database/transaction.ts';
import { compact, slugify } from '../text.ts';
import type { ImportReport } from '../types.ts';
import { type PagePaper, parsePage } from './page.ts';
import { reindex } from './reindex.ts';

export interface ImportOptions {
  /** Where the page came from: a file name or an address. */
  source: string;
  now: Date;
}

interface Stored {
  id: number;
  slug: string;
  title: string;
  title_key: string;
  abstract: string;
  date: string;
  author_count: number;
  comments: number;
  version: number;
}

/**
 * Puts a Daily Papers page (as text) on the shelf, all that could be read of it in one transaction or nothing. Papers are known
 * again by their title, or by their abstract when they got another title; what changed becomes a new version. Safe to repeat, and
 * two imports at once wait for each other. Throws `PageError` with a sentence when the text is no such page.
 */
export async function importPage(
  library: Library,
  text: string,
  { source, now }: ImportOptions,
): Promise<ImportReport> {
  const { papers, unreadable } = parsePage(text);
  const report = await transaction(library.pool, async (client) => {
    await client.query('lock table papers in share row exclusive mode');
    const report: ImportReport = { imported: papers.length, added: [], changed: [], unchanged: 0, unreadable };
    const { rows } = await client.query<{ id: number }>(
      `insert into imports (source, at, imported, unchanged, added, changed, unreadable)
       values ($1, $2, $3, 0, '[]', '[]', $4) returning id::int as id`,
      [source.slice(0, 400), now, papers.length, JSON.stringify(unreadable)],
    );
    const importId = rows[0]!.id;
    const stored = await findStored(client, papers);
    const fresh: PagePaper[] = [];
    const written: number[] = [];
    for (const paper of papers) {
      const before = stored.byTitle.get(compact(paper.title)) ?? stored.byAbstract.get(paper.abstract);
      if (!before) {
        fresh.push(paper);
        continue;
      }
      const fields = changedFields(before, paper);
      if (fields.length === 0) {
        report.unchanged++;
        continue;
      }
      await change(client, before, paper, importId);
      report.changed.push({ slug: before.slug, title: paper.title, fields });
      written.push(before.id);
    }
    for (const { id, slug, title } of await add(client, fresh, importId)) {
      report.added.push({ slug, title });
      written.push(id);
    }
    await reindex(client, written);
    await client.query('update imports set unchanged = $2, added = $3, changed = $4 where id = $1', [
      importId,
      report.unchanged,
      JSON.stringify(report.added),
      JSON.stringify(report.changed),
    ]);
    return report;
  });
  // The embedded database gathers no statistics by itself, and plans badly without.
  if (report.added.length + report.changed.length > 0) await library.pool.query('analyze papers, names, words');
  return report;
}

/** An import that was made: when (ISO time), from what, and what it did. */
export interface PastImport {
  at: string;
  source: string;
  imported: number;
  added: number;
  changed: number;
  unreadable: number;
}

/** The latest imports, newest first, at most `limit`. */
export async function listImports(library: Library, limit = 20): Promise<PastImport[]> {
  const { rows } = await library.pool.query<Omit<PastImport, 'at'> & { at: Date }>(
    `select at, source, imported, jsonb_array_length(added) as added, jsonb_array_length(changed) as changed,
            jsonb_array_length(unreadable) as unreadable
       from imports order by at desc, id desc limit $1`,
    [limit],
  );
  return rows.map((row) => ({ ...row, at: row.at.toISOString() }));
}

async function findStored(client: PoolClient, papers: PagePaper[]) {
  const { rows } = await client.query<Stored>(
    `select id::int as id, slug, title, title_key, abstract, date::text as date, author_count, comments, version
       from papers where title_key = any($1) or abstract = any($2)`,
    [papers.map((paper) => compact(paper.title)), papers.map((paper) => paper.abstract)],
  );
  const onPage = new Set(papers.map((paper) => compact(paper.title)));
  return {
    byTitle: new Map(rows.map((row) => [row.title_key, row])),
    // A paper whose own title is on the page as well was not renamed.
    byAbstract: new Map(rows.filter((row) => !onPage.has(row.title_key)).map((row) => [row.abstract, row])),
  };
}

function changedFields(before: Stored, paper: PagePaper): string[] {
  return [
    before.title !== paper.title && 'title',
    before.abstract !== paper.abstract && 'abstract',
    before.date !== paper.date && 'date',
    before.author_count !== paper.authorCount && 'authors',
    before.comments !== paper.comments && 'comments',
  ].filter((field) => field !== false);
}

async function change(client: PoolClient, before: Stored, paper: PagePaper, importId: number): Promise<void> {
  await client.query(
    `update papers set title = $2, title_key = $3, abstract = $4, date = $5, author_count = $6, comments = $7, links = $8,
       version = $9 where id = $1`,
    [
      before.id,
      paper.title,
      compact(paper.title),
      paper.abstract,
      paper.date,
      paper.authorCount,
      paper.comments,
      JSON.stringify(paper.links),
      before.version + 1,
    ],
  );
  await client.query(`${insertVersions} where id = any($1)`, [[before.id], importId]);
  if (before.title !== paper.title || before.abstract !== paper.abstract) {
    await client.query('delete from embeddings where paper = $1', [before.id]);
  }
}

const insertVersions = `insert into versions (paper, version, title, abstract, date, author_count, comments, import)
  select id, version, title, abstract, date, author_count, comments, $2 from papers`;

async function add(client: PoolClient, papers: PagePaper[], importId: number) {
  if (papers.length === 0) return [];
  const keys = papers.map((paper) => compact(paper.title));
  const registered = await client.query<{ slug: string; title_key: string }>(
    `select slug, title_key from registrations r where title_key = any($1)
       and not exists (select 1 from papers p where p.registration = r.slug)`,
    [keys],
  );
  const slugOf = new Map(registered.rows.map((row) => [row.title_key, row.slug]));
  const taken = await client.query<{ slug: string }>(
    'select slug from papers union select slug from former_slugs union select slug from registrations',
  );
  const used = new Set(taken.rows.map((row) => row.slug));
  const rows = papers.map((paper, i) => {
    const registration = slugOf.get(keys[i]!);
    const slug = registration ?? unused(slugify(paper.title), used);
    used.add(slug);
    return { ...paper, slug, registration, key: keys[i]! };
  });
  const inserted = await client.query<{ id: number; slug: string; title: string }>(
    `insert into papers (slug, registration, title, title_key, abstract, date, author_count, comments, links, added_by)
     select slug, registration, title, key, abstract, date, "authorCount", comments, links, $2
       from jsonb_to_recordset($1) as p(slug text, registration text, title text, key text, abstract text, date date,
                                        "authorCount" integer, comments integer, links jsonb)
     returning id::int as id, slug, title`,
    [JSON.stringify(rows), importId],
  );
  await client.query(`${insertVersions} where id = any($1)`, [inserted.rows.map((row) => row.id), importId]);
  return inserted.rows;
}

/** The slug itself, else with the first number from 2 that makes it new. */
function unused(slug: string, used: ReadonlySet<string>): string {
  if (!used.has(slug)) return slug;
  for (let n = 2; ; n++) if (!used.has(`${slug}-${n}`)) return `${slug}-${n}`;
}
