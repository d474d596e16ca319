import { fail } from '@sveltejs/kit';
import { libraryStatus } from '@working-papers/library';
import { deleteUpload, listUploads, workersPresent } from '@working-papers/runs';
import { sentForm } from '$lib/server/sent-form.ts';
import { dataFolder } from '$lib/server/settings.ts';
import { encoder } from '$lib/server/shelf.ts';
import type { Actions, PageServerLoad } from './$types';

export const load: PageServerLoad = async ({ locals }) => {
  const library = await locals.shelf();
  const [status, encoderStatus, workers] = await Promise.all([
    libraryStatus(library),
    encoder.status(),
    workersPresent(library),
  ]);
  // Uploads are their sender's business, which in local mode is whoever holds the key.
  const uploads = locals.admin ? await listUploads(dataFolder) : [];
  return {
    status,
    encoder: encoderStatus,
    workers,
    uploads: uploads.map(({ id, kind, name, bytes, createdAt }) => ({ id, kind, name, bytes, createdAt })),
  };
};

export const actions: Actions = {
  deleteUpload: async ({ request, locals }) => {
    if (!locals.admin) return fail(403, { message: 'Deleting an upload needs the key that the terminal printed.' });
    const id = String((await sentForm(request)).get('id') ?? '');
    if (!(await deleteUpload(dataFolder, id))) return fail(404, { message: 'That upload is not here any more.' });
    return { message: 'Deleted. Runs that used it keep what they found.' };
  },
};
