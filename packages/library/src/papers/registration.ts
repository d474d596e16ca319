import { createHash } from 'node:crypto';
import type { PoolClient } from 'pg';
import type { Library } from '../database/open.ts';
import { transaction } from '../database/transaction.ts';
import { compact } from '../text.ts';
import type { PaperRegistration } from '../types.ts';
import { reindex } from './reindex.ts';

export interface RegistrationReport {
  /** Registrations that were new or different. */
  registered: number;
  /** Registrations that speak for a paper on the shelf. */
  matched: number;
  /** Slugs without a paper on the shelf. */
  unmatched: string[];
}

const hashOf = (registration: PaperRegistration) =>
  createHash('sha256').update(JSON.stringify(registration)).digest('hex');

/**
 * Tells the library what descriptors know: families, arXiv ids, authors, claims. Paper and registration meet on the title folded
 * to letters and digits, in whichever order they come; the paper then takes the registration's slug and keeps its old address.
 * One transaction; unchanged registrations cost one comparison. Registrations that are gone are removed, their papers stay.
 */
export async function registerPapers(
  library: Library,
  registrations: readonly PaperRegistration[],
): Promise<RegistrationReport> {
  const slugs = new Set<string>();
  for (const { slug } of registrations) {
    if (slugs.has(slug)) throw new Error(`Two descriptors have the slug "${slug}"; a slug belongs to one paper.`);
    slugs.add(slug);
  }
  const known = await library.pool.query<{ slug: string; hash: string }>('select slug, hash from registrations');
  const hashes = new Map(known.rows.map((row) => [row.slug, row.hash]));
  const changed = registrations.filter((registration) => hashes.get(registration.slug) !== hashOf(registration));
  const gone = known.rows.map((row) => row.slug).filter((slug) => !slugs.has(slug));
  if (changed.length > 0 || gone.length > 0) {
    await transaction(library.pool, async (client) => {
      await client.query('lock table papers in share row exclusive mode');
      const orphans = await client.query<{ id: number }>(
        'select id::int as id from papers where registration = any($1)',
        [gone],
      );
      await client.query('delete from registrations where slug = any($1)', [gone]);
      await write(client, changed);
      const met = await meet(
        client,
        changed.map((registration) => registration.slug),
      );
      await reindex(client, [...new Set([...met, ...orphans.rows.map((row) => row.id)])]);
    });
  }
  const matched = await library.pool.query<{ registration: string }>(
    'select registration from papers where registration is not null',
  );
  const found = new Set(matched.rows.map((row) => row.registration));
  return {
    registered: changed.length,
    matched: found.size,
    unmatched: [...slugs].filter((slug) => !found.has(slug)),
  };
}

async function write(client: PoolClient, registrations: readonly PaperRegistration[]): Promise<void> {
  const rows = registrations.map((registration) => ({
    links: [],
    remarks: [],
    plots: [],
    ...registration,
    key: compact(registration.title),
    hash: hashOf(registration),
    claims: undefined,
  }));
  await client.query(
    `insert into registrations (slug, family, title, title_key, arxiv, authors, date, links, offers, built, remarks, plots, hash)
     select slug, family, title, key, arxiv, authors, date, links, offers, built, remarks, plots, hash
       from jsonb_to_recordset($1) as r(slug text, family text, title text, key text, arxiv text, authors jsonb, date text,
                                        links jsonb, offers text, built boolean, remarks jsonb, plots jsonb, hash text)
     on conflict (slug) do update set family = excluded.family, title = excluded.title, title_key = excluded.title_key,
       arxiv = excluded.arxiv, authors = excluded.authors, date = excluded.date, links = excluded.links,
       offers = excluded.offers, built = excluded.built, remarks = excluded.remarks, plots = excluded.plots,
       hash = excluded.hash`,
    [JSON.stringify(rows)],
  );
  await client.query('delete from claims where slug = any($1)', [
    registrations.map((registration) => registration.slug),
  ]);
  const claims = registrations.flatMap((registration) =>
    registration.claims.map((claim, position) => ({
      ...claim,
      slug: registration.slug,
      position,
      shipped: claim.evidence,
    })),
  );
  await client.query(
    `insert into claims (slug, id, position, statement, measure, paper, quote, rule, note, shipped)
     select * from jsonb_to_recordset($1) as c(slug text, id text, position integer, statement text, measure text, paper jsonb,
                                               quote text, rule jsonb, note text, shipped jsonb)`,
    [JSON.stringify(claims)],
  );
}

/** Brings papers and registrations together and gives the ids of the papers that have to be indexed again. */
async function meet(client: PoolClient, slugs: string[]): Promise<number[]> {
  const { rows } = await client.query<{ id: number; old: string; slug: string; held: string | null }>(
    `select p.id::int as id, p.slug as old, r.slug, p.registration as held
       from registrations r join papers p on p.registration = r.slug or (p.registration is null and p.title_key = r.title_key)
      where r.slug = any($1)`,
    [slugs],
  );
  for (const { id, old, slug, held } of rows) {
    if (held === slug && old === slug) continue;
    await client.query('delete from former_slugs where slug = $1', [slug]);
    // A paper that came by the same slug through its title makes way.
    await client.query("update papers set slug = slug || '-' || id where slug = $2 and id <> $1", [id, slug]);
    await client.query('update papers set slug = $2, registration = $2 where id = $1', [id, slug]);
    if (old !== slug) {
      await client.query(
        'insert into former_slugs (slug, paper) values ($1, $2) on conflict (slug) do update set paper = excluded.paper',
        [old, id],
      );
    }
  }
  return rows.map((row) => row.id);
}
