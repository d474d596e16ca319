/** `papers serve`: database owner, encoder, worker and site as children of one process, started in order and ended in reverse. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { importPage, libraryStatus, makeDataFolder, startEncoder, startOwner } from '@working-papers/library';
import { registerMethods } from '@working-papers/runs';
import { CommandError } from './problems.ts';
import { cloneFolder, databaseUrl, dataFolder, seedPage } from './settings.ts';
import { withLibrary } from './shelf.ts';
import type { Terminal } from './terminal.ts';

const defaultPort = 5151;
/** How long a child may take to leave before it is killed, milliseconds. */
const patience = 8_000;

/** Makes a child leave when this process is gone, however it went. */
const tied = ['--import', new URL('./leave-with-parent.js', import.meta.url).href];

export interface ServeOptions {
  port?: number;
  concurrency: number;
  worker: boolean;
  open: boolean;
}

export async function serve(options: ServeOptions, terminal: Terminal): Promise<void> {
  const port = options.port ?? portOf(process.env.PORT) ?? defaultPort;
  await refuseTakenPort(port);
  const folder = dataFolder();
  makeDataFolder(folder);
  const children = new Children(terminal);
  try {
    if (databaseUrl() === undefined) {
      terminal.note(`Opening the database in ${folder}...`);
      await children.keep('database', () => startOwner({ dataFolder: folder, supervised: true }));
    }
    await fillShelf(terminal);
    const url = databaseUrl();
    const place = { dataFolder: folder, ...(url === undefined ? {} : { databaseUrl: url }) };
    await children.keep('encoder', () => startEncoder({ ...place, supervised: true }));
    if (options.worker)
      await children.keep('worker', async () => papers(['worker', '--concurrency', String(options.concurrency)]));
    const key = await adminKey(folder);
    await children.keep('site', async () => site(port, key));
    await answers(port, terminal.signal);
    const address = `http://localhost:${port}/`;
    terminal.note(`\nWorking Papers is at ${address}`);
    terminal.note(`Open ${address}?key=${key} to act as its admin. Ctrl-C stops it.`);
    if (options.open && process.stdout.isTTY) openBrowser(`${address}?key=${key}`);
    await children.untilStopped();
  } finally {
    await children.stop();
  }
}

/** Puts the founding page on an empty shelf, and registers every descriptor. */
async function fillShelf(terminal: Terminal): Promise<void> {
  await withLibrary(terminal, async (library) => {
    if ((await libraryStatus(library)).papers === 0 && existsSync(seedPage)) {
      const page = await readFile(seedPage, 'utf8');
      const report = await importPage(library, page, { source: 'daily-papers.txt', now: new Date() });
      terminal.note(`Put ${report.imported} papers on the shelf.`);
    }
    await registerMethods(library);
  });
}

function papers(words: readonly string[]): ChildProcess {
  return spawn(process.execPath, [...tied, join(cloneFolder, 'apps/cli/bin/papers.js'), ...words], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: process.env,
  });
}

function site(port: number, key: string): ChildProcess {
  const folder = join(cloneFolder, 'apps/site');
  const entry = [join(folder, 'server.js'), join(folder, 'build/index.js')].find((file) => existsSync(file));
  if (!entry) throw new CommandError('The site is not built yet. Run "npm start" once in the clone.');
  const address = `http://localhost:${port}`;
  return spawn(process.execPath, [...tied, entry], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: {
      ...process.env,
      PORT: String(port),
      HOST: '127.0.0.1',
      ORIGIN: process.env.PUBLIC_URL ?? address,
      PUBLIC_URL: process.env.PUBLIC_URL ?? address,
      WORKING_PAPERS_DATA: dataFolder(),
      WORKING_PAPERS_KEY: key,
      BODY_SIZE_LIMIT: 'Infinity',
      SHUTDOWN_TIMEOUT: '5',
    },
  });
}

/** Who leaves first: each may still need those after it for its last words. */
const endingOrder = ['site', 'worker', 'encoder', 'database'];

/** Children of one supervisor. */
class Children {
  private readonly terminal: Terminal;
  private readonly running: { name: string; child: ChildProcess }[] = [];
  private stopping = false;
  private fail: (error: Error) => void = () => {};
  private readonly failed = new Promise<never>((_, reject) => {
    this.fail = reject;
  });

  constructor(terminal: Terminal) {
    this.terminal = terminal;
    this.failed.catch(() => {});
  }

  /**
   * A child that is started again a second after it ends, unless it ends five times in a row within seconds. When `start` gives
   * nothing, somebody else's is there already, and is watched.
   */
  async keep(
    name: string,
    start: () => Promise<ChildProcess | undefined>,
    quickEnds = 0,
    watched = false,
  ): Promise<void> {
    const began = Date.now();
    const child = await start();
    if (!child) {
      if (!watched) this.terminal.note(`Using the ${name} that is running already.`);
      // It leaves when its own clients do; then ours takes its place.
      setTimeout(() => {
        if (!this.stopping) this.keep(name, start, 0, true).catch((error: Error) => this.fail(error));
      }, 5_000).unref();
      return;
    }
    if (this.stopping) {
      child.kill('SIGTERM');
      return;
    }
    this.running.push({ name, child });
    child.once('exit', (code, signal) => {
      const index = this.running.findIndex((entry) => entry.child === child);
      if (index !== -1) this.running.splice(index, 1);
      const ends = Date.now() - began < 10_000 ? quickEnds + 1 : 0;
      if (!this.stopping) this.revive(name, start, ends, signal ?? `exit code ${code}`);
    });
  }

  private revive(name: string, start: () => Promise<ChildProcess | undefined>, ends: number, how: string): void {
    if (ends >= 5) {
      this.fail(new CommandError(`The ${name} ended five times in a row (${how}).`));
      return;
    }
    this.terminal.note(`The ${name} ended (${how}); starting it again.`);
    setTimeout(() => {
      if (!this.stopping) this.keep(name, start, ends).catch((error: Error) => this.fail(error));
    }, 1_000);
  }

  /** Resolves when the terminal says stop; rejects when a child cannot be kept alive. */
  async untilStopped(): Promise<void> {
    const { signal } = this.terminal;
    const stopped = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.race([stopped, this.failed]);
  }

  /** Site first, then worker, encoder and database: each in turn, so that each can still write its last words. */
  async stop(): Promise<void> {
    this.stopping = true;
    for (const name of endingOrder) {
      await Promise.all(this.running.filter((entry) => entry.name === name).map(({ child }) => end(child)));
    }
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), patience);
  await exited;
  clearTimeout(timer);
}

function portOf(text: string | undefined): number | undefined {
  if (!text) return undefined;
  const port = Number(text);
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw new CommandError(`PORT is "${text}"; a port is a whole number from 1 to 65535.`);
}

async function refuseTakenPort(port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'is taken by another program' : `cannot be used (${error.message})`;
      reject(new CommandError(`Port ${port} ${why}. Choose another: "papers serve --port ${port + 1}", or set PORT.`));
    });
    server.listen(port, '127.0.0.1', () => server.close(() => resolve()));
  });
}

/** The key that makes a browser the admin's: made once, readable by its owner only. */
async function adminKey(folder: string): Promise<string> {
  const file = join(folder, 'key');
  if (existsSync(file)) return (await readFile(file, 'utf8')).trim();
  const key = randomBytes(18).toString('base64url');
  await writeFile(file, `${key}\n`, { mode: 0o600 });
  return key;
}

async function answers(port: number, signal: AbortSignal): Promise<void> {
  const until = Date.now() + 60_000;
  while (Date.now() < until && !signal.aborted) {
    const response = await fetch(`http://localhost:${port}/`, { redirect: 'manual' }).catch(() => undefined);
    if (response && response.status < 500) return;
    await pause(200);
  }
  if (!signal.aborted) throw new CommandError(`The site did not answer on port ${port} within a minute.`);
}

function openBrowser(address: string): void {
  const [program, words] =
    process.platform === 'darwin'
      ? ['open', [address]]
      : process.platform === 'win32'
        ? ['cmd', ['/c', 'start', '', address]]
        : ['xdg-open', [address]];
  if (program === 'xdg-open' && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY) return;
  spawn(program as string, words as string[], { stdio: 'ignore', detached: true })
    .on('error', () => {})
    .unref();
}
