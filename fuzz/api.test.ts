/** The HTTP API and the pages of a real instance: whatever is sent, never a 500, never a stack, always a sentence. */
import { request as send } from 'node:http';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Instance, startInstance } from '../apps/site/test/instance.ts';
import { byteEdits, cases, expectSentenceText, jsonEdits, long, spoilBytes, spoilJson } from './hostile.ts';

let instance: Instance;
beforeAll(async () => {
  instance = await startInstance();
}, 180_000);
afterAll(() => instance?.stop());

const patience = long ? 900_000 : 120_000;

interface Answer {
  status: number;
  type: string;
  text: string;
}

/** By node:http, which sends an address as it stands, broken or not. */
const ask = (method: string, path: string, body?: Uint8Array | string, headers: Record<string, string> = {}) =>
  new Promise<Answer>((resolve, reject) => {
    const { port, host } = new URL(instance.address);
    const all = { host, authorization: `Bearer ${instance.key}`, ...headers };
    const sent = send({ host: '127.0.0.1', port, method, path, headers: all, timeout: 20_000 }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece) => {
        text += piece;
        // An event stream goes on as long as its run.
        if (response.headers['content-type']?.startsWith('text/event-stream')) response.destroy();
      });
      response.on('close', () =>
        resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', text }),
      );
    });
    sent.on('timeout', () => sent.destroy(new Error(`${method} ${path} was not answered within 20 s.`)));
    sent.on('error', reject);
    sent.end(body);
  });

/** Whether the path is the API's, once ".." has been followed. */
const isApi = (path: string): boolean => {
  const url = new URL(`http://localhost${path.split('?')[0]!.replaceAll('\\', '/')}`);
  return path.startsWith('/api/v1') && url.pathname.startsWith('/api/v1');
};

function check(path: string, { status, type, text }: Answer, method = 'POST'): void {
  const what = `${status} ${path.slice(0, 200)}: ${text.slice(0, 300)}`;
  expect(status, what).toBeLessThan(500);
  expect(text, what).not.toMatch(/\n\s+at .*[/\\]|file:\/\//);
  if (!isApi(path) || status < 400 || method === 'HEAD') return;
  expect(type, what).toContain('application/json');
  expectSentenceText(JSON.parse(text).error);
}

const strange = fc.oneof(
  fc.constantFrom(
    'prepacking',
    'moral-direction',
    'latest',
    'week',
    '2024-05-10',
    '9999-12-31',
    '0000-00-00',
    '2024-02-31',
    '-1',
    '0',
    '1',
    '1e9',
    '99999999999',
    '1.5',
    'NaN',
    'true',
    '%00',
    '%ff',
    '%',
    '%ed%a0%80',
    '..',
    '..%2f..%2fkey',
    '%2e%2e',
    '__proto__',
    'constructor',
    "'",
    '%22',
    '%0d%0aX: y',
    'after~2024-05-10~a',
    'upload:x',
    '\\',
    ';',
    'a'.repeat(2_000),
  ),
  fc.string({ unit: 'binary', maxLength: 20 }).map((text) => encodeURIComponent(text.toWellFormed())),
  fc.json({ maxDepth: 1 }).map((json) => Buffer.from(json).toString('base64url')),
);
const cursor = fc
  .tuple(
    fc.constantFrom(
      '2024-05-10T12:00:00.000000Z',
      '2024-02-31T12:00:00.000000Z',
      '2024-05-10T25:00:00.000000Z',
      '1',
      'Jan 1',
      '+275760-09-13',
    ),
    fc.constantFrom('a', '\u0000', '\ud800', ''),
  )
  .map((parts) => Buffer.from(JSON.stringify(parts)).toString('base64url'));
const paths = [
  'papers/X',
  'papers/X/similar',
  'papers/X/schema',
  'papers/X/evidence',
  'runs/X',
  'runs/X/events',
  'runs/X/artifacts',
  'runs/X/artifacts/X',
  'runs/X/plots/X',
  'runs/X/plots/1.svg',
  'runs',
  'papers',
  'search',
  'claims',
  'claims.csv',
  'status',
  'openapi.json',
  'uploads',
  'X',
  'X/X',
].map((path) => `/api/v1/${path}`);
const pages = [
  '/',
  '/papers/X',
  '/papers/X/cite.bib',
  '/papers/prepacking/cite.X',
  '/runs',
  '/runs/X',
  '/search',
  '/claims',
  '/families/X',
  '/abs/X',
  '/pdf/X',
  '/about',
  '/X',
];
const names = [
  'q',
  'cursor',
  'date',
  'view',
  'family',
  'from',
  'to',
  'limit',
  'offset',
  'wait',
  'after',
  'format',
  'width',
  'dark',
  'runsHere',
  'commented',
  'show',
  'page',
  'slug',
  'claim',
  'verdict',
  'sort',
  'kind',
];
const address = fc
  .tuple(
    fc.constantFrom(...paths, ...pages),
    fc.array(strange, { minLength: 2, maxLength: 2 }),
    fc.array(fc.tuple(fc.constantFrom(...names), fc.oneof(strange, cursor)), { maxLength: 3 }),
  )
  .map(([path, values, query]) => {
    const filled = values.reduce((text, value) => text.replace('X', () => value), path);
    return `${filled}${query.length > 0 ? `?${query.map(([name, value]) => `${name}=${value}`).join('&')}` : ''}`.replace(
      /[^\x21-\x7e]/g,
      '',
    );
  });

describe('the instance answers in order', () => {
  it('to any address', { timeout: patience }, async () => {
    await fc.assert(
      fc.asyncProperty(
        address,
        fc.constantFrom('GET', 'GET', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'),
        async (path, method) => {
          // No run is started and nothing imported without a body.
          check(path, await ask(method, path), method);
        },
      ),
      cases(400),
    );
  });

  it('to headers of any kind', { timeout: patience }, async () => {
    const headers = fc.dictionary(
      fc.constantFrom(
        'range',
        'last-event-id',
        'accept',
        'content-type',
        'content-length',
        'if-none-match',
        'cookie',
        'authorization',
        'origin',
        'x-forwarded-for',
        'accept-encoding',
      ),
      fc.oneof(
        fc.constantFrom(
          'bytes=0-',
          'bytes=-1',
          'bytes=9-1',
          'bytes=0-0,5-9',
          '-5',
          '1e99',
          'text/event-stream',
          'working-papers-key=x',
          'Bearer ',
          '0',
        ),
        fc.string({ maxLength: 30 }).map((text) => text.replace(/[^\x21-\x7e]/g, '')),
      ),
      { maxKeys: 3 },
    );
    await fc.assert(
      fc.asyncProperty(
        headers,
        fc.constantFrom(
          '/api/v1/papers',
          '/api/v1/runs/none/events',
          '/api/v1/runs/none/artifacts/a',
          '/api/v1/claims.csv',
          '/',
          '/papers/prepacking',
        ),
        async (sent, path) => {
          const { 'content-length': _, ...rest } = sent;
          check(path, await ask('GET', path, undefined, rest));
        },
      ),
      cases(100),
    );
  });

  it('to any request for a run; what it starts is cancelled', { timeout: patience }, async () => {
    const valid = {
      slug: 'prepacking',
      parameters: { prompts: 'One.\nTwo.', batch: 2, maxNew: 1 },
      seed: 1,
      experiment: false,
    };
    const json = { 'content-type': 'application/json' };
    const body = fc.oneof(
      jsonEdits.map((edits) => JSON.stringify(spoilJson(valid, edits))),
      byteEdits.map((edits) => Buffer.from(spoilBytes(Buffer.from(JSON.stringify(valid)), edits))),
      fc.json(),
      fc.constantFrom(
        '',
        '{',
        '['.repeat(50_000),
        '{"slug":"prepacking","parameters":{"prompts":"a\\u0000b"}}',
        '{"slug":"prepacking","parameters":{"prompts":"\\ud800"}}',
        JSON.stringify({ ...valid, stage: '\u0000', experiment: true }),
      ),
    );
    await fc.assert(
      fc.asyncProperty(
        body,
        fc.constantFrom('/api/v1/runs', '/api/v1/papers/prepacking/estimate'),
        async (content, path) => {
          const answer = await ask('POST', path, content, json);
          check(path, answer);
          if (answer.status !== 201) return;
          const { id } = JSON.parse(answer.text);
          check('/api/v1/cancel', await ask('POST', `/api/v1/runs/${id}/cancel`));
        },
      ),
      cases(150),
    );
  });

  it('to bodies that are too long, of no known length, or of another kind', { timeout: patience }, async () => {
    const json = { 'content-type': 'application/json' };
    const long = JSON.stringify({ slug: 'prepacking', parameters: { prompts: 'x'.repeat(3_000_000) } });
    for (const headers of [json, { ...json, 'transfer-encoding': 'chunked' }]) {
      // The server does not read what it refuses, so the connection may end before its answer is read.
      const refused = await ask('POST', '/api/v1/runs', long, headers).catch((error: NodeJS.ErrnoException) => {
        expect(['ECONNRESET', 'EPIPE']).toContain(error.code);
      });
      if (!refused) continue;
      expect(refused.status).toBe(413);
      expectSentenceText(JSON.parse(refused.text).error);
    }
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data',
      'multipart/form-data; boundary=x',
      'image/png',
      '',
    ])
      for (const path of [
        '/api/v1/runs',
        '/api/v1/uploads?kind=input',
        '/import',
        '/papers/prepacking',
        '/papers/prepacking?/run',
        '/runs/none?/cancel',
      ])
        check(path, await ask('POST', path, 'a=b', { 'content-type': type, origin: instance.address }));
  });

  it('and said nothing of a slip in its log', () => {
    expect(instance.said()).not.toMatch(/TypeError|ReferenceError|invalid byte sequence|Unhandled/);
  });
});
