/** `papers serve`: database owner, encoder, worker and site as children of one process, started in order and ended in reverse. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { importPage, libraryStatus, startEncoder, startOwner } from '@working-papers/library';
import { registerMethods } from '@working-papers/runs';
import { CommandError } from './problems.ts';
import { cloneFolder, databaseUrl, dataFolder, seedPage } from './settings.ts';
import { withLibrary } from './shelf.ts';
import type { Terminal } from './terminal.ts';

const defaultPort = 5151;
/** How long a child may take to leave before it is killed, milliseconds. */
const patience = 8_000;

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
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const children = new Children(terminal);
  try {
    if (databaseUrl() === undefined) {
      terminal.note(`Opening the database in ${folder}...`);
      children.add('database', await startOwner({ dataFolder: folder, supervised: true }));
    }
    await fillShelf(terminal);
    const url = databaseUrl();
    children.add(
      'encoder',
      await startEncoder({ dataFolder: folder, ...(url ? { databaseUrl: url } : {}), supervised: true }),
    );
    if (options.worker) children.keep('worker', () => papers(['worker', '--concurrency', String(options.concurrency)]));
    const key = await adminKey(folder);
    children.keep('site', () => site(port, key));
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
  return spawn(process.execPath, [join(cloneFolder, 'apps/cli/bin/papers.js'), ...words], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: process.env,
  });
}

function site(port: number, key: string): ChildProcess {
  const folder = join(cloneFolder, 'apps/site');
  const entry = [join(folder, 'server.js'), join(folder, 'build/index.js')].find((file) => existsSync(file));
  if (!entry) throw new CommandError('The site is not built yet. Run "npm start" once in the clone.');
  const address = `http://localhost:${port}`;
  return spawn(process.execPath, [entry], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
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

  /** A child that the others stand on: without it all end. Undefined: somebody else's is there already. */
  add(name: string, child: ChildProcess | undefined): void {
    if (!child) {
      this.terminal.note(`Using the ${name} that is running already.`);
      return;
    }
    this.running.push({ name, child });
    child.once('exit', (code, signal) => {
      this.forget(child);
      if (!this.stopping) this.fail(new CommandError(`The ${name} ended (${signal ?? `exit code ${code}`}).`));
    });
  }

  /** A child that is started again when it ends; not more often than each second, nor when it never stays. */
  keep(name: string, start: () => ChildProcess, quickEnds = 0): void {
    const began = Date.now();
    const child = start();
    this.running.push({ name, child });
    child.once('exit', (code, signal) => {
      this.forget(child);
      if (this.stopping) return;
      const ends = Date.now() - began < 10_000 ? quickEnds + 1 : 0;
      if (ends >= 5) {
        this.fail(new CommandError(`The ${name} ended five times in a row (${signal ?? `exit code ${code}`}).`));
        return;
      }
      this.terminal.note(`The ${name} ended (${signal ?? `exit code ${code}`}); starting it again.`);
      setTimeout(() => {
        if (!this.stopping) this.keep(name, start, ends);
      }, 1_000);
    });
  }

  /** Resolves when the terminal says stop; rejects when a child that all stand on has ended. */
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
    for (const { child } of [...this.running].reverse()) await end(child);
  }

  private forget(child: ChildProcess): void {
    const index = this.running.findIndex((entry) => entry.child === child);
    if (index !== -1) this.running.splice(index, 1);
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
