/** /pdf/<arXiv id>: swapping the host in an arXiv address leads to the paper here. */

import { error, redirect } from '@sveltejs/kit';
import { paperByArxiv } from '@working-papers/library';
import type { RequestHandler } from './$types';

export const GET: RequestHandler = async ({ params, locals }) => {
  const id = params.id.replace(/\.pdf$/, '').slice(0, 40);
  const paper = await paperByArxiv(await locals.shelf(), id);
  if (paper) redirect(307, `/papers/${paper.slug}`);
  error(404, `The paper ${id} is not on this shelf.`);
};
