/**
 * The process that owns the embedded database of a data folder and offers it on a Unix socket.
 * `node owner.js DATA_FOLDER [--until-idle]`. Exit codes: 0 ended, 1 failed, 3 another owner is there already.
 */
import { existsSync } from 'node:fs';
import { chmod, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { pg_trgm } from '@electric-sql/pglite/contrib/pg_trgm';
import { vector } from '@electric-sql/pglite-pgvector';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import { makeDataFolder, roomProblem } from './data-folder.ts';
import { emptyDatabase } from './empty-database.ts';
import { takeFolderLock } from './folder-lock.ts';
import { oneStatementAtATime } from './pipeline.ts';
import { answers, databaseSocket } from './sockets.ts';

const alreadyOwned = 3;
/** An owner that a lone command started stays this long without any client. */
const idleMs = 30_000;

const say = (message: string) => console.log(`${new Date().toISOString()} database: ${message}`);

async function own(dataFolder: string, untilIdle: boolean): Promise<void> {
  makeDataFolder(dataFolder);
  const socket = databaseSocket(dataFolder);
  const served = () => answers(socket);
  const leave = (code: number): never => process.exit(code);

  const lock = await takeFolderLock(dataFolder, join(dataFolder, 'database.lock'), {
    served,
    onLost(message) {
      say(`another process took the lock (${message}); stopping before anything is written twice`);
      leave(1);
    },
  });
  if (!lock || (await served())) return leave(alreadyOwned);
  const tooFull = roomProblem(dataFolder);
  if (tooFull) throw new Error(tooFull);
  if (existsSync(socket)) await rm(socket);
  const note = join(dataFolder, 'database.pid');
  await writeFile(note, String(process.pid));

  const dataDir = join(dataFolder, 'database');
  const loadDataDir = existsSync(join(dataDir, 'PG_VERSION')) ? undefined : await emptyDatabase();
  const db = await PGlite.create({
    dataDir,
    extensions: { vector, pg_trgm },
    ...(loadDataDir ? { loadDataDir } : {}),
  });
  const server = new PGLiteSocketServer({
    db: oneStatementAtATime(db, (error) => {
      say(`the embedded database broke: ${error instanceof Error ? error.message : String(error)}`);
      leave(1);
    }),
    path: socket,
    maxConnections: 40,
    idleTimeout: 60_000,
  });
  await server.start();
  await chmod(socket, 0o600);
  say(`ready on ${socket}`);

  let stopping = false;
  const stop = async () => {
    if (stopping) return;
    stopping = true;
    await server.stop();
    await db.close();
    await rm(socket, { force: true });
    await rm(note, { force: true });
    await lock.release();
    say('closed');
    leave(0);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);

  let waitsForClients = untilIdle;
  // A supervised owner whose supervisor dies stays for the clients that are left.
  process.on('disconnect', () => {
    waitsForClients = true;
  });
  let idleSince = Date.now();
  setInterval(() => {
    const tooFull = stopping ? undefined : roomProblem(dataFolder);
    if (tooFull) {
      say(tooFull);
      void stop();
    }
    if (server.getStats().activeConnections > 0) idleSince = Date.now();
    else if (waitsForClients && Date.now() - idleSince > idleMs) void stop();
  }, 1_000);
  process.send?.({ type: 'ready' });
}

const [folder, mode] = process.argv.slice(2);
if (!folder) {
  console.error('Usage: owner DATA_FOLDER [--until-idle]');
  process.exit(1);
}
own(resolve(folder), mode === '--until-idle').catch((error: Error) => {
  say(`failed: ${error.message}`);
  const exit = () => process.exit(1);
  if (process.send) process.send({ type: 'failed', message: error.message }, exit);
  else exit();
});
