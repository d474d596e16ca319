import { error, fail, redirect } from '@sveltejs/kit';
import { getPaper } from '@working-papers/library';
import { built, type Field, fieldsOf, type Method, verdict } from '@working-papers/methods';
import type { Rule, Verdict } from '@working-papers/methods/contract';
import {
  cancelRun,
  commandLine,
  commandOf,
  getRun,
  type Run,
  readEvents,
  repeatRun,
  workersPresent,
} from '@working-papers/runs';
import { after, emptyState, type RunState } from '$lib/run-state.ts';
import { methodOf } from '$lib/server/papers.ts';
import { type ShownPlot, type Spec, shownPlot } from '$lib/server/plots.ts';
import { renderMarkdown } from '$lib/server/text.ts';
import { labelOf } from '$lib/values.ts';
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
  const method = await methodOf(run.slug);
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
    command: method ? commandOf(method, run) : commandLine(run),
    model: typeof model === 'string' ? model : undefined,
    asked: askedOf(run, method),
    claims: judged(method, state.evidence),
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
function judged(
  method: Method | undefined,
  evidence: RunState['evidence'],
): Record<string, { rule?: Rule; verdict: Verdict }> {
  const rules = new Map(method?.claims.map(({ id, rule }) => [id, rule]));
  return Object.fromEntries(
    evidence.map(({ claim, values, stage }) => {
      const rule = rules.get(claim);
      return [claim, { rule, verdict: verdict(rule, values, stage) }];
    }),
  );
}

/** Every value that was asked for, under the name that the form gives it and in its order; long text is cut. */
function askedOf(run: Run, method: Method | undefined): [string, string][] {
  const fields = method && built(method) && !run.experiment ? fieldsOf(method, run.action) : [];
  const known = fields.map(({ name }) => name);
  // A run of an older version may have been asked for what the form no longer has.
  const others = Object.keys(run.parameters).filter((name) => ![...known, 'action', 'present'].includes(name));
  const all: Pick<Field, 'name' | 'title' | 'unit'>[] = [...fields, ...others.map((name) => ({ name }))];
  return all
    .filter(({ name }) => run.parameters[name] !== undefined)
    .map((field) => {
      const value = run.parameters[field.name];
      const text = Array.isArray(value) ? value.join(', ') : typeof value === 'string' ? value : JSON.stringify(value);
      const shown = text.length > 120 ? `${text.slice(0, 117)} …` : text;
      return [labelOf(field), field.unit ? `${shown} ${field.unit}` : shown];
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
