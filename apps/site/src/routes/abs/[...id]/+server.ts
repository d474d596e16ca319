/** /abs/<arXiv id>: swapping the host in an arXiv address leads to the paper here. */
import { openByArxiv } from '$lib/server/arxiv.ts';
import type { RequestHandler } from './$types';

export const GET: RequestHandler = async ({ params, locals }) => openByArxiv(await locals.shelf(), params.id);
