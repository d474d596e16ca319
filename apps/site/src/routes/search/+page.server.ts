import { error, redirect } from '@sveltejs/kit';
import { families, paperByArxiv, recognise, SearchError } from '@working-papers/library';
import { searchShelf } from '$lib/server/search.ts';
import type { PageServerLoad } from './$types';

const date = (text: string | null) => (text && /^\d{4}-\d{2}-\d{2}$/.test(text) ? text : undefined);
const pageSize = 20;

export const load: PageServerLoad = async ({ locals, url }) => {
  const library = await locals.shelf();
  const q = (url.searchParams.get('q') ?? '').trim();
  // A pasted link, DOI or id of arXiv opens its paper.
  const link = recognise(q);
  const known = link && (await paperByArxiv(library, link.id));
  if (known) redirect(303, `/papers/${known.slug}`);
  const page = Math.max(1, Math.min(50, Number(url.searchParams.get('page')) || 1));
  const filters = {
    family: url.searchParams.get('family') || undefined,
    from: date(url.searchParams.get('from')),
    to: date(url.searchParams.get('to')),
    runsHere: url.searchParams.get('runsHere') === 'true' || undefined,
  };
  const answer =
    q === ''
      ? undefined
      : await searchShelf(library, q, {
          ...filters,
          limit: pageSize,
          offset: (page - 1) * pageSize,
          encoder: locals.encode,
          waitMs: 3000,
        }).catch((problem) => {
          if (problem instanceof SearchError) error(400, problem.message);
          throw problem;
        });
  return { q, page, pageSize, filters, answer, families: (await families(library)).map(({ family }) => family) };
};
