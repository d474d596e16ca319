import { error } from '@sveltejs/kit';
import { getPaper } from '@working-papers/library';
import { evidenceFor, methodOf } from '$lib/server/papers.ts';
import { paperPreview, previewResponse } from '$lib/server/preview.ts';
import type { RequestHandler } from './$types';

export const GET: RequestHandler = async ({ params, locals, request }) => {
  const library = await locals.shelf();
  const paper = await getPaper(library, params.slug);
  if (!paper) error(404, `There is no paper at /papers/${params.slug.slice(0, 80)}.`);
  const [method, found] = await Promise.all([methodOf(paper.slug), evidenceFor(paper.slug, library)]);
  const verdicts = (method?.claims ?? []).map(({ id }) => found?.evidence.claims[id]?.verdict ?? 'not tested');
  const { title, family, date } = paper;
  return previewResponse(await paperPreview({ title, family, date, verdicts }), request);
};
