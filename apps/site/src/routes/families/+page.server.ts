import { listClaims, listPapers } from '@working-papers/library';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = async ({ locals }) => {
  const library = await locals.shelf();
  const [claims, list] = await Promise.all([listClaims(library), listPapers(library, { view: 'latest', limit: 100 })]);
  const families = new Map<
    string,
    { papers: number; built: number; claims: { verdict: (typeof claims)[number]['verdict'] }[] }
  >();
  for (const paper of list.groups.flatMap((group) => group.papers)) {
    const entry = families.get(paper.family ?? 'other') ?? { papers: 0, built: 0, claims: [] };
    families.set(paper.family ?? 'other', entry);
    entry.papers++;
    if (paper.built) entry.built++;
    entry.claims.push(...paper.claims.map(({ verdict }) => ({ verdict })));
  }
  return {
    families: [...families].map(([family, entry]) => ({ family, ...entry })).sort((a, b) => b.papers - a.papers),
  };
};
