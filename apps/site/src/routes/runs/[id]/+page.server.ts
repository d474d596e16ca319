import { error, fail, redirect } from '@sveltejs/kit';
import { getPaper } from '@working-papers/library';
import { cancelRun, commandLine, getRun, readEvents, repeatRun } from '@working-papers/runs';
import { after, emptyState } from '$lib/run-state.ts';
import { renderMarkdown } from '$lib/server/text.ts';
import type { Actions, PageServerLoad } from './$types';

export const load: PageServerLoad = async ({ params, locals }) => {
  const library = await locals.shelf();
  const run = await getRun(library, params.id);
  if (!run) error(404, 'There is no such run.');
  let state = emptyState(run.status);
  for (;;) {
    const page = await readEvents(library, run.id, state.last, 500);
    for (const record of page) state = after(state, record);
    if (page.length < 500) break;
  }
  const paper = await getPaper(library, run.slug);
  const texts = await Promise.all(
    state.texts.map(async ({ seq, markdown }) => ({ seq, html: await renderMarkdown(markdown) })),
  );
  return { run, state, texts, title: paper?.title ?? run.slug, command: commandLine(run) };
};

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
