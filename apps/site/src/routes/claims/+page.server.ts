import { type LedgerClaim, listClaims } from '@working-papers/library';
import { loadDescriptors } from '@working-papers/methods';
import type { ClaimEvidence, Rule, Value } from '@working-papers/methods/contract';
import { inRuleOrder, spaced } from '$lib/values.ts';
import type { PageServerLoad } from './$types';

const verdicts = ['holds', 'partly', 'does not hold here', 'not tested'] as const;
const order = (verdict: string) => verdicts.indexOf(verdict as (typeof verdicts)[number]);
const pageSize = 100;

interface NamedValue extends Value {
  name: string;
}

interface Here {
  /** The value that the verdict is about. */
  value?: NamedValue;
  why?: string;
  models: string[];
  date?: string;
}

/** What was measured here: of the recorded evidence if there is one, else of what ships with the method. */
function hereOf(claim: LedgerClaim, rule: Rule | undefined): Here {
  const evidence = (claim.recorded ?? claim.shipped) as (Partial<ClaimEvidence> & { at?: string }) | undefined;
  const first = inRuleOrder(rule, evidence?.values)[0];
  return {
    value: first && { name: spaced(first[0]), ...first[1] },
    why: claim.verdict === 'not tested' ? (evidence?.note ?? claim.note) : undefined,
    models: [...new Set((evidence?.models ?? []).map(({ reference }) => reference))],
    date: (evidence?.date ?? evidence?.at)?.slice(0, 10),
  };
}

export const load: PageServerLoad = async ({ locals, url }) => {
  const rules = new Map(
    (await loadDescriptors()).flatMap(({ slug, claims }) => claims.map(({ id, rule }) => [`${slug}/${id}`, rule])),
  );
  const all = (await listClaims(await locals.shelf())).map((claim) => ({
    ...claim,
    here: hereOf(claim, rules.get(`${claim.slug}/${claim.id}`)),
  }));
  const filters = {
    q: (url.searchParams.get('q') ?? '').slice(0, 200),
    verdict: url.searchParams.get('verdict') ?? '',
    family: url.searchParams.get('family') ?? '',
    model: (url.searchParams.get('model') ?? '').slice(0, 200),
    sort: url.searchParams.get('sort') ?? 'paper',
  };
  const page = Math.max(1, Math.min(1000, Number(url.searchParams.get('page')) || 1));
  const words = filters.q.toLowerCase().split(/\s+/).filter(Boolean);
  const found = all.filter(
    (claim) =>
      (!filters.verdict || claim.verdict === filters.verdict) &&
      (!filters.family || claim.family === filters.family) &&
      (!filters.model || claim.here.models.includes(filters.model)) &&
      words.every((word) =>
        `${claim.id} ${claim.title} ${claim.statement} ${claim.measure}`.toLowerCase().includes(word),
      ),
  );
  if (filters.sort === 'verdict') found.sort((a, b) => order(a.verdict) - order(b.verdict));
  if (filters.sort === 'measure') found.sort((a, b) => a.measure.localeCompare(b.measure));
  if (filters.sort === 'measured') found.sort((a, b) => (b.here.date ?? '').localeCompare(a.here.date ?? ''));
  const shelf = new Map<
    string,
    Map<string, { slug: string; title: string; claims: { verdict: (typeof all)[number]['verdict'] }[] }>
  >();
  for (const { family, slug, title, verdict } of all) {
    const name = family ?? 'other';
    const papers = shelf.get(name) ?? new Map();
    shelf.set(name, papers);
    const paper = papers.get(slug) ?? { slug, title, claims: [] };
    papers.set(slug, paper);
    paper.claims.push({ verdict });
  }
  return {
    filters,
    page,
    pages: Math.max(1, Math.ceil(found.length / pageSize)),
    found: found.length,
    claims: found.slice((page - 1) * pageSize, page * pageSize).map((claim) => ({
      slug: claim.slug,
      title: claim.title,
      id: claim.id,
      statement: claim.statement,
      paper: claim.paper,
      verdict: claim.verdict,
      ...claim.here,
    })),
    tally: verdicts.map((verdict) => ({ verdict, count: all.filter((claim) => claim.verdict === verdict).length })),
    shelf: [...shelf].map(([family, papers]) => ({ family, papers: [...papers.values()] })),
    verdicts: [...verdicts],
    models: [...new Set(all.flatMap((claim) => claim.here.models))].sort(),
  };
};
