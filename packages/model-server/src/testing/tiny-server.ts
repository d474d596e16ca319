import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DecoderModel } from '@working-papers/models';
import { openModel } from '@working-papers/models/node';
import OpenAI from 'openai';
import { type ModelServer, type ModelServerOptions, type NamedModel, serveModels } from '../index.ts';
import { writeTinyDecoder } from './tiny-decoder.ts';

/** The tiny decoder, opened from a folder of its own. */
export async function openTiny(options: Parameters<typeof writeTinyDecoder>[1] = {}): Promise<DecoderModel> {
  const folder = await mkdtemp(join(tmpdir(), 'papers-tiny-'));
  try {
    return (await openModel(await writeTinyDecoder(folder, options))) as DecoderModel;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export interface Served {
  server: ModelServer;
  client: OpenAI;
  post(
    path: string,
    body: unknown,
    headers?: Record<string, string>,
  ): Promise<{ status: number; headers: Headers; body: unknown }>;
  /** The value of a metric's line, found by its beginning. */
  metric(line: string): Promise<number>;
}

/** A server on a free port, and a client of OpenAI's that asks once. */
export async function startServer(
  models: readonly NamedModel[],
  options: Omit<ModelServerOptions, 'models'> = {},
): Promise<Served> {
  const server = await serveModels({ models, port: 0, ...options });
  const apiKey = options.apiKey ?? 'none';
  const client = new OpenAI({ baseURL: `${server.address}/v1`, apiKey, maxRetries: 0 });
  return {
    server,
    client,
    async post(path, body, headers = {}) {
      const response = await fetch(`${server.address}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      });
      return { status: response.status, headers: response.headers, body: await response.json() };
    },
    async metric(line) {
      const text = await (
        await fetch(`${server.address}/metrics`, { headers: { authorization: `Bearer ${apiKey}` } })
      ).text();
      const found = text.split('\n').find((one) => one.startsWith(line));
      return Number(found?.split(' ').at(-1));
    },
  };
}

/** Asks until something holds; for what happens soon, but not before an answer returns. */
export async function until(holds: () => Promise<boolean> | boolean, milliseconds = 5_000): Promise<void> {
  const end = performance.now() + milliseconds;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`It did not come to hold within ${milliseconds} ms.`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
