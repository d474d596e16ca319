/** The HTTP API under /api/v1: typed routes, documented at /api/v1/openapi.json and /api/v1/docs. */
import { OpenAPIHono } from '@hono/zod-openapi';
import { libraryStatus } from '@working-papers/library';
import { RunRequestError, workersPresent } from '@working-papers/runs';
import { bodyLimit } from 'hono/body-limit';
import { HTTPException } from 'hono/http-exception';
import { encoder } from '../shelf.ts';
import type { Environment } from './context.ts';
import { docsPage } from './docs.ts';
import { addPapers } from './papers.ts';
import { addRuns } from './runs.ts';
import { addUploads } from './uploads.ts';

export const api = new OpenAPIHono<Environment>({
  defaultHook: (result, c) => {
    if (result.success) return;
    const errors = result.error.issues.map(({ path, message }) => ({ field: path.join('.'), message }));
    const sentence = errors.map(({ field, message }) => (field ? `${field}: ${message}` : message)).join('; ');
    return c.json({ error: `${sentence}.`, errors }, 400);
  },
}).basePath('/api/v1');

api.onError((error, c) => {
  if (error instanceof RunRequestError) return c.json({ error: error.message, errors: error.errors }, 400);
  if (error instanceof HTTPException)
    return error.res ? error.getResponse() : c.json({ error: sentenceOf(error) }, error.status);
  console.error(`${c.req.method} ${c.req.path}:`, error);
  return c.json({ error: 'Something went wrong here; the log of the site says what.' }, 500);
});
api.notFound((c) =>
  c.json({ error: `There is no ${c.req.path.slice(0, 200)}. /api/v1/docs lists what there is.` }, 404),
);

/** Hono's own words of a body that cannot be read say what is wrong, not what to do. */
function sentenceOf({ status, message }: HTTPException): string {
  if (status === 415) return 'The body is of another media type; send it as application/json.';
  return message === 'Malformed JSON in request body' ? 'The body is not JSON; send one JSON object.' : message;
}

const maxSize = 1 << 20;
const bounded = bodyLimit({
  maxSize,
  onError: (c) => {
    const got = c.req.header('content-length') ?? 'more';
    const sentence = `A request has at most ${maxSize.toLocaleString('en')} bytes; this one has ${got}. Upload what is longer (POST /api/v1/uploads).`;
    return c.json({ error: sentence }, 413);
  },
});
// An upload has a limit of its own, and is never held whole.
api.use('*', (c, next) => (c.req.path === '/api/v1/uploads' ? next() : bounded(c, next)));

addPapers(api);
addRuns(api);
addUploads(api);

api.get('/status', async (c) => {
  const library = await c.env.locals.shelf();
  return c.json({
    library: await libraryStatus(library),
    encoder: await encoder.status(),
    workers: await workersPresent(library),
    admin: c.env.locals.admin,
  });
});

const document = {
  openapi: '3.1.0',
  info: { title: 'Working Papers', version: '1', description: 'Papers, claims, search and runs of this instance.' },
};
api.doc31('/openapi.json', document);
api.get('/docs', (c) => c.html(docsPage(api.getOpenAPI31Document(document))));
