import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Pool, PoolClient } from 'pg';
import lockfile from 'proper-lockfile';
import { transaction } from './transaction.ts';

const folder = fileURLToPath(new URL('../../migrations/', import.meta.url));

interface Migration {
  name: string;
  sql: string;
  sha256: string;
}

async function readMigrations(): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(join(folder, name), 'utf8');
      return { name, sql, sha256: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

async function pending(db: Pool | PoolClient, all: Migration[]): Promise<Migration[]> {
  const known = new Map(all.map((migration) => [migration.name, migration]));
  const there = await db.query<{ there: boolean }>("select to_regclass('migrations') is not null as there");
  if (!there.rows[0]!.there) return all;
  const applied = await db.query<{ name: string; sha256: string }>('select name, sha256 from migrations');
  for (const { name, sha256 } of applied.rows) {
    const migration = known.get(name);
    if (!migration)
      throw new Error(`The database was made by a newer version (it has "${name}"). Update this program.`);
    if (migration.sha256 !== sha256) {
      throw new Error(
        `The migration "${name}" was applied with other contents than it has now. Restore the file; changes go into a new one.`,
      );
    }
  }
  const done = new Set(applied.rows.map((row) => row.name));
  return all.filter((migration) => !done.has(migration.name));
}

async function apply(client: PoolClient, all: Migration[]): Promise<string[]> {
  // On a server several machines may start at once. (Embedded, the lock file and the one transaction at a time do this.)
  await client.query("select pg_advisory_xact_lock(hashtext('working-papers migrations'))");
  await client.query(
    'create table if not exists migrations (name text primary key, sha256 text not null, at timestamptz not null default now())',
  );
  const missing = await pending(client, all);
  for (const { name, sql, sha256 } of missing) {
    try {
      await client.query(sql);
    } catch (error) {
      const message = (error as Error).message;
      const remedy = /vector/.test(message) ? ' Install pgvector on the database server (postgresql-NN-pgvector).' : '';
      throw new Error(`The migration "${name}" failed: ${message}.${remedy}`, { cause: error });
    }
    await client.query('insert into migrations (name, sha256) values ($1, $2)', [name, sha256]);
  }
  return missing.map((migration) => migration.name);
}

/** Brings the schema up to date, all of it or nothing, and gives the names of the migrations that were applied. */
export async function migrate(pool: Pool, embeddedIn: string | undefined): Promise<string[]> {
  const all = await readMigrations();
  if ((await pending(pool, all)).length === 0) return [];
  const release = embeddedIn
    ? await lockfile.lock(embeddedIn, {
        lockfilePath: join(embeddedIn, 'migrations.lock'),
        stale: 30_000,
        retries: { retries: 300, minTimeout: 200, maxTimeout: 200 },
      })
    : undefined;
  try {
    return await transaction(pool, (client) => apply(client, all));
  } finally {
    await release?.();
  }
}
