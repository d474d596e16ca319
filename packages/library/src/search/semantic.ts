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

/**
 * Papers by meaning, best first. Compares with every passage, exactly: an approximate index finds too few once filters apply.
 */
export async function searchMeaning(library: Library, vector: Float32Array, filters: SQL): Promise<SemanticHit[]> {
  const literal = `[${Array.from(vector, (x) => x.toFixed(6)).join(',')}]`;
  const { rows } = await library.db.execute<SemanticHit & Record<string, unknown>>(sql`
    with near as (
      select e.paper, e.passage, e.text, 1 - (e.vector <=> ${literal}::vector) as cosine
        from embeddings e join papers p on p.id = e.paper left join registrations r on r.slug = p.registration
       where ${filters})
    select paper::int as paper, max(cosine) filter (where passage = 0) as whole,
           coalesce(max(cosine) filter (where passage > 0), max(cosine)) as best,
           (array_agg(text order by cosine desc) filter (where passage > 0))[1] as sentence
      from near group by paper having bool_or(passage = 0)
     order by ${wholeWeight}::float8 * max(cosine) filter (where passage = 0)
            + ${1 - wholeWeight}::float8 * coalesce(max(cosine) filter (where passage > 0), max(cosine)) desc, paper
     limit ${mostHits}`);
  return rows;
}
