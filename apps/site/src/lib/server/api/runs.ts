/** Runs: create, watch, cancel, repeat, and what they leave. */
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import {
  cancelRun,
  createRun,
  followEvents,
  getRun,
  listArtifacts,
  listRuns,
  openArtifact,
  type Run,
  readEvents,
  repeatRun,
} from '@working-papers/runs';
import { streamSSE } from 'hono/streaming';
import { dataFolder } from '../settings.ts';
import { stopping } from '../stopping.ts';
import {
  answers,
  callFields,
  type Environment,
  mustBeAdmin,
  notFound,
  Problem,
  pageLimit,
  problems,
  runParameter,
} from './context.ts';
import { answerPlot, plotFile, tagged } from './plots.ts';

const RunRecord = z.looseObject({ id: z.string(), slug: z.string(), status: z.string() }).openapi('Run');
const shown = (run: Run): z.infer<typeof RunRecord> => ({ ...run });

const list = createRoute({
  method: 'get',
  path: '/runs',
  summary: 'Runs, newest first',
  request: {
    query: z.object({
      slug: z.string().max(120).optional(),
      limit: pageLimit.optional(),
      cursor: z.string().max(200).optional(),
    }),
  },
  responses: {
    200: answers.json(z.object({ runs: z.array(RunRecord), next: z.string().optional() }), 'A page of runs'),
    ...problems,
  },
});

const create = createRoute({
  method: 'post',
  path: '/runs',
  summary: 'Start a run',
  request: {
    body: {
      required: true,
      content: {
        'application/json': {
          schema: z
            .strictObject({
              slug: z.string().max(120),
              ...callFields,
              seed: z.int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
              experiment: z.boolean().optional(),
              stage: z.string().max(60).optional(),
            })
            .openapi('RunRequest'),
        },
      },
    },
  },
  responses: { 201: answers.json(RunRecord, 'The run, queued'), ...problems },
});

const one = createRoute({
  method: 'get',
  path: '/runs/{id}',
  summary: 'A run',
  request: { params: z.object({ id: runParameter }) },
  responses: { 200: answers.json(RunRecord, 'The run'), ...problems },
});

const cancel = createRoute({
  method: 'post',
  path: '/runs/{id}/cancel',
  summary: 'Cancel a run',
  request: { params: z.object({ id: runParameter }) },
  responses: { 200: answers.json(RunRecord, 'The run; a running one ends within a moment'), ...problems },
});

const repeat = createRoute({
  method: 'post',
  path: '/runs/{id}/repeat',
  summary: 'Start the same run again',
  request: { params: z.object({ id: runParameter }) },
  responses: { 201: answers.json(RunRecord, 'A new run with the same parameters and seed'), ...problems },
});

/** What Postgres keeps an event's number in. */
const largestSequence = 2 ** 31 - 1;

const events = createRoute({
  method: 'get',
  path: '/runs/{id}/events',
  summary: 'Events of a run: a stream of server-sent events, or a page of JSON with ?format=json',
  request: {
    params: z.object({ id: runParameter }),
    query: z.object({
      after: z.coerce.number().int().min(0).max(largestSequence).default(0),
      format: z.enum(['stream', 'json']).optional(),
    }),
  },
  responses: {
    200: {
      description: 'Events in order, each once',
      content: {
        'text/event-stream': { schema: z.string() },
        'application/json': { schema: z.object({ events: z.array(z.looseObject({})) }) },
      },
    },
    404: { description: 'There is no such run', content: { 'application/json': { schema: Problem } } },
  },
});

export function addRuns(api: OpenAPIHono<Environment>): void {
  api.openapi(list, async (c) => {
    const { runs, next } = await listRuns(await c.env.locals.shelf(), c.req.valid('query'));
    return c.json({ runs: runs.map(shown), next }, 200);
  });
  api.openapi(create, async (c) => {
    mustBeAdmin(c.env.locals);
    return c.json(shown(await createRun(await c.env.locals.shelf(), c.req.valid('json'))), 201);
  });
  api.openapi(one, async (c) => c.json(shown(await runOf(c.env.locals, c.req.valid('param').id)), 200));
  api.openapi(cancel, async (c) => {
    mustBeAdmin(c.env.locals);
    const run = await cancelRun(await c.env.locals.shelf(), c.req.valid('param').id);
    if (!run) throw notFound('There is no such run.');
    return c.json(shown(run), 200);
  });
  api.openapi(repeat, async (c) => {
    mustBeAdmin(c.env.locals);
    const run = await runOf(c.env.locals, c.req.valid('param').id);
    return c.json(shown(await repeatRun(await c.env.locals.shelf(), run.id)), 201);
  });
  api.openapi(events, async (c) => {
    const { id } = c.req.valid('param');
    const { after, format } = c.req.valid('query');
    await runOf(c.env.locals, id);
    const library = await c.env.locals.shelf();
    if (format === 'json')
      return c.json({ events: (await readEvents(library, id, after)).map((record) => ({ ...record })) }, 200);
    const resumed = Number(c.req.header('last-event-id'));
    const from = Number.isInteger(resumed) && resumed > after ? Math.min(resumed, largestSequence) : after;
    // Typed as a stream of text for the schema; Hono's own response is what goes out.
    return streamSSE(c, async (stream) => {
      const gone = new AbortController();
      stream.onAbort(() => gone.abort());
      const signal = AbortSignal.any([gone.signal, stopping]);
      for await (const record of followEvents(library, id, from, signal))
        await stream.writeSSE({ id: String(record.seq), data: JSON.stringify(record) });
    }) as never;
  });
  api.get('/runs/:id/plots/:file', tagged, async (c) => {
    const { name, format } = plotFile(c.req.param('file'));
    const seq = /^\d{1,9}$/.test(name) ? Number(name) : 0;
    const library = await c.env.locals.shelf();
    const [record] = seq > 0 ? await readEvents(library, c.req.param('id'), seq - 1, 1) : [];
    if (record?.seq !== seq || record.event.type !== 'plot') throw notFound('There is no such plot.');
    return answerPlot(c, record.event.spec, format);
  });
  api.get('/runs/:id/artifacts', async (c) => {
    await runOf(c.env.locals, c.req.param('id'));
    return c.json({ artifacts: await listArtifacts(await c.env.locals.shelf(), c.req.param('id')) });
  });
  api.get('/runs/:id/artifacts/:name', async (c) => {
    const artifact = await openArtifact(await c.env.locals.shelf(), dataFolder, c.req.param('id'), c.req.param('name'));
    if (!artifact) throw notFound('There is no such artifact.');
    return c.body(Readable.toWeb(createReadStream(artifact.path)) as ReadableStream, 200, {
      // Never shown as a page of this site: a file of a run is whatever its method wrote.
      'content-type': 'application/octet-stream',
      'content-length': String(artifact.record.bytes),
      'content-disposition': `attachment; filename="${artifact.record.name.replace(/[^\w.-]/g, '_')}"`,
      'content-security-policy': "default-src 'none'; sandbox",
      'x-content-type-options': 'nosniff',
    });
  });
}

async function runOf(locals: App.Locals, id: string): Promise<Run> {
  const run = await getRun(await locals.shelf(), id);
  if (!run) throw notFound('There is no such run.');
  return run;
}
