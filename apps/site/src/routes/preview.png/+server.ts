import { listClaims } from '@working-papers/library';
import type { Verdict } from '$lib/format.ts';
import { previewResponse, shelfPreview } from '$lib/server/preview.ts';
import type { RequestHandler } from './$types';

export const GET: RequestHandler = async ({ locals, request }) => {
  const strips = new Map<string, Verdict[]>();
  for (const { slug, verdict } of await listClaims(await locals.shelf()))
    strips.set(slug, [...(strips.get(slug) ?? []), verdict]);
  return previewResponse(await shelfPreview([...strips.values()]), request);
};
