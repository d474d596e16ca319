import { error, fail, redirect } from '@sveltejs/kit';
import { getPaper } from '@working-papers/library';
import { built, fieldsOf, verdict } from '@working-papers/methods';
import type { Rule, Verdict } from '@working-papers/methods/contract';
import { cancelRun, commandLine, getRun, type Run, readEvents, repeatRun, workersPresent } from '@working-papers/runs';
import { after, emptyState, type RunState } from '$lib/run-state.ts';
import { methodOf } from '$lib/server/papers.ts';
import { type ShownPlot, type Spec, shownPlot } from '$lib/server/plots.ts';
import { renderMarkdown } from '$lib/server/text.ts';
import type { Actions, PageServerLoad } from './$types';

export const load: PageServerLoad = async ({ params, locals }) => {
  const library = await locals.shelf();
  const run = await getRun(library, params.id);
  if (!run) error(404, 'There is no such run.');
  const specs = new Map<number, Spec>();
  let state = emptyState(run.status);
  for (;;) {
    const page = await readEvents(library, run.id, state.last, 500);
    for (const record of page) {
      state = after(state, record);
      if (record.event.type === 'plot') specs.set(record.seq, record.event.spec);
    }
    if (page.length < 500) break;
  }
  const paper = await getPaper(library, run.slug);
  const texts = await Promise.all(
    state.texts.map(async ({ seq, markdown }) => ({ seq, html: await renderMarkdown(markdown) })),
  );
  const model = run.manifest?.models[0]?.reference ?? run.parameters.model;
  return {
    run,
    state,
    texts,
    plots: await plotsOf(run.id, state.plots, specs),
    title: paper?.title ?? run.slug,
    command: commandLine(run),
    model: typeof model === 'string' ? model : undefined,
    asked: await askedOf(run),
    claims: await judged(run, state.evidence),
    workers: await workersPresent(library),
  };
};

/** The run's plots by the number of their event; what cannot be drawn has the sentence that says why. */
async function plotsOf(id: string, plots: RunState['plots'], specs: ReadonlyMap<number, Spec>) {
  const shown = plots.map(
    async ({ seq, name, caption, setting }): Promise<[number, ShownPlot | { problem: string }]> => {
      const words = { name, caption, setting };
      const drawing = shownPlot(`/api/v1/runs/${id}/plots/${seq}`, specs.get(seq) ?? {}, words);
      return [seq, await drawing.catch((error: Error) => ({ problem: error.message }))];
    },
  );
  return Object.fromEntries(await Promise.all(shown));
}

/** The rule of each claim that the run measured, and the verdict that its values give. */
async function judged(
  run: Run,
  evidence: RunState['evidence'],
): Promise<Record<string, { rule?: Rule; verdict: Verdict }>> {
  const method = await methodOf(run.slug);
  const rules = new Map(method?.claims.map(({ id, rule }) => [id, rule]));
  return Object.fromEntries(
    evidence.map(({ claim, values, stage }) => {
      const rule = rules.get(claim);
      return [claim, { rule, verdict: verdict(rule, values, stage) }];
    }),
  );
}

/** Every value that was asked for, under the name that the form gives it; long text is cut. */
async function askedOf(run: Run): Promise<[string, string][]> {
  const method = await methodOf(run.slug);
  const fields = method && built(method) && !run.experiment ? fieldsOf(method, run.action) : [];
  const titles = new Map(fields.map((field) => [field.name, field]));
  const asked = Object.entries(run.parameters).filter(([name]) => name !== 'action' && name !== 'present');
  return asked.map(([name, value]) => {
    const text = Array.isArray(value) ? value.join(', ') : typeof value === 'string' ? value : JSON.stringify(value);
    const field = titles.get(name);
    const title = field?.title ?? name.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
    return [title, `${text.length > 120 ? `${text.slice(0, 117)} …` : text}${field?.unit ? ` ${field.unit}` : ''}`];
  });
}

export const actions: Actions = {
  cancel: async ({ params, locals }) => {
    if (!locals.admin) return fail(403, { message: 'Cancelling needs the key that the terminal printed.' });
    await cancelRun(await locals.shelf(), params.id);
    redirect(303, `/runs/${params.id}`);
  },
  repeat: async ({ params, locals }) => {
    if (!locals.admin) return fail(403, { message: 'Starting a run needs the key that the terminal printed.' });
    const run = await repeatRun(await locals.shelf(), params.id);
    redirect(303, `/runs/${run.id}`);
  },
};
