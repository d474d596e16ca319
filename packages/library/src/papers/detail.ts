import { sql } from 'drizzle-orm';
import type { Library } from '../database/open.ts';
import type { PaperClaim, PaperDetail, PaperLink, PaperSummary, PaperVersion } from '../types.ts';
import { selectSummaries } from './summary.ts';

interface Row extends Record<string, unknown> {
  abstract: string;
  found: PaperLink[];
  registered: PaperLink[];
  remarks: string[];
  claims: ClaimRow[];
  versions: PaperVersion[];
}

type ClaimRow = Omit<PaperClaim, 'verdict'> & { verdict: PaperClaim['verdict'] | null };

const recordedEvidence = sql`(select to_jsonb(e) - 'id' from evidence e where e.slug = c.slug and e.claim = c.id
  order by e.at desc, e.id desc limit 1)`;
const claimObject = sql`json_build_object('id', c.id, 'position', c.position, 'statement', c.statement, 'measure', c.measure,
  'paper', c.paper, 'quote', c.quote, 'rule', c.rule, 'note', c.note, 'shipped', c.shipped, 'recorded', ${recordedEvidence})`;

/** Leaves out what is null, and gives the verdict: recorded here, else shipped, else none. */
function claimOf(row: ClaimRow): PaperClaim {
  const claim = Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)) as unknown as PaperClaim;
  const verdict = claim.recorded?.verdict ?? claim.shipped?.verdict ?? 'not tested';
  return { ...claim, verdict };
}

/** A paper with everything its page shows, by its slug or one it had before (compare `slug`); undefined when unknown. */
export async function getPaper(library: Library, slug: string): Promise<PaperDetail | undefined> {
  const wanted = sql`(p.slug = ${slug} or p.id = (select f.paper from former_slugs f where f.slug = ${slug}))`;
  // Should both exist, the paper that has the slug now is meant.
  const [summary] = await selectSummaries(library, wanted, sql`(p.slug = ${slug}) desc`, 1);
  return summary && complete(library, summary);
}

/** The paper of an arXiv id; a version suffix ("v2") is ignored. */
export async function paperByArxiv(library: Library, id: string): Promise<PaperDetail | undefined> {
  const [summary] = await selectSummaries(library, sql`r.arxiv = ${id.replace(/v\d+$/, '')}`, sql`p.id`, 1);
  return summary && complete(library, summary);
}

async function complete(library: Library, summary: PaperSummary): Promise<PaperDetail> {
  const { rows } = await library.db.execute<Row>(sql`
    select p.abstract, p.links as found, coalesce(r.links, '[]') as registered, coalesce(r.remarks, '[]') as remarks,
           coalesce((select json_agg(${claimObject} order by c.position) from claims c where c.slug = r.slug), '[]') as claims,
           (select json_agg(json_build_object('version', v.version, 'title', v.title, 'abstract', v.abstract, 'date', v.date,
                      'authorCount', v.author_count, 'comments', v.comments,
                      'seenAt', to_char(i.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')) order by v.version desc)
              from versions v join imports i on i.id = v.import where v.paper = p.id) as versions
      from papers p left join registrations r on r.slug = p.registration where p.slug = ${summary.slug}`);
  const row = rows[0]!;
  const links = new Map([...row.registered, ...row.found].map((link) => [link.url.replace(/\/$/, ''), link] as const));
  return {
    ...summary,
    abstract: row.abstract,
    links: [...links.values()],
    claims: row.claims.map(claimOf),
    remarks: row.remarks,
    versions: row.versions,
  };
}

export interface LedgerClaim extends PaperClaim {
  slug: string;
  title: string;
  family: string;
}

/** Every claim of every paper on the shelf, by family, title and position. */
export async function listClaims(library: Library): Promise<LedgerClaim[]> {
  const { rows } = await library.db.execute<{ slug: string; title: string; family: string; claim: ClaimRow }>(sql`
    select p.slug, p.title, r.family, ${claimObject} as claim
      from claims c join registrations r on r.slug = c.slug join papers p on p.registration = r.slug
     order by r.family, p.title, c.position`);
  return rows.map(({ claim, ...paper }) => ({ ...paper, ...claimOf(claim) }));
}

/** The families on the shelf with their papers and how many of them run here. */
export async function families(library: Library): Promise<{ family: string; papers: number; built: number }[]> {
  const { rows } = await library.db.execute<{ family: string; papers: number; built: number }>(sql`
    select r.family, count(*)::int as papers, count(*) filter (where r.built)::int as built
      from papers p join registrations r on r.slug = p.registration group by r.family order by r.family`);
  return rows;
}
