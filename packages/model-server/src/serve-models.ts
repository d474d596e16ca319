import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { isLoopback } from './access.ts';
import { createApp } from './app.ts';
import type { Exchange, Finished } from './exchange.ts';
import { createMetrics } from './metrics.ts';
import { type NamedModel, ServedModels } from './served-models.ts';

export interface ModelServerOptions {
  /** Opened models, which stay the caller's: close them after the server. */
  models: readonly NamedModel[];
  /** Name or address to listen on. Default 127.0.0.1: this machine alone. */
  host?: string;
  /** 0 takes a free one. Default 8000. */
  port?: number;
  /** Requests that a decoder answers at once. Default 8. */
  rows?: number;
  /** Tokens, prompt and answer, that one request can have. Default and most: the model's context. */
  context?: number;
  /** Requests that may wait for each model; more are refused with 429. Default 256. */
  queueLimit?: number;
  /** Bytes for keys and values of earlier prompts, a decoder; 0 keeps none. Default 256 MiB. */
  prefixBytes?: number;
  /** Bytes of a request's body. Default 2 MiB. */
  bodyBytes?: number;
  /** Seconds after which an answer is broken off; 0 for no limit. Default 600. */
  timeoutSeconds?: number;
  /** What requests must carry as `Authorization: Bearer KEY`; /health alone answers without. */
  apiKey?: string;
  /** Origins whose pages may ask; `*` is all. Default none. */
  corsOrigins?: readonly string[];
  /** Told of every request that has ended, but /health and /metrics. */
  onFinished?(finished: Finished): void;
}

export interface ModelServer {
  /** `http://127.0.0.1:8000` */
  readonly address: string;
  readonly port: number;
  /** Requests that are being answered. */
  readonly running: number;
  /** Takes no more requests, lets those that run end for so many seconds (default 30), breaks off the rest, and closes. */
  close(options?: { drainSeconds?: number }): Promise<void>;
}

/** How long a broken-off answer's reader has to take its end. */
const lastWordsMilliseconds = 1000;

/** Serves models over OpenAI's HTTP API. Rejects with a sentence where it cannot listen or a model cannot be served. */
export async function serveModels(options: ModelServerOptions): Promise<ModelServer> {
  const { host = '127.0.0.1', port = 8000, apiKey, rows, context } = options;
  const models = new ServedModels(options.models, {
    queueLimit: options.queueLimit ?? 256,
    prefixBytes: options.prefixBytes ?? 2 ** 28,
    ...(rows === undefined ? {} : { rows }),
    ...(context === undefined ? {} : { context }),
  });
  const metrics = createMetrics(models);
  const exchanges = new Set<Exchange>();
  let closing: Promise<void> | undefined;
  let drained = () => {};
  const app = createApp({
    models,
    metrics,
    exchanges,
    closing: () => closing !== undefined,
    onFinished(finished) {
      metrics.finished(finished);
      options.onFinished?.(finished);
      if (exchanges.size === 0) drained();
    },
    ...(apiKey === undefined ? {} : { apiKey }),
    corsOrigins: options.corsOrigins ?? [],
    loopbackOnly: isLoopback(host) && apiKey === undefined,
    bodyBytes: options.bodyBytes ?? 2 ** 21,
    timeoutSeconds: options.timeoutSeconds ?? 600,
  });
  const server = createAdaptorServer({ fetch: app.fetch }) as import('node:http').Server;
  const close = async (drainSeconds: number) => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeIdleConnections();
    if (exchanges.size > 0) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        drained = resolve;
        timer = setTimeout(resolve, drainSeconds * 1000);
      });
      clearTimeout(timer);
    }
    for (const exchange of exchanges) exchange.breakOff('shutdown');
    await models.close();
    // Their last words are being written; whoever does not read them is not waited for.
    server.closeIdleConnections();
    const hurry = setTimeout(() => server.closeAllConnections(), lastWordsMilliseconds);
    await closed;
    clearTimeout(hurry);
    metrics.registry.clear();
  };
  try {
    await listen(server, port, host);
  } catch (error) {
    await models.close();
    throw error;
  }
  const address = server.address() as AddressInfo;
  return {
    address: `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`,
    port: address.port,
    get running() {
      return exchanges.size;
    },
    close: ({ drainSeconds = 30 } = {}) => {
      closing ??= close(drainSeconds);
      return closing;
    },
  };
}

function listen(server: import('node:http').Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why: Record<string, string> = {
        EADDRINUSE: `Port ${port} of ${host} is taken. Give another, or 0 for a free one.`,
        EACCES: `Port ${port} of ${host} may not be listened on by this user. Give one above 1023.`,
        EADDRNOTAVAIL: `This machine has no address ${host}.`,
        ENOTFOUND: `The name ${host} is not known.`,
      };
      reject(new Error(why[error.code ?? ''] ?? `The server cannot listen on ${host}:${port} (${error.message}).`));
    });
    server.listen(port, host, resolve);
  });
}
