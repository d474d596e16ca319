import { fail } from '@sveltejs/kit';
import { importPage, listImports, PageError } from '@working-papers/library';
import { sentForm } from '$lib/server/sent-form.ts';
import type { Actions, PageServerLoad } from './$types';

/** Bytes of a page; the founding one has 90 kB. */
const limit = 16 << 20;

export const load: PageServerLoad = async ({ locals }) => ({ imports: await listImports(await locals.shelf()) });

export const actions: Actions = {
  default: async ({ request, locals }) => {
    if (!locals.admin) return fail(403, { message: 'Importing needs the key that the terminal printed.' });
    const length = Number(request.headers.get('content-length') ?? 0);
    if (length > limit)
      return fail(413, {
        message: `The page has ${length.toLocaleString('en')} bytes; at most ${limit.toLocaleString('en')} can be imported at once. Import it in parts.`,
      });
    const data = await sentForm(request);
    const file = data.get('file');
    const pasted = data.get('text');
    const fromFile = file instanceof File && file.size > 0;
    const text = fromFile ? await file.text() : typeof pasted === 'string' ? pasted : '';
    if (text.trim() === '')
      return fail(400, { message: 'There is no text. Paste a Daily Papers page, or choose a file.' });
    try {
      const source = fromFile ? file.name.slice(0, 200) : 'pasted in the browser';
      return { report: await importPage(await locals.shelf(), text, { source, now: new Date() }) };
    } catch (problem) {
      if (problem instanceof PageError) return fail(400, { message: problem.message });
      throw problem;
    }
  },
};
