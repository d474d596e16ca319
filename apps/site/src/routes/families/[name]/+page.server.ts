import { error } from '@sveltejs/kit';
import { listPapers } from '@working-papers/library';
import { familyTexts } from '$lib/families.ts';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = async ({ params, locals }) => {
  if (!Object.hasOwn(familyTexts, params.name)) error(404, `There is no family "${params.name.slice(0, 60)}".`);
  const list = await listPapers(await locals.shelf(), { view: 'latest', family: params.name, limit: 100 });
  return { family: params.name, text: familyTexts[params.name]!, papers: list.groups.flatMap((group) => group.papers) };
};
