import { type SQL, sql } from 'drizzle-orm';
import type { Library } from '../database/open.ts';
import { sentencesOf } from '../text.ts';
import type { ClaimMark, PaperSummary } from '../types.ts';

interface Row extends Record<string, unknown> {
  id: number;
  slug: string;
  title: string;
  abstract: string;
  date: string;
  authors: string[];
  author_count: number;
  comments: number;
  family: string | null;
  arxiv: string | null;
  offers: string | null;
  built: boolean;
  plots: string[];
  claims: ClaimMark[];
  runs: number;
}

/** The verdict of a claim `c`: recorded here, else shipped with the method, else none. */
export const verdictOf = sql`coalesce(
  (select e.verdict from evidence e where e.slug = c.slug and e.claim = c.id order by e.at desc, e.id desc limit 1),
  c.shipped ->> 'verdict', 'not tested')`;

/** Papers `p` (with their registration `r`) that meet `where`, as rows of a list. */
export async function selectSummaries(
  library: Library,
  where: SQL,
  order: SQL,
  limit: number,
): Promise<PaperSummary[]> {
  const { rows } = await library.db.execute<Row>(sql`
    select p.slug, p.title, p.abstract, p.date::text as date, coalesce(r.authors, '[]') as authors, p.author_count, p.comments,
           r.family, r.arxiv, r.offers, coalesce(r.built, false) as built, coalesce(r.plots, '[]') as plots,
           coalesce((select json_agg(json_build_object('id', c.id, 'statement', c.statement, 'verdict', ${verdictOf})
                                     order by c.position)
                       from claims c where c.slug = r.slug), '[]') as claims,
           (select count(*)::int from runs where runs.slug = p.slug and runs.status = 'done') as runs
      from papers p left join registrations r on r.slug = p.registration
     where ${where} order by ${order} limit ${limit}`);
  return rows.map(summaryOf);
}

function summaryOf(row: Row): PaperSummary {
  return {
    slug: row.slug,
    title: row.title,
    date: row.date,
    authors: row.authors,
    authorCount: row.author_count,
    comments: row.comments,
    ...(row.family !== null && { family: row.family }),
    ...(row.arxiv !== null && { arxiv: row.arxiv }),
    ...(row.offers !== null && { offers: row.offers }),
    built: row.built,
    opening: sentencesOf(row.abstract)[0] ?? '',
    claims: row.claims,
    runs: row.runs,
    plots: row.plots,
  };
}
