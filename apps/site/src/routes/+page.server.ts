import { error } from '@sveltejs/kit';
import { families, type ListView, libraryStatus, listPapers } from '@working-papers/library';
import { thumbnailOf } from '$lib/server/plots.ts';
import { encoder } from '$lib/server/shelf.ts';
import type { PageServerLoad } from './$types';

const views: readonly ListView[] = ['latest', 'day', 'week', 'month'];

export const load: PageServerLoad = async ({ locals, url }) => {
  const library = await locals.shelf();
  const asked = url.searchParams.get('view') ?? 'latest';
  const view =
    views.find((known) => known === asked) ??
    error(400, `There is no view "${asked.slice(0, 40)}"; it is latest, day, week or month.`);
  const show = url.searchParams.get('show');
  const filters = {
    family: url.searchParams.get('family') ?? undefined,
    runsHere: show === 'runs-here' || undefined,
    commented: show === 'commented' || undefined,
  };
  const list = await listPapers(library, {
    view,
    ...filters,
    date: url.searchParams.get('date') ?? undefined,
    cursor: url.searchParams.get('cursor') ?? undefined,
    limit: 20,
  }).catch((problem) => {
    if (problem instanceof Error && problem.name === 'ListError') error(400, problem.message);
    throw problem;
  });
  const [every, running, commented, all, status, encoderStatus] = await Promise.all([
    families(library),
    listPapers(library, { view: 'latest', runsHere: true, limit: 12 }),
    listPapers(library, { view: 'latest', commented: true, limit: 1 }),
    listPapers(library, { view: 'latest', limit: 1 }),
    libraryStatus(library),
    encoder.status(),
  ]);
  const runsHere = running.groups.flatMap((group) => group.papers);
  const shown = [...list.groups.flatMap((group) => group.papers), ...runsHere].filter(
    (paper) => paper.plots.length > 0,
  );
  const thumbnails: Record<string, { light: string; dark: string }> = {};
  for (const { slug } of shown) {
    const thumbnail = await thumbnailOf(slug);
    if (thumbnail) thumbnails[slug] = thumbnail;
  }
  return {
    list,
    families: every,
    counts: { all: all.total, runsHere: running.total, commented: commented.total },
    // While fewer than a third of the shelf runs, what runs stands above it.
    runsHere:
      view === 'latest' && !filters.family && !show && !url.searchParams.has('cursor') && running.total * 3 < all.total
        ? runsHere
        : [],
    thumbnails,
    filters: { view, show, family: filters.family },
    papers: status.papers,
    encoder: encoderStatus,
  };
};
