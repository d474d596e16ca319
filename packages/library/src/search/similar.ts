import { sql } from 'drizzle-orm';
import type { Library } from '../database/open.ts';
import { selectSummaries } from '../papers/summary.ts';
import type { PaperSummary } from '../types.ts';

/** Papers like this one, nearest first: by embedding, or, while it has none, by the words they share (rare ones count more). */
export async function similarPapers(library: Library, slug: string, limit = 5): Promise<PaperSummary[]> {
  const count = Math.min(Math.max(1, Math.trunc(limit)), 100);
  const { rows } = await library.db.execute<{ paper: number }>(sql`
    select other.paper::int as paper
      from embeddings own join papers p on p.id = own.paper join embeddings other on other.passage = 0 and other.paper <> own.paper
     where p.slug = ${slug} and own.passage = 0 order by own.vector <=> other.vector, other.paper limit ${count}`);
  const ids = rows.length > 0 ? rows.map((row) => row.paper) : await byWords(library, slug, count);
  const order = JSON.stringify(ids);
  return selectSummaries(
    library,
    sql`p.id in (select jsonb_array_elements_text(${order}::jsonb)::bigint)`,
    sql`(select n from jsonb_array_elements_text(${order}::jsonb) with ordinality as o(id, n) where o.id::bigint = p.id)`,
    count,
  );
}

async function byWords(library: Library, slug: string, count: number): Promise<number[]> {
  const { rows } = await library.db.execute<{ paper: number }>(sql`
    select other.id::int as paper
      from papers own cross join lateral unnest(own.words) as shared
      join words w on w.word = shared and w.papers > 1
      join papers other on other.words @> array[shared] and other.id <> own.id
     where own.slug = ${slug}
     group by other.id order by sum(1.0 / w.papers) / sqrt(cardinality(other.words)) desc, other.id limit ${count}`);
  return rows.map((row) => row.paper);
}
