/** What a server holds its callers to, and what becomes of those who leave. */
import { request } from 'node:http';
import type { DecoderModel } from '@working-papers/models';
import OpenAI from 'openai';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Finished, ModelServerOptions } from './index.ts';
import { serveModels } from './index.ts';
import { ServedDecoder } from './served-decoder.ts';
import { openTiny, type Served, startServer, until } from './testing/tiny-server.ts';

let model: DecoderModel;
const open: Served[] = [];
beforeAll(async () => {
  model = await openTiny();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map(({ server }) => server.close({ drainSeconds: 0 })));
});
afterAll(() => model.close());

async function start(options: Omit<ModelServerOptions, 'models'> = {}): Promise<Served> {
  const served = await startServer([{ name: 'tiny', model }], options);
  open.push(served);
  return served;
}

const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: 'Hi' }];
/** Goes on to the end of the context. */
const long = { model: 'tiny', messages, ignore_eos: true } as OpenAI.ChatCompletionCreateParamsNonStreaming;
const short = { model: 'tiny', messages, max_tokens: 3, ignore_eos: true } as typeof long;
const decoding = ({ metric }: Served) => metric('model_server_requests{model="tiny",state="decoding"}');
const queued = ({ metric }: Served) => metric('model_server_requests{model="tiny",state="queued"}');

describe('a client that leaves', () => {
  it('frees its row at once, whether it streams or waits', async () => {
    const ended: Finished[] = [];
    const served = await start({ rows: 1, onFinished: (finished) => ended.push(finished) });
    for (const stream of [true, false]) {
      const leaving = new AbortController();
      const answer = served.client.chat.completions.create({ ...long, stream } as typeof long, {
        signal: leaving.signal,
      });
      const lost = expect(
        answer.then(async (events) => {
          if (stream) for await (const _ of events as unknown as AsyncIterable<unknown>) leaving.abort();
          if (leaving.signal.aborted) throw new Error('aborted');
        }),
      ).rejects.toThrow(/abort/i);
      if (!stream) {
        await until(async () => (await decoding(served)) === 1);
        leaving.abort();
      }
      await lost;
      // The only row is free again: this answer would otherwise wait for some 480 tokens.
      expect((await served.client.chat.completions.create(short)).usage!.completion_tokens).toBe(3);
      await until(() => ended.length === 2);
      const [left] = ended.splice(0);
      expect(left).toMatchObject({ status: 499, brokenOff: 'client', model: 'tiny' });
      expect(left!.newTokens).toBeLessThan(480);
    }
    expect(await served.metric('model_server_answers_cancelled_total')).toBe(2);
    expect(await decoding(served)).toBe(0);
    expect(served.server.running).toBe(0);
  });

  it('leaves the queue too', async () => {
    const served = await start({ rows: 1 });
    const [first, second] = [new AbortController(), new AbortController()];
    const running = served.client.chat.completions.create(long, { signal: first.signal });
    await until(async () => (await decoding(served)) === 1);
    const waiting = served.client.chat.completions.create(long, { signal: second.signal });
    await until(async () => (await queued(served)) === 1);
    second.abort();
    await expect(waiting).rejects.toThrow(/abort/i);
    await until(async () => (await queued(served)) === 0);
    expect(await decoding(served)).toBe(1);
    first.abort();
    await expect(running).rejects.toThrow(/abort/i);
  });
});

describe('limits', () => {
  it('of the scheduler: its refusals are told as a full queue and as a server that goes down', async () => {
    const served = new ServedDecoder('tiny', model, { rows: 1, queueLimit: 1, prefixBytes: 0 });
    const options = { prompt: 'Hi', maxTokens: 3 };
    const answers = [served.generate(options), served.generate(options)];
    expect(() => served.generate(options)).toThrow(expect.objectContaining({ status: 429 }));
    expect(() => served.generate({ prompt: 'Hi', maxTokens: -1 })).toThrow(expect.objectContaining({ status: 429 }));
    for (const answer of answers) for await (const _ of answer);
    expect(() => served.generate({ prompt: 'Hi', maxTokens: -1 })).toThrow(expect.objectContaining({ status: 400 }));
    await served.scheduler.close();
    expect(() => served.generate(options)).toThrow(expect.objectContaining({ status: 503 }));
  });

  it('of the queue: more are told to come back', async () => {
    const served = await start({ rows: 1, queueLimit: 1 });
    const leaving = new AbortController();
    const running = [0, 1].map(() => served.client.chat.completions.create(long, { signal: leaving.signal }));
    const lost = Promise.allSettled(running);
    await until(async () => (await decoding(served)) === 1 && (await queued(served)) === 1);
    const refused = await served.post('/v1/chat/completions', short);
    expect(refused).toMatchObject({
      status: 429,
      body: {
        error: {
          type: 'rate_limit_error',
          code: 'rate_limit_exceeded',
          message: expect.stringMatching(/tiny is busy: 1 requests wait/),
        },
      },
    });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    await expect(served.client.chat.completions.create(short)).rejects.toBeInstanceOf(OpenAI.RateLimitError);
    leaving.abort();
    await lost;
    await until(async () => (await decoding(served)) === 0);
    expect(await served.post('/v1/chat/completions', { ...short, n: 3 })).toMatchObject({
      status: 400,
      body: { error: { param: 'n', message: expect.stringMatching(/asks for 3 answers.*at most 2/) } },
    });
  });

  it('of time: an answer is broken off, before or in its stream', async () => {
    const served = await start({ timeoutSeconds: 0.05 });
    expect(await served.post('/v1/chat/completions', { ...long, n: 8 })).toMatchObject({
      status: 503,
      body: { error: { code: 'timeout', message: expect.stringMatching(/limit of 0.05 s/) } },
    });
    const stream = await served.client.chat.completions.create({ ...long, n: 8, stream: true });
    await expect(
      (async () => {
        for await (const _ of stream);
      })(),
    ).rejects.toThrow(/limit of 0.05 s/);
    await until(async () => (await decoding(served)) === 0);
  });

  it('of the body, its type and the context', async () => {
    const served = await start({ bodyBytes: 1000, context: 64 });
    const path = '/v1/chat/completions';
    const user = (content: string) => ({ ...short, messages: [{ role: 'user', content }] });
    expect(await served.post(path, user('x'.repeat(1000)))).toMatchObject({
      status: 413,
      body: { error: { code: 'request_too_large', message: expect.stringMatching(/limit of 1000 bytes/) } },
    });
    expect(await served.post(path, user('x'.repeat(50)))).toMatchObject({
      status: 400,
      body: { error: { code: 'context_length_exceeded', message: expect.stringMatching(/length is 64 tokens/) } },
    });
    expect(await served.post(path, short, { 'content-type': 'text/plain' })).toMatchObject({ status: 415 });
    // A body of unknown length is counted as it comes.
    const chunked = await fetch(`${served.server.address}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: new Blob(['x'.repeat(5000)]).stream(),
      duplex: 'half',
    } as RequestInit);
    expect(chunked.status).toBe(413);
    expect((await served.client.chat.completions.create(long)).usage!.total_tokens).toBe(64);
  });
});

describe('access', () => {
  it('asks for the key everywhere but at /health', async () => {
    const served = await start({ apiKey: 'sesame' });
    expect((await served.client.models.list()).data).toHaveLength(1);
    for (const apiKey of ['sesam', 'sesame1', 'x']) {
      const stranger = new OpenAI({ baseURL: `${served.server.address}/v1`, apiKey, maxRetries: 0 });
      await expect(stranger.models.list()).rejects.toMatchObject({ status: 401, code: 'invalid_api_key' });
    }
    const bare = (path: string) => fetch(`${served.server.address}${path}`);
    expect((await bare('/v1/models')).headers.get('www-authenticate')).toBe('Bearer');
    expect((await bare('/metrics')).status).toBe(401);
    expect(await (await bare('/health')).json()).toEqual({ status: 'ok' });
  });

  /** fetch sets Host by itself. */
  const statusFor = (served: Served, host: string) =>
    new Promise<number>((resolve, reject) => {
      request({ port: served.server.port, host: '127.0.0.1', path: '/v1/models', headers: { host } }, (response) => {
        response.resume();
        resolve(response.statusCode!);
      })
        .on('error', reject)
        .end();
    });

  it('is by the names of this machine, or with a key', async () => {
    const served = await start();
    expect(await statusFor(served, 'rebound.example')).toBe(403);
    for (const host of ['localhost:99', '127.0.0.1', '[::1]:5']) expect(await statusFor(served, host)).toBe(200);
    expect(await statusFor(await start({ apiKey: 'k' }), 'proxied.example')).toBe(401);
  });

  it('is for pages of the given origins only', async () => {
    const preflight = async (served: Served, origin: string) => {
      const response = await fetch(`${served.server.address}/v1/chat/completions`, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' },
      });
      return response.headers.get('access-control-allow-origin');
    };
    expect(await preflight(await start(), 'https://a.example')).toBeNull();
    const served = await start({ corsOrigins: ['https://a.example'], apiKey: 'k' });
    expect(await preflight(served, 'https://a.example')).toBe('https://a.example');
    expect(await preflight(served, 'https://b.example')).toBeNull();
    expect(await preflight(await start({ corsOrigins: ['*'] }), 'https://b.example')).toBe('*');
  });
});

describe('closing', () => {
  it('lets those who are answered end, and takes no others', async () => {
    const served = await start({ context: 256 });
    const running = served.client.chat.completions.create(long);
    await until(async () => (await decoding(served)) === 1);
    const closed = served.server.close();
    await expect(served.client.chat.completions.create(short)).rejects.toThrow();
    const { usage, choices } = await running;
    expect([usage!.total_tokens, choices[0]!.finish_reason]).toEqual([256, 'length']);
    await closed;
    await expect(fetch(`${served.server.address}/health`)).rejects.toThrow();
  });

  it('breaks off what takes too long, with a sentence', async () => {
    const served = await start({ rows: 1 });
    const stream = await served.client.chat.completions.create({ ...long, stream: true });
    const waiting = served.post('/v1/chat/completions', long);
    await until(async () => (await queued(served)) === 1);
    const read = (async () => {
      for await (const _ of stream);
    })();
    const broken = expect(read).rejects.toThrow(/shutting down/);
    await served.server.close({ drainSeconds: 0.01 });
    await broken;
    expect(await waiting).toMatchObject({ status: 503, body: { error: { code: 'shutting_down' } } });
  });

  it('leaves the model to its owner, and ports that are taken alone', async () => {
    const { server } = await start();
    await expect(serveModels({ models: [{ name: 'tiny', model }], port: server.port })).rejects.toThrow(
      `Port ${server.port} of 127.0.0.1 is taken. Give another, or 0 for a free one.`,
    );
    const twice = [
      { name: 'tiny', model },
      { name: 'tiny', model },
    ];
    await expect(serveModels({ models: twice, port: 0 })).rejects.toThrow(/Two models are named "tiny"/);
    const tokens = model.generate({ ids: [1], maxTokens: 2, stopAtEnd: false });
    let count = 0;
    for await (const _ of tokens) count++;
    expect(count).toBe(2);
  });
});
