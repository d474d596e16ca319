import { error } from '@sveltejs/kit';
import { listRuns, RunRequestError } from '@working-papers/runs';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = async ({ locals, url }) => {
  const cursor = url.searchParams.get('cursor')?.slice(0, 200);
  const { runs, next } = await listRuns(await locals.shelf(), { limit: 30, cursor }).catch((problem) => {
    if (problem instanceof RunRequestError) error(400, problem.message);
    throw problem;
  });
  return {
    runs: runs.map(({ id, slug, action, status, message, createdAt, startedAt, endedAt, experiment }) => ({
      id,
      slug,
      action,
      status,
      message,
      createdAt,
      startedAt,
      endedAt,
      experiment,
    })),
    next,
  };
};
