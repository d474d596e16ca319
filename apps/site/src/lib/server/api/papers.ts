/** Papers, search and claims. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { getPaper, listPapers, SearchError, similarPapers } from '@working-papers/library';
import { built, jsonSchema } from '@working-papers/methods';
import { estimateRun } from '@working-papers/runs';
import { filtered, LedgerQuery, type LedgerRow, ledger } from '../ledger.ts';
import { evidenceFor, methodOf } from '../papers.ts';
import { recordedSpec } from '../plots.ts';
import { searchShelf } from '../search.ts';
import { dataFolder } from '../settings.ts';
import {
  answers,
  badRequest,
  callFields,
  type Environment,
  notFound,
  pageLimit,
  problems,
  slugParameter,
} from './context.ts';
import { answerPlot, plotFile, tagged } from './plots.ts';

const date = z
  .string()
  .regex(/^\d{4}-\d{2}(-\d{2})?$/)
  .optional();
/** Answers whose exact shape docs/cli.md and the library's types describe. */
const Loose = z.looseObject({});

const list = createRoute({
  method: 'get',
  path: '/papers',
  summary: 'Papers by date',
  request: {
    query: z.object({
      view: z.enum(['latest', 'day', 'week', 'month']).default('latest'),
      date,
      family: z.string().max(40).optional(),
      runsHere: z.stringbool().optional(),
      commented: z.stringbool().optional(),
      cursor: z.string().max(200).optional(),
      limit: pageLimit.optional(),
    }),
  },
  responses: {
    200: answers.json(Loose, 'Groups of papers by date, newest first, with what comes before and after'),
    ...problems,
  },
});

const one = createRoute({
  method: 'get',
  path: '/papers/{slug}',
  summary: 'A paper with its claims',
  request: { params: z.object({ slug: slugParameter }) },
  responses: { 200: answers.json(Loose, 'The paper'), ...problems },
});

const similar = createRoute({
  method: 'get',
  path: '/papers/{slug}/similar',
  summary: 'Papers like this one',
  request: { params: z.object({ slug: slugParameter }) },
  responses: { 200: answers.json(z.object({ papers: z.array(Loose) }), 'At most five'), ...problems },
});

const schema = createRoute({
  method: 'get',
  path: '/papers/{slug}/schema',
  summary: 'JSON Schema (2020-12) of the method’s parameters',
  request: { params: z.object({ slug: slugParameter }) },
  responses: { 200: answers.json(Loose, 'The schema; a union by action when there are several'), ...problems },
});

const estimate = createRoute({
  method: 'post',
  path: '/papers/{slug}/estimate',
  summary: 'What a run with these parameters would take; starts nothing',
  request: {
    params: z.object({ slug: slugParameter }),
    body: {
      required: true,
      content: {
        'application/json': {
          schema: z.strictObject(callFields).openapi('EstimateRequest'),
        },
      },
    },
  },
  responses: {
    200: answers.json(
      z
        .object({
          seconds: z.number().optional(),
          bytes: z.number().optional().openapi({ description: 'Peak resident memory' }),
          basis: z.string(),
          sentence: z.string(),
        })
        .openapi('Estimate'),
      'Seconds and bytes where they can be said, and what they rest on',
    ),
    ...problems,
  },
});

const evidence = createRoute({
  method: 'get',
  path: '/papers/{slug}/evidence',
  summary: 'Evidence with verdicts, and whether it is this instance’s or ships with the method',
  request: { params: z.object({ slug: slugParameter }) },
  responses: {
    200: answers.json(Loose, 'As in evidence.json; `origins` has the run and the time of what this instance measured'),
    ...problems,
  },
});

const find = createRoute({
  method: 'get',
  path: '/search',
  summary: 'Search by word and by meaning',
  request: {
    query: z.object({
      q: z.string().max(400),
      family: z.string().max(40).optional(),
      from: date,
      to: date,
      runsHere: z.stringbool().optional(),
      limit: pageLimit.optional(),
      offset: z.coerce.number().int().min(0).max(10_000).optional(),
      wait: z.coerce
        .number()
        .int()
        .min(0)
        .max(10_000)
        .optional()
        .openapi({ description: 'Milliseconds to wait for the encoder before answering by keyword' }),
    }),
  },
  responses: { 200: answers.json(Loose, 'Results, best first, and how they were found'), ...problems },
});

const claims = createRoute({
  method: 'get',
  path: '/claims',
  summary: 'The ledger: claims with what was measured here',
  request: { query: LedgerQuery },
  responses: {
    200: answers.json(
      z.object({ total: z.number(), claims: z.array(Loose) }),
      'The claims that fit; `here` is what was measured, `total` how many claims there are without filters',
    ),
    ...problems,
  },
});

const claimsTable = createRoute({
  method: 'get',
  path: '/claims.csv',
  summary: 'The ledger as CSV (RFC 4180), with the same filters',
  request: { query: LedgerQuery },
  responses: { 200: { description: 'A row a claim', content: { 'text/csv': { schema: z.string() } } }, ...problems },
});

/** The columns of the ledger's CSV, in order. */
const columns: Record<string, (row: LedgerRow) => unknown> = {
  family: (row) => row.family,
  slug: (row) => row.slug,
  title: (row) => row.title,
  id: (row) => row.id,
  statement: (row) => row.statement,
  measure: (row) => row.measure,
  value: (row) => row.paper.value,
  unit: (row) => row.paper.unit,
  baseline: (row) => row.paper.baseline,
  setting: (row) => row.paper.setting,
  source: (row) => row.paper.source,
  verdict: (row) => row.verdict,
  hereName: (row) => row.here.value?.name,
  hereValue: (row) => row.here.value?.value,
  hereLow: (row) => row.here.value?.low,
  hereHigh: (row) => row.here.value?.high,
  hereUnit: (row) => row.here.value?.unit,
  hereSetting: (row) => row.here.setting,
  whyNot: (row) => row.here.why,
  models: (row) => row.here.models.join(' '),
  measuredAt: (row) => row.here.at,
  run: (row) => row.here.run,
  command: (row) => row.here.command,
};

export function addPapers(api: OpenAPIHono<Environment>): void {
  api.openapi(list, async (c) => {
    try {
      return c.json({ ...(await listPapers(await c.env.locals.shelf(), c.req.valid('query'))) }, 200);
    } catch (error) {
      if (error instanceof Error && error.name === 'ListError') throw badRequest(error.message);
      throw error;
    }
  });
  api.openapi(one, async (c) => {
    const { slug } = c.req.valid('param');
    const paper = await getPaper(await c.env.locals.shelf(), slug);
    if (!paper) throw notFound(`There is no paper "${slug}" on this shelf.`);
    return c.json({ ...paper }, 200);
  });
  api.openapi(similar, async (c) => {
    const papers = await similarPapers(await c.env.locals.shelf(), c.req.valid('param').slug);
    return c.json({ papers: papers.map((paper) => ({ ...paper })) }, 200);
  });
  api.openapi(schema, async (c) => {
    const { slug } = c.req.valid('param');
    const method = await methodOf(slug);
    if (!method || !built(method)) throw notFound(`The method of "${slug}" is not built yet, so it has no parameters.`);
    return c.json({ ...jsonSchema(method) }, 200);
  });
  api.openapi(estimate, async (c) => {
    const { slug } = c.req.valid('param');
    const { admin } = c.env.locals;
    return c.json(await estimateRun(dataFolder, { slug, ...c.req.valid('json') }, { paths: admin }), 200);
  });
  api.openapi(evidence, async (c) => {
    const { slug } = c.req.valid('param');
    const found = await evidenceFor(slug, await c.env.locals.shelf());
    if (!found) throw notFound(`Nothing is known of the claims of "${slug}".`);
    return c.json({ from: found.from, origins: found.origins, ...found.evidence }, 200);
  });
  api.get('/papers/:slug/plots/:file', tagged, async (c) => {
    const { name, format } = plotFile(c.req.param('file'));
    const spec = await recordedSpec(c.req.param('slug'), name);
    if (!spec) throw notFound('There is no such plot.');
    return answerPlot(c, spec, format);
  });
  api.openapi(find, async (c) => {
    const { q, wait, ...options } = c.req.valid('query');
    const answer = await searchShelf(await c.env.locals.shelf(), q, {
      ...options,
      encoder: c.env.locals.encode,
      waitMs: wait ?? 100,
    }).catch((problem: unknown) => {
      throw problem instanceof SearchError ? badRequest(problem.message) : problem;
    });
    return c.json({ ...answer }, 200);
  });
  api.openapi(claims, async (c) => {
    const all = await ledger(await c.env.locals.shelf());
    const found = filtered(all, c.req.valid('query'));
    return c.json({ total: all.length, claims: found.map((row) => ({ ...row })) }, 200);
  });
  api.openapi(claimsTable, async (c) => {
    const found = filtered(await ledger(await c.env.locals.shelf()), c.req.valid('query'));
    const lines = [Object.keys(columns), ...found.map((row) => Object.values(columns).map((of) => of(row)))];
    return c.body(`${lines.map((line) => line.map(cell).join(',')).join('\r\n')}\r\n`, 200, {
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': 'attachment; filename="claims.csv"',
    });
  });
}

/** RFC 4180; a leading =, +, - or @ is kept from being read as a formula. */
function cell(value: unknown): string {
  const text = value === undefined || value === null ? '' : String(value);
  const harmless = /^[=+@-]/.test(text) && !/^-?[\d.,]+$/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
