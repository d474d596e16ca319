import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { endOwner, ownerOf, temporaryFolder } from '../testing/databases.ts';
import { type Library, openLibrary } from './open.ts';
import { startOwner } from './owner-process.ts';
import { keepPresence } from './presence.ts';
import { answers, databaseSocket, socketFolder } from './sockets.ts';

const folders: string[] = [];
const libraries: Library[] = [];
const newFolder = async () => {
  const folder = await temporaryFolder();
  folders.push(folder);
  return folder;
};
const open = async (folder: string) => {
  const library = await openLibrary({ dataFolder: folder });
  libraries.push(library);
  return library;
};
const remove = async (folder: string) => {
  await endOwner(folder);
  await rm(folder, { recursive: true, force: true });
};
/** For the tests that need no new database. */
let shared: string | undefined;
const sharedFolder = async () => {
  shared ??= await temporaryFolder();
  return shared;
};
afterEach(async () => {
  for (const library of libraries.splice(0)) await library.close();
  for (const folder of folders.splice(0)) await remove(folder);
});
afterAll(async () => {
  if (shared) await remove(shared);
});

describe('the owner of the embedded database', () => {
  it('is one, however many come at once', async () => {
    const folder = await newFolder();
    const opened = await Promise.all([open(folder), open(folder), open(folder)]);
    const owner = ownerOf(folder);
    expect(owner).toBeGreaterThan(0);
    await Promise.all(opened.map((library) => library.pool.query('select 1')));
    expect(await startOwner({ dataFolder: folder, supervised: true })).toBeUndefined();
    expect(ownerOf(folder)).toBe(owner);
  });

  it('loses nothing acknowledged when it is killed in mid-write, and starts again', async () => {
    const folder = await newFolder();
    const library = await open(folder);
    await library.pool.query('create table kept (n integer primary key, body text)');
    let acknowledged = 0;
    const writing = (async () => {
      for (let n = 1; ; n++) {
        await library.pool.query('insert into kept values ($1, $2)', [n, 'x'.repeat(2_000)]);
        acknowledged = n;
        if (n === 60) setImmediate(() => process.kill(ownerOf(folder)!, 'SIGKILL'));
      }
    })();
    await expect(writing).rejects.toThrow();
    expect(acknowledged).toBeGreaterThanOrEqual(60);
    expect(existsSync(databaseSocket(folder))).toBe(true);
    expect(await answers(databaseSocket(folder))).toBe(false);

    const again = await open(folder);
    const { rows } = await again.pool.query('select count(*)::int as n, max(n) as last from kept');
    expect(rows[0].last).toBeGreaterThanOrEqual(acknowledged);
    expect(rows[0].n).toBe(rows[0].last);
    // The first library's pool finds the new owner by itself.
    expect((await library.pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });

  it('is brought back by a library that stays open', async () => {
    const folder = await sharedFolder();
    const { pool } = await open(folder);
    const messages: string[] = [];
    const leave = keepPresence(pool, folder, (message) => messages.push(message), 100);
    const killed = ownerOf(folder)!;
    process.kill(killed, 'SIGKILL');
    while (ownerOf(folder) === killed || !(await answers(databaseSocket(folder)))) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    expect(messages[0]).toMatch(/does not answer .* starting it again\.$/);
    leave();
  });

  it('keeps statements of two clients apart even when they arrive in pieces', async () => {
    const { pool } = await open(await sharedFolder());
    const large = 'x'.repeat(300_000);
    const answers = await Promise.all(
      Array.from({ length: 60 }, async (_, i) =>
        i % 2
          ? (await pool.query('select $1::int as n, length($2::text) as l', [i, large])).rows[0]
          : (await pool.query('select $1::text as n', [`t${i}`])).rows[0],
      ),
    );
    answers.forEach((row, i) => {
      expect(row).toEqual(i % 2 ? { n: i, l: 300_000 } : { n: `t${i}` });
    });
  });

  it('rolls back for a client that dies inside a transaction, and serves the others', async () => {
    const folder = await sharedFolder();
    const { pool } = await open(folder);
    await pool.query('create table half (n integer)');
    const script = `
      import pg from 'pg';
      const client = new pg.Client({ host: ${JSON.stringify(socketFolder(folder))}, user: 'postgres', database: 'postgres' });
      await client.connect();
      await client.query('begin');
      await client.query('insert into half values (1)');
      process.kill(process.pid, 'SIGKILL');`;
    const cwd = fileURLToPath(new URL('../..', import.meta.url));
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { cwd, stdio: 'ignore' });
    expect(await new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)))).toBe('SIGKILL');
    expect((await pool.query('select * from half')).rows).toEqual([]);
  });

  it('ends cleanly on SIGTERM and leaves no socket', async () => {
    const folder = await newFolder();
    const owner = await startOwner({ dataFolder: folder, supervised: true });
    expect(await answers(databaseSocket(folder))).toBe(true);
    const ended = new Promise((resolve) => owner!.once('exit', resolve));
    owner!.kill('SIGTERM');
    expect(await ended).toBe(0);
    expect(existsSync(databaseSocket(folder))).toBe(false);
    expect(existsSync(join(folder, 'database.lock'))).toBe(false);
  });

  it('moves the socket of a long path and works there', async () => {
    const long = join(await newFolder(), 'a-data-folder-with-a-long-name-'.repeat(4));
    await mkdir(long);
    folders.unshift(long);
    expect(socketFolder(long)).not.toBe(long);
    const { pool } = await open(long);
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  });

  it('says what is wrong with a database that cannot be used', async () => {
    const folder = await sharedFolder();
    await expect(
      openLibrary({ dataFolder: folder, databaseUrl: 'postgres://someone:secret@127.0.0.1:1/papers' }),
    ).rejects.toThrow(/^The database server at 127\.0\.0\.1:1\/papers cannot be used: .*Check DATABASE_URL\.$/);
    const { pool } = await open(folder);
    await pool.query("insert into migrations (name, sha256) values ('9999-later.sql', '')");
    await expect(openLibrary({ dataFolder: folder })).rejects.toThrow('made by a newer version');
    await pool.query("delete from migrations where name = '9999-later.sql'");
  });

  it('does not open a folder that is no database', async () => {
    const folder = await newFolder();
    await writeFile(join(folder, 'database'), 'not a folder');
    await expect(openLibrary({ dataFolder: folder })).rejects.toThrow(/^The embedded database in .* did not start: /);
  });
});

it('is reached by plain pg clients too', async () => {
  const folder = await sharedFolder();
  const library = await open(folder);
  if (!('host' in library.connection)) throw new Error('The library is not embedded.');
  const client = new pg.Client(library.connection);
  client.on('error', () => {});
  await client.connect();
  expect((await client.query('select count(*)::int as n from papers')).rows).toEqual([{ n: 0 }]);
  await client.end();
});
