import type { PoolClient } from 'pg';
import { wordsOf } from '../text.ts';
import { namesOf } from './names.ts';

interface Indexed {
  id: number;
  title: string;
  abstract: string;
  slug: string;
  registration: string | null;
  arxiv: string | null;
  offers: string | null;
  authors: string[];
  claims: string | null;
}

/** Folded words with blanks between, so that Postgres takes words apart as queries do (it would keep an address or 2404.09529 whole). */
const plain = (text: string) => wordsOf(text).join(' ');

/**
 * Writes what search reads of the given papers: the weighted document, the names, the words; then the shelf's vocabulary. Inside
 * the transaction of the import or registration that changed them, so that search never sees half of it.
 */
export async function reindex(client: PoolClient, papers: readonly number[]): Promise<void> {
  if (papers.length === 0) return;
  const { rows } = await client.query<Indexed>(
    `select p.id::int as id, p.title, p.abstract, p.slug, p.registration, r.arxiv, r.offers,
            coalesce(r.authors, '[]') as authors,
            (select string_agg(c.statement || ' ' || c.measure, ' ' order by c.position) from claims c where c.slug = r.slug) as claims
       from papers p left join registrations r on r.slug = p.registration
      where p.id = any($1)`,
    [papers],
  );
  const documents = rows.map((paper) => {
    const names = namesOf(paper);
    const named = `${paper.title} ${paper.registration ?? ''} ${paper.registration?.replaceAll('-', ' ') ?? ''}`;
    const shortNames = names.filter((name) => name.kind === 'name').map((name) => name.name);
    const people = `${paper.authors.join(' ')} ${paper.arxiv ?? ''}`;
    const claims = `${paper.offers ?? ''} ${paper.claims ?? ''}`;
    return {
      id: paper.id,
      names,
      a: plain(`${named} ${shortNames.join(' ')}`),
      b: plain(people),
      c: plain(claims),
      d: plain(paper.abstract),
      words: [...new Set(wordsOf(`${named} ${shortNames.join(' ')} ${people} ${claims} ${paper.abstract}`))].filter(
        (word) => word.length >= 3 && word.length <= 40,
      ),
    };
  });
  await client.query(
    `update papers p set
       document = setweight(to_tsvector('english', d.a), 'A') || setweight(to_tsvector('simple', d.b), 'B')
               || setweight(to_tsvector('english', d.c), 'C') || setweight(to_tsvector('english', d.d), 'D'),
       words = array(select jsonb_array_elements_text(d.words))
     from jsonb_to_recordset($1) as d(id bigint, a text, b text, c text, d text, words jsonb)
     where p.id = d.id`,
    [JSON.stringify(documents.map(({ names: _, ...document }) => document))],
  );
  await client.query('delete from names where paper = any($1)', [papers]);
  await client.query(
    `insert into names (name, kind, paper)
     select name, kind, paper from jsonb_to_recordset($1) as n(name text, kind text, paper bigint) on conflict do nothing`,
    [JSON.stringify(documents.flatMap(({ id, names }) => names.map((name) => ({ ...name, paper: id }))))],
  );
  await client.query('delete from words');
  await client.query('insert into words select word, count(*) from papers, unnest(words) as word group by word');
}
