import { type SQL, sql } from 'drizzle-orm';
import type { Library } from '../database/open.ts';

/** A word to look for: itself, or whatever begins with it. */
export interface Term {
  word: string;
  prefix?: boolean;
}

export interface KeywordHit {
  paper: number;
  /** Sum over the terms found of idf times how much the paper is about the term (0 to 1). */
  score: number;
  /** Sum of the idf of the terms found. */
  mass: number;
}

export interface KeywordAnswer {
  /** Best first, at most {@link mostHits}. */
  hits: KeywordHit[];
  /** Per term: papers that have it on the whole shelf; undefined for a word that says nothing ("the"). */
  frequencies: (number | undefined)[];
  /** The idf of a term: ln(1 + (N - n + 1/2) / (n + 1/2)). */
  idf: (number | undefined)[];
}

const mostHits = 500;

/** Weights of abstract, claims, people and identifiers, title and names. */
const weights = sql`'{0.25, 0.15, 0.8, 1.0}'::float4[]`;

/** Terms as Postgres queries: stemmed for texts or plain for names of people; null for words without meaning. */
export const tsqueryOf = sql`case
  when t.prefix then to_tsquery('simple', t.word || ':*')
  when numnode(plainto_tsquery('english', t.word)) = 0 then null
  else plainto_tsquery('english', t.word) || plainto_tsquery('simple', t.word) end`;

export const termTable = (terms: readonly Term[]): SQL =>
  sql`jsonb_to_recordset(${JSON.stringify(terms.map((term, i) => ({ i, word: term.word, prefix: term.prefix ?? false })))}::jsonb)
      as t(i integer, word text, prefix boolean)`;

/**
 * Papers that have any of the terms, by the words' rarity on the shelf and by where they stand. Postgres's own rank knows no
 * rarity, so each term is ranked by itself and weighted by its idf. (The limit on terms tells the planner how few they are, and
 * the offset keeps each one's papers a query of its own: it would otherwise read every document instead of the index.)
 */
export async function searchKeywords(library: Library, terms: readonly Term[], filters: SQL): Promise<KeywordAnswer> {
  if (terms.length === 0) return { hits: [], frequencies: [], idf: [] };
  const { rows } = await library.db.execute<{
    hits: KeywordHit[] | null;
    terms: { i: number; n: number; idf: number }[];
  }>(sql`
    with terms as (select t.i, ${tsqueryOf} as query from ${termTable(terms)} limit ${terms.length}),
    hits as (
      select t.i, p.id, p.registration, p.date, ts_rank(${weights}, p.document, t.query) as rank
        from terms t cross join lateral (select * from papers p where p.document @@ t.query offset 0) p),
    counted as (
      select t.i, (select count(*) from hits h where h.i = t.i) as n, (select count(*) from papers) as shelf
        from terms t where t.query is not null),
    rarity as (select i, n, ln(1 + (shelf - n + 0.5) / (n + 0.5)) as idf from counted),
    best as (
      select p.id as paper, sum(y.idf * p.rank / (p.rank + 0.15)) as score, sum(y.idf) as mass
        from hits p join rarity y on y.i = p.i left join registrations r on r.slug = p.registration
       where ${filters} group by p.id order by score desc, p.id limit ${mostHits})
    select (select json_agg(json_build_object('paper', paper, 'score', score, 'mass', mass) order by score desc, paper) from best) as hits,
           (select json_agg(json_build_object('i', i, 'n', n, 'idf', idf)) from rarity) as terms`);
  const answer: KeywordAnswer = {
    hits: rows[0]!.hits ?? [],
    frequencies: terms.map(() => undefined),
    idf: terms.map(() => undefined),
  };
  for (const { i, n, idf } of rows[0]!.terms ?? []) {
    answer.frequencies[i] = n;
    answer.idf[i] = idf;
  }
  return answer;
}
