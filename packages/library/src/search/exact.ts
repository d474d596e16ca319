import { type SQL, sql } from 'drizzle-orm';
import type { Library } from '../database/open.ts';
import { compact, wordsOf } from '../text.ts';
import type { SearchResult } from '../types.ts';
import { recognise } from './recognise.ts';

export type Exact = NonNullable<SearchResult['exact']>;

/** Before all others, in this order. */
export const exactRank: Record<Exact, number> = { arxiv: 4, title: 3, name: 2, author: 1 };

/** A name of one word inside a longer query counts as meant when at most this many papers use the word. */
const rareWord = 3;

/** Runs of one to four words of the query, as names are stored, with the number of words in each. */
function runsOf(query: string): { name: string; words: number }[] {
  const words = wordsOf(query);
  const runs: { name: string; words: number }[] = [];
  for (let begin = 0; begin < words.length; begin++) {
    for (let end = begin + 1; end <= Math.min(words.length, begin + 4); end++) {
      runs.push({ name: words.slice(begin, end).join(''), words: end - begin });
    }
  }
  return runs;
}

/**
 * Papers that the query names outright: its arXiv id (also as a link), title, method or author; or a method's coined name among
 * other words. `frequencies` tells how many papers use each word of the query at all: a name that is everybody's word, or an
 * author's that is one, is not trusted.
 */
export async function findExact(
  library: Library,
  query: string,
  frequencies: ReadonlyMap<string, number>,
  filters: SQL,
): Promise<Map<number, Exact>> {
  const found = new Map<number, Exact>();
  const ids = [query, ...query.split(/\s+/)].map((part) => recognise(part)?.id).filter((id) => id !== undefined);
  const whole = compact(query);
  const reversed = wordsOf(query).reverse().join('');
  const runs = runsOf(query);
  const { rows } = await library.db.execute<{ name: string; kind: Exact; paper: number }>(sql`
    select n.name, n.kind, n.paper::int as paper
      from names n join papers p on p.id = n.paper left join registrations r on r.slug = p.registration
     where ${filters} and n.name = any(array(select jsonb_array_elements_text(
       ${JSON.stringify([...ids, whole, reversed, ...runs.map((run) => run.name)])}::jsonb)))`);
  const single = wordsOf(query).length === 1;
  for (const { name, kind, paper } of rows) {
    const isWhole = name === whole || (kind === 'author' && name === reversed);
    const count = frequencies.get(name) ?? 0;
    let meant: boolean;
    if (kind === 'arxiv') meant = ids.includes(name);
    else if (kind === 'title') meant = isWhole;
    else if (kind === 'author') meant = isWhole && (!single || count <= countOfAuthor(rows, name));
    else
      meant =
        isWhole || (name.length >= 3 && runs.some((run) => run.name === name && run.words === 1) && count <= rareWord);
    if (meant && exactRank[kind] > exactRank[found.get(paper) ?? 'author'] - (found.has(paper) ? 0 : 1)) {
      found.set(paper, kind);
    }
  }
  return found;
}

/** A surname is a word of the shelf once for each of its papers; more often, it is also something else. */
function countOfAuthor(rows: readonly { name: string; kind: Exact; paper: number }[], name: string): number {
  return new Set(rows.filter((row) => row.kind === 'author' && row.name === name).map((row) => row.paper)).size;
}
