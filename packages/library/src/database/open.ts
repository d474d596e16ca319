import { resolve } from 'node:path';
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import * as schema from '../schema.ts';
import type { LibraryStatus } from '../types.ts';
import { makeDataFolder } from './data-folder.ts';
import { migrate } from './migrate.ts';
import { ensureOwner } from './owner-process.ts';
import { keepPresence } from './presence.ts';
import { socketFolder } from './sockets.ts';

export type Connection = { connectionString: string } | { host: string; user: string; database: string };

export interface Library {
  readonly db: NodePgDatabase<typeof schema>;
  readonly pool: pg.Pool;
  readonly dataFolder: string;
  readonly database: 'embedded' | 'server';
  /** The database compares words by trigrams (pg_trgm). */
  readonly trigram: boolean;
  /** For another client of the same database, such as the queue. */
  readonly connection: Connection;
  close(): Promise<void>;
}

export interface OpenLibraryOptions {
  dataFolder: string;
  /** A Postgres server with pgvector; without it the embedded database of the data folder. */
  databaseUrl?: string;
  /** Sentences about what is going on. */
  onMessage?(message: string): void;
}

/** Opens the library of a data folder: starts or joins its database and brings the schema up to date. */
export async function openLibrary({ dataFolder, databaseUrl, onMessage }: OpenLibraryOptions): Promise<Library> {
  const folder = resolve(dataFolder);
  makeDataFolder(folder);
  if (databaseUrl && !/^postgres(ql)?:\/\//.test(databaseUrl))
    throw new Error('DATABASE_URL is no address of a Postgres server: postgres://user:password@host:5432/name.');
  const database = databaseUrl ? 'server' : 'embedded';
  if (!databaseUrl) await ensureOwner(folder);
  const connection: Connection = databaseUrl
    ? { connectionString: databaseUrl }
    : { host: socketFolder(folder), user: 'postgres', database: 'postgres' };

  const size = databaseUrl ? { max: 10, connectionTimeoutMillis: 15_000 } : { max: 4 };
  const pool = new pg.Pool({ ...connection, ...size, idleTimeoutMillis: 30_000 });
  // A connection that breaks while idle is replaced by the next query; without listeners it would end the process.
  pool.on('error', (error) => onMessage?.(`A database connection was lost: ${error.message}.`));
  pool.on('connect', (client) => client.on('error', () => {}));
  try {
    const applied = await (databaseUrl
      ? migrate(pool, undefined).catch(explain(databaseUrl))
      : migrateEmbedded(pool, folder));
    if (applied.length > 0) onMessage?.(`Database brought up to date: ${applied.join(', ')}.`);
    const trigram = await useTrigrams(pool);
    const leave = databaseUrl ? undefined : keepPresence(pool, folder, (message) => onMessage?.(message));
    return {
      db: drizzle(pool, { schema }),
      pool,
      dataFolder: folder,
      database,
      trigram,
      connection,
      async close() {
        leave?.();
        await pool.end();
      },
    };
  } catch (error) {
    await pool.end();
    throw error;
  }
}

/** An owner may leave, its last client gone, just when the next one comes; then the next owner is asked. */
async function migrateEmbedded(pool: pg.Pool, folder: string): Promise<string[]> {
  try {
    return await migrate(pool, folder);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const gone = ['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE'].includes(code ?? '') || /terminated/.test(message);
    if (!gone) throw error;
    await ensureOwner(folder);
    return migrate(pool, folder);
  }
}

/** What keeps a server from being used at all: no connection, no such user or database, no room, or it is going down. */
function explain(databaseUrl: string) {
  return (error: NodeJS.ErrnoException): never => {
    const { code = '', message } = error;
    const refused = error instanceof pg.DatabaseError && /^(08|28|3D|53|57)/.test(code);
    const unreachable =
      /^E[A-Z_]+$|^(ERR_|SELF_|CERT_|UNABLE_)/.test(code) || /terminated|time(d )?out|SSL|SASL/i.test(message);
    if (!refused && !unreachable) throw error;
    const place = URL.canParse(databaseUrl) ? new URL(databaseUrl) : undefined;
    const name = place ? `${place.host}${place.pathname}` : 'the address given';
    throw new Error(`The database server at ${name} cannot be used: ${message || code}. Check DATABASE_URL.`, {
      cause: error,
    });
  };
}

/** pg_trgm makes finding misspelt words fast; a server without contrib modules (or the right to add them) goes without. */
async function useTrigrams(pool: pg.Pool): Promise<boolean> {
  try {
    const there = await pool.query("select 1 from pg_indexes where indexname = 'words_trigrams'");
    if (there.rowCount === 0) {
      await pool.query('create extension if not exists pg_trgm');
      await pool.query('create index if not exists words_trigrams on words using gin (word gin_trgm_ops)');
    }
    return true;
  } catch {
    return false;
  }
}

/** What the database holds and what it has to do without. */
export async function libraryStatus(library: Library): Promise<LibraryStatus> {
  const { rows } = await library.pool.query<{ papers: number; embedded: number }>(
    'select count(*)::int as papers, (select count(distinct paper)::int from embeddings where passage = 0) as embedded from papers',
  );
  const { papers, embedded } = rows[0]!;
  const messages: string[] = [];
  if (!library.trigram) {
    messages.push(
      'The database server has no pg_trgm: misspelt words are found by a slower comparison with every word.',
    );
  }
  if (embedded < papers) messages.push(`${papers - embedded} of ${papers} papers have no embedding yet.`);
  return { database: library.database, papers, embedded, trigram: library.trigram, messages };
}
