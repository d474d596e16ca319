import { error } from '@sveltejs/kit';
import { citation, getPaper } from '@working-papers/library';
import type { RequestHandler } from './$types';

const formats: Record<string, { style: 'bibtex' | 'ris'; type: string }> = {
  bib: { style: 'bibtex', type: 'application/x-bibtex' },
  ris: { style: 'ris', type: 'application/x-research-info-systems' },
};

export const GET: RequestHandler = async ({ params, locals }) => {
  const format = formats[params.format];
  if (!format) error(404, 'A citation comes as cite.bib or cite.ris.');
  const paper = await getPaper(await locals.shelf(), params.slug);
  if (!paper) error(404, `There is no paper "${params.slug.slice(0, 80)}" on this shelf.`);
  return new Response(citation(paper, format.style), {
    headers: {
      'content-type': `${format.type}; charset=utf-8`,
      'content-disposition': `attachment; filename="${paper.slug}.${params.format}"`,
    },
  });
};
