import { type SQL, sql } from 'drizzle-orm';
import type { Library } from '../database/open.ts';

export interface SemanticHit {
  paper: number;
  /** Cosine between the query and the whole paper (title and abstract), and the best of its sentences. */
  whole: number;
  best: number;
  /** That sentence. */
  sentence: string | null;
}

/** How much the whole paper counts beside its best sentence; tuned with the fusion (eval/README.md). */
const wholeWeight = 0.8;

export const similarityOf = (hit: SemanticHit): number => wholeWeight * hit.whole + (1 - wholeWeight) * hit.best;

const mostHits = 500;

/** Papers whose sentences are compared: a paper further away as a whole would need a far nearer sentence to come up. */
const mostCompared = 1_000;

/**
 * Papers by meaning, best first: the nearest as a whole, exactly (an approximate index finds too few once filters apply), then
 * among them by their best sentence too. On a shelf of up to {@link mostCompared} papers every passage is compared.
 */
export async function searchMeaning(library: Library, vector: Float32Array, filters: SQL): Promise<SemanticHit[]> {
  const literal = `[${Array.from(vector, (x) => x.toFixed(6)).join(',')}]`;
  const { rows } = await library.db.execute<SemanticHit & Record<string, unknown>>(sql`
    with query as (select ${literal}::vector as vector),
    near as (
      select e.paper, 1 - (e.vector <=> (select vector from query)) as whole
        from embeddings e join papers p on p.id = e.paper left join registrations r on r.slug = p.registration
       where e.passage = 0 and ${filters} order by whole desc, e.paper limit ${mostCompared}),
    hits as (
      select n.paper, n.whole, coalesce(s.cosine, n.whole) as best, s.passage
        from near n left join lateral (
          select e.passage, 1 - (e.vector <=> (select vector from query)) as cosine
            from embeddings e where e.paper = n.paper and e.passage > 0 order by cosine desc, e.passage limit 1) s on true
       order by ${wholeWeight}::float8 * n.whole + ${1 - wholeWeight}::float8 * coalesce(s.cosine, n.whole) desc, n.paper
       limit ${mostHits})
    select h.paper::int as paper, h.whole, h.best, e.text as sentence
      from hits h left join embeddings e on e.paper = h.paper and e.passage = h.passage
     order by ${wholeWeight}::float8 * h.whole + ${1 - wholeWeight}::float8 * h.best desc, h.paper`);
  return rows;
}
