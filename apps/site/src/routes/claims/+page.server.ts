import { listClaims } from '@working-papers/library';
import type { PageServerLoad } from './$types';

const verdicts = ['holds', 'partly', 'does not hold here', 'not tested'] as const;
const order = (verdict: string) => verdicts.indexOf(verdict as (typeof verdicts)[number]);
const pageSize = 100;

export const load: PageServerLoad = async ({ locals, url }) => {
  const all = await listClaims(await locals.shelf());
  const filters = {
    q: (url.searchParams.get('q') ?? '').slice(0, 200),
    verdict: url.searchParams.get('verdict') ?? '',
    family: url.searchParams.get('family') ?? '',
    sort: url.searchParams.get('sort') ?? 'paper',
  };
  const page = Math.max(1, Math.min(1000, Number(url.searchParams.get('page')) || 1));
  const words = filters.q.toLowerCase().split(/\s+/).filter(Boolean);
  const found = all.filter(
    (claim) =>
      (!filters.verdict || claim.verdict === filters.verdict) &&
      (!filters.family || claim.family === filters.family) &&
      words.every((word) =>
        `${claim.id} ${claim.title} ${claim.statement} ${claim.measure}`.toLowerCase().includes(word),
      ),
  );
  if (filters.sort === 'verdict') found.sort((a, b) => order(a.verdict) - order(b.verdict));
  if (filters.sort === 'measure') found.sort((a, b) => a.measure.localeCompare(b.measure));
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
    claims: found
      .slice((page - 1) * pageSize, page * pageSize)
      .map(({ slug, title, family, id, statement, measure, paper, verdict }) => ({
        slug,
        title,
        family,
        id,
        statement,
        measure,
        paper,
        verdict,
      })),
    tally: verdicts.map((verdict) => ({ verdict, count: all.filter((claim) => claim.verdict === verdict).length })),
    shelf: [...shelf].map(([family, papers]) => ({ family, papers: [...papers.values()] })),
    verdicts: [...verdicts],
  };
};
