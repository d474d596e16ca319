import { libraryStatus } from '@working-papers/library';
import { workersPresent } from '@working-papers/runs';
import { encoder } from '$lib/server/shelf.ts';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = async ({ locals }) => {
  const library = await locals.shelf();
  const [status, encoderStatus, workers] = await Promise.all([
    libraryStatus(library),
    encoder.status(),
    workersPresent(library),
  ]);
  return { status, encoder: encoderStatus, workers };
};
