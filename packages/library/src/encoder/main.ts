/**
 * The encoder's process: gives embeddings to everybody on a socket in the data folder and embeds the shelf's papers.
 * `node main.js DATA_FOLDER [--until-idle]`, DATABASE_URL for a server. Exit codes: 0 ended, 1 failed, 3 there is one already.
 */
import { existsSync } from 'node:fs';
import { chmod, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { makeDataFolder } from '../database/data-folder.ts';
import { takeFolderLock } from '../database/folder-lock.ts';
import { type Library, openLibrary } from '../database/open.ts';
import { answers, encoderSocket } from '../database/sockets.ts';
import type { EncoderStatus } from '../types.ts';
import { countPapers, type Embed, fillEmbeddings } from './fill.ts';
import { type LoadedEncoder, loadEncoder } from './model.ts';
import { serveEncoder } from './service.ts';
import { createTurns } from './turns.ts';

const idleMs = 60_000;
/** How often the shelf is looked through for papers without embeddings, and a missing model is asked for again. */
const lookMs = 3_000;
const retryMs = 300_000;

const say = (message: string) => console.log(`${new Date().toISOString()} encoder: ${message}`);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function run(dataFolder: string, untilIdle: boolean): Promise<void> {
  makeDataFolder(dataFolder);
  const path = encoderSocket(dataFolder);
  const served = () => answers(path);
  const lock = await takeFolderLock(dataFolder, join(dataFolder, 'encoder.lock'), {
    served,
    onLost: (message) => {
      say(`another encoder took the lock: ${message}`);
      process.exit(1);
    },
  });
  if (!lock || (await served())) process.exit(3);
  if (existsSync(path)) await rm(path);

  const turns = createTurns();
  let status: EncoderStatus = { state: 'starting', message: 'The encoder is starting.' };
  let arrived!: (embed: Embed) => void;
  let missing!: (error: Error) => void;
  let ready!: Promise<Embed>;
  const expect = () => {
    ready = new Promise((resolve, reject) => {
      arrived = resolve;
      missing = reject;
    });
    ready.catch(() => {});
  };
  expect();

  const service = await serveEncoder({ path, status: () => status, ready: () => ready });
  await chmod(path, 0o600);
  const stopping = new AbortController();
  let loaded: LoadedEncoder | undefined;
  let library: Library | undefined;
  const stop = async () => {
    if (stopping.signal.aborted) return;
    stopping.abort();
    await service.close();
    await rm(path, { force: true });
    await library?.close().catch(() => {});
    loaded?.close();
    await lock?.release();
    process.exit(0);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  let waitsForClients = untilIdle;
  process.on('disconnect', () => {
    waitsForClients = true;
  });
  let busyAt = Date.now();
  setInterval(() => {
    if (service.connections() > 0) busyAt = Date.now();
    else if (waitsForClients && Date.now() - busyAt > idleMs) void stop();
  }, 1_000);
  process.send?.({ type: 'ready' });

  while (!stopping.signal.aborted && !loaded) {
    try {
      loaded = await loadEncoder(
        dataFolder,
        ({ downloading, message, progress }) => {
          status = {
            state: downloading ? 'downloading' : 'starting',
            message,
            ...(progress !== undefined && { progress }),
          };
        },
        stopping.signal,
      );
    } catch (error) {
      status = { state: 'unavailable', message: `The encoder's model cannot be had: ${(error as Error).message}` };
      say(status.message);
      missing(new Error(status.message));
      await pause(retryMs);
      status = { state: 'starting', message: 'The encoder is starting.' };
      expect();
    }
  }
  if (!loaded) return;
  const { embed, model } = loaded;
  arrived((texts) => turns.take(() => embed(texts), true));
  status = { state: 'ready', message: 'The encoder is ready.' };
  say(`ready with ${model}`);

  const databaseUrl = process.env.DATABASE_URL;
  while (!stopping.signal.aborted) {
    try {
      library ??= await openLibrary({ dataFolder, ...(databaseUrl && { databaseUrl }), onMessage: say });
      const filled = await fillEmbeddings(library, (texts) => turns.take(() => embed(texts)), {
        model,
        signal: stopping.signal,
        onProgress: (papers) => {
          status = statusOf(papers);
        },
      });
      // Only work keeps a lone encoder; a look that found nothing to do does not.
      if (filled > 0) busyAt = Date.now();
      if (filled > 0 || !status.papers) status = statusOf(await countPapers(library));
    } catch (error) {
      if (stopping.signal.aborted) return;
      say(`the shelf's embeddings wait: ${(error as Error).message}`);
      await library?.close().catch(() => {});
      library = undefined;
    }
    await pause(lookMs);
  }
}

function statusOf(papers: { embedded: number; total: number }): EncoderStatus {
  const whole = papers.embedded >= papers.total;
  return {
    state: 'ready',
    message: whole
      ? 'The encoder is ready.'
      : `The encoder is ready; ${papers.embedded} of ${papers.total} papers have their embedding.`,
    ...(!whole && { progress: papers.embedded / papers.total }),
    papers,
  };
}

const [folder, mode] = process.argv.slice(2);
if (!folder) {
  console.error('Usage: encoder DATA_FOLDER [--until-idle]');
  process.exit(1);
}
run(resolve(folder), mode === '--until-idle').catch((error: Error) => {
  say(`failed: ${error.message}`);
  const exit = () => process.exit(1);
  if (process.send) process.send({ type: 'failed', message: error.message }, exit);
  else exit();
});
