import { error } from '@sveltejs/kit';
import { families, listPapers } from '@working-papers/library';
import type { PaperValue } from '@working-papers/methods/contract';
import { familyTexts } from '$lib/families.ts';
import { filtered, ledger } from '$lib/server/ledger.ts';
import { shortTitle } from '$lib/short-titles.ts';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = async ({ params, locals }) => {
  if (!Object.hasOwn(familyTexts, params.name))
    error(404, `There is no family "${params.name.slice(0, 60)}"; there are ${Object.keys(familyTexts).join(', ')}.`);
  const library = await locals.shelf();
  const [list, every, rows] = await Promise.all([
    listPapers(library, { view: 'latest', family: params.name, limit: 100 }),
    families(library),
    ledger(library),
  ]);
  const papers = list.groups.flatMap((group) => group.papers);
  const own = filtered(rows, { family: params.name, sort: 'paper' });
  const tested = (verdicts: readonly { verdict: string }[]) =>
    verdicts.filter(({ verdict }) => verdict !== 'not tested').length;
  return {
    family: params.name,
    text: familyTexts[params.name]!,
    families: every,
    // What was tested first, then what runs, then by date, as the list came.
    papers: papers.sort((a, b) => tested(b.claims) - tested(a.claims) || Number(b.built) - Number(a.built)),
    verdicts: own.map(({ verdict }) => verdict),
    compared: own
      .filter(({ verdict, here }) => verdict !== 'not tested' && here.value !== undefined)
      .map((row) => ({
        slug: row.slug,
        short: shortTitle(row.slug, row.title),
        id: row.id,
        statement: row.statement,
        measure: row.measure,
        // A registration carries the descriptor's own values.
        paper: row.paper as PaperValue,
        verdict: row.verdict,
        here: row.here,
      })),
  };
};
