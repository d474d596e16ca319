import { setTimeout as pause } from 'node:timers/promises';
import { error, fail, redirect } from '@sveltejs/kit';
import { getPaper, paperByArxiv, recognise, search, similarPapers } from '@working-papers/library';
import { ruleInWords } from '@working-papers/methods';
import type { Rule } from '@working-papers/methods/contract';
import {
  createRun,
  estimateRun,
  getRun,
  listModelsAtHand,
  listRuns,
  RunRequestError,
  uploadLimit,
} from '@working-papers/runs';
import { stripSentence } from '$lib/format.ts';
import { abstractPieces, evidenceFor, formOf, methodOf } from '$lib/server/papers.ts';
import { plotsOf } from '$lib/server/plots.ts';
import { sentForm } from '$lib/server/sent-form.ts';
import { dataFolder } from '$lib/server/settings.ts';
import { spaced } from '$lib/values.ts';
import type { Actions, PageServerLoad } from './$types';

export const load: PageServerLoad = async ({ params, locals, url }) => {
  const library = await locals.shelf();
  const paper = await getPaper(library, params.slug);
  if (!paper) {
    const arxiv = recognise(params.slug);
    const known = arxiv && (await paperByArxiv(library, arxiv.id));
    if (known) redirect(307, `/papers/${known.slug}${url.search}`);
    const words = params.slug.slice(0, 80).replaceAll('-', ' ');
    const { results } = await search(library, words, { limit: 1 });
    error(404, {
      message: `There is no paper at /papers/${params.slug.slice(0, 80)}.`,
      near: results.map(({ slug, title }) => ({ slug, title })),
    });
  }
  if (paper.slug !== params.slug) redirect(308, `/papers/${paper.slug}${url.search}`);
  const [method, found, form, plots, runs, similar] = await Promise.all([
    methodOf(paper.slug),
    evidenceFor(paper.slug, library),
    formOf(paper.slug),
    plotsOf(paper.slug),
    listRuns(library, { slug: paper.slug, limit: 10 }),
    similarPapers(library, paper.slug, 4),
  ]);
  const evidence = found?.evidence.claims ?? {};
  const claims = (method?.claims ?? []).map((claim) => ({
    claim: { ...claim },
    evidence: evidence[claim.id] ?? { verdict: 'not tested' as const },
    origin: found?.origins[claim.id],
    words: wordsOf(claim.rule),
  }));
  const quotes = claims.flatMap(({ claim }) => (claim.quote ? [{ id: claim.id, quote: claim.quote }] : []));
  const asked = url.searchParams.get('action') ?? undefined;
  const action =
    form && form.actions.length > 0
      ? (form.actions.find((name) => name === asked) ?? form.defaultAction ?? form.actions[0])
      : undefined;
  const from = url.searchParams.get('from');
  const before = from ? await getRun(library, from) : undefined;
  const again = before && before.slug === paper.slug && !before.experiment && before.action === action;
  return {
    paper,
    preview: {
      address: `/papers/${paper.slug}/preview.png`,
      says: `${paper.title}. ${stripSentence(claims.map(({ evidence }) => evidence.verdict))}`,
    },
    entered: again ? { ...before.parameters, seed: before.seed } : undefined,
    abstract: abstractPieces(paper.abstract, quotes),
    claims,
    from: found?.from ?? 'shipped',
    remarks: [...(method?.remarks ?? [])],
    form: form && {
      actions: form.actions,
      action,
      fields: form.fields[action ?? ''] ?? [],
      // Uploads are their sender's business, which in local mode is whoever holds the key.
      models: (await listModelsAtHand(dataFolder)).filter(
        ({ reference }) => locals.admin || !reference.startsWith('upload:'),
      ),
      estimate: await estimated(paper.slug, action, again ? before.parameters : {}, locals.admin),
      uploadLimit: uploadLimit(),
    },
    plots,
    runs: runs.runs.map(
      ({ id, action: what, status, createdAt, startedAt, endedAt, message, experiment, manifest }) => ({
        id,
        action: what,
        status,
        createdAt,
        message,
        experiment,
        models: [...new Set(manifest?.models.map(({ reference }) => reference) ?? [])],
        seconds: startedAt && endedAt ? (Date.parse(endedAt) - Date.parse(startedAt)) / 1000 : undefined,
      }),
    ),
    similar,
  };
};

const wordsOf = (rule: Rule | undefined) =>
  rule && {
    holds: ruleInWords(rule, rule.holds, spaced),
    partly: rule.partly === undefined ? undefined : ruleInWords(rule, rule.partly, spaced),
  };

/** The sentence of an estimate, when it is there at once: reading a model's headers for the first time takes longer, and the page asks again. */
async function estimated(
  slug: string,
  action: string | undefined,
  parameters: Record<string, unknown>,
  paths: boolean,
): Promise<string | undefined> {
  const asking = estimateRun(dataFolder, { slug, action, parameters }, { paths }).then(
    ({ sentence }) => sentence,
    (error: unknown) => {
      if (!(error instanceof RunRequestError)) console.error(`The estimate of ${slug}:`, error);
      return undefined;
    },
  );
  return Promise.race([asking, pause(150, undefined)]);
}

/** Bytes of a form; what is longer is uploaded. */
const formLimit = 1 << 20;

export const actions: Actions = {
  run: async ({ request, params, locals }) => {
    const length = Number(request.headers.get('content-length') ?? 0);
    if (length > formLimit)
      return fail(413, {
        message: `The form has ${length.toLocaleString('en')} bytes; at most ${formLimit.toLocaleString('en')} are read. Choose a file for the longest field.`,
        errors: [],
        entered: undefined,
      });
    const data = await sentForm(request);
    const raw: Record<string, string | string[]> = {};
    for (const name of new Set(data.keys())) {
      const all = data.getAll(name).filter((value): value is string => typeof value === 'string');
      raw[name] = all.length > 1 ? all : (all[0] ?? '');
    }
    if (!locals.admin)
      return fail(403, {
        message: 'Starting a run needs the key that the terminal printed.',
        errors: [],
        entered: raw,
      });
    const { seed, action, ...parameters } = raw;
    const wanted = typeof seed === 'string' && seed.trim() !== '' ? Number(seed) : 0;
    if (!Number.isSafeInteger(wanted) || wanted < 0) {
      const message = `The seed is a whole number from 0 to ${Number.MAX_SAFE_INTEGER}; got "${String(seed).slice(0, 40)}".`;
      return fail(400, { message, errors: [{ field: 'seed', message }], entered: raw });
    }
    let id: string;
    try {
      const run = await createRun(await locals.shelf(), {
        slug: params.slug,
        action: typeof action === 'string' && action !== '' ? action : undefined,
        parameters,
        seed: wanted,
      });
      id = run.id;
    } catch (problem) {
      if (!(problem instanceof RunRequestError)) throw problem;
      return fail(400, { message: problem.message, errors: problem.errors, entered: raw });
    }
    redirect(303, `/runs/${id}`);
  },
};
