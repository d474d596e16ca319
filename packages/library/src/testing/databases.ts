/** The two kinds of database that the same tests run on. */
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { type Library, openLibrary } from '../database/open.ts';
import { startServer, type TestServer } from './server.ts';

export interface TestDatabase {
  readonly folder: string;
  open(): Promise<Library>;
  remove(): Promise<void>;
}

/** A folder of its own in the temporary one; short enough for a socket. */
export const temporaryFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'wp-'));

export async function embeddedDatabase(): Promise<TestDatabase> {
  const folder = await temporaryFolder();
  return {
    folder,
    open: () => openLibrary({ dataFolder: folder }),
    async remove() {
      await endOwner(folder);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Process id of the folder's database owner, which it writes down. */
export function ownerOf(folder: string): number | undefined {
  const file = join(folder, 'database.pid');
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) : undefined;
}

/** Ends the folder's database owner and waits until it is gone. */
export async function endOwner(folder: string, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  const id = ownerOf(folder);
  if (id === undefined) return;
  try {
    process.kill(id, signal);
    for (;;) {
      process.kill(id, 0);
      // An ended process that its parent has not asked for yet still takes signals.
      const state = existsSync(`/proc/${id}/stat`) ? readFileSync(`/proc/${id}/stat`, 'utf8').split(') ')[1]?.[0] : '';
      if (state === 'Z') return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  } catch {
    // It is gone.
  }
}

let server: TestServer | undefined;
let databases = 0;

/** A database of its own on the test server, which starts with the first one; throws with a sentence when there is no server. */
export async function serverDatabase(): Promise<TestDatabase> {
  server ??= await startServer();
  const name = `library_${process.pid}_${databases++}`;
  await onServer(server, `create database ${name}`);
  const folder = await temporaryFolder();
  const databaseUrl = server.urlOf(name);
  return {
    folder,
    open: () => openLibrary({ dataFolder: folder, databaseUrl }),
    async remove() {
      if (server) await onServer(server, `drop database ${name} with (force)`);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export async function endServer(): Promise<void> {
  await server?.stop();
  server = undefined;
}

async function onServer(server: TestServer, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: server.urlOf('postgres') });
  client.on('error', () => {});
  await client.connect();
  await client.query(statement);
  await client.end();
}
