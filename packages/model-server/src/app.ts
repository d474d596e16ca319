import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { cors } from 'hono/cors';
import { requireKey, requireLoopbackName } from './access.ts';
import { ApiError, shuttingDown } from './api-error.ts';
import { Exchange, type Finished } from './exchange.ts';
import type { Metrics } from './metrics.ts';
import { chat } from './routes/chat.ts';
import { completions } from './routes/completions.ts';
import { embeddings } from './routes/embeddings.ts';
import type { ServedModels } from './served-models.ts';
import { type Env, problemOf } from './stream.ts';

export interface AppOptions {
  models: ServedModels;
  metrics: Metrics;
  /** Requests that are being answered. */
  exchanges: Set<Exchange>;
  /** Whether requests are refused because the server shuts down. */
  closing(): boolean;
  onFinished(finished: Finished): void;
  apiKey?: string;
  corsOrigins: readonly string[];
  /** Refuses names that are not of this machine. */
  loopbackOnly: boolean;
  bodyBytes: number;
  timeoutSeconds: number;
}

/** Paths that are watched by machines: not logged, not counted, and answered while the server shuts down. */
const watched = new Set(['/health', '/metrics']);

/** The routes, and what stands before them: names, origins, shutting down, the key, the size of the body. */
export function createApp(options: AppOptions): Hono<Env> {
  const { models, metrics, exchanges } = options;
  const app = new Hono<Env>();
  app.onError((error, c) => problemOf(error, c.get('exchange')).toResponse());
  app.notFound((c) => {
    const url = `${c.req.method} ${c.req.path.slice(0, 200)}`;
    return new ApiError(404, `Invalid URL (${url}). See docs/model-server.md for what there is.`).toResponse();
  });
  if (options.corsOrigins.length > 0) {
    const origin = options.corsOrigins.includes('*') ? '*' : [...options.corsOrigins];
    app.use(cors({ origin, exposeHeaders: ['retry-after'] }));
  }
  app.use(async (c, next) => {
    if (watched.has(c.req.path)) return next();
    const facts = { method: c.req.method, path: c.req.path, route: routeOf(c.req.path) };
    const exchange = new Exchange(facts, c.req.raw.signal, options.timeoutSeconds, (finished) => {
      exchanges.delete(exchange);
      options.onFinished(finished);
    });
    exchanges.add(exchange);
    c.set('exchange', exchange);
    await next();
    if (!exchange.streams) exchange.end(c.res.status);
  });
  if (options.loopbackOnly) app.use(requireLoopbackName);
  app.get('/health', (c) => c.json({ status: options.closing() ? 'closing' : 'ok' }, options.closing() ? 503 : 200));
  if (options.apiKey !== undefined) app.use(requireKey(options.apiKey));
  app.get('/metrics', async (c) =>
    c.body(await metrics.registry.metrics(), 200, { 'content-type': metrics.registry.contentType }),
  );
  app.use(async (_, next) => {
    if (options.closing()) {
      throw shuttingDown();
    }
    await next();
  });
  app.use(
    bodyLimit({
      maxSize: options.bodyBytes,
      onError: () => {
        throw new ApiError(
          413,
          `The body is larger than the server's limit of ${options.bodyBytes} bytes. Send less.`,
          {
            code: 'request_too_large',
          },
        );
      },
    }),
  );
  app.get('/v1/models', (c) => c.json({ object: 'list', data: models.names.map((name) => models.describe(name)) }));
  app.get('/v1/models/:name{.+}', (c) => c.json(models.describe(c.req.param('name'))));
  app.post('/v1/chat/completions', (c) => chat(c, models));
  app.post('/v1/completions', (c) => completions(c, models));
  app.post('/v1/embeddings', (c) => embeddings(c, models));
  return app;
}

const routes = new Set(['/v1/chat/completions', '/v1/completions', '/v1/embeddings', '/v1/models']);

/** The route of a path, one of few, so that metrics do not grow with what is asked for. */
function routeOf(path: string): string {
  if (routes.has(path)) return path;
  return path.startsWith('/v1/models/') ? '/v1/models/{model}' : 'other';
}
