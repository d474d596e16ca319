/** A whole instance for tests: `papers serve` on a data folder of its own, with the models that the clone has already fetched. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const clone = fileURLToPath(new URL('../../..', import.meta.url));

export interface Instance {
  address: string;
  /** What makes its sender admin. */
  key: string;
  /** The address that makes a browser admin. */
  keyed: string;
  folder: string;
  process: ChildProcess;
  /** What it said so far. */
  said(): string;
  stop(): Promise<void>;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export async function startInstance(
  options: { folder?: string; port?: number; env?: Record<string, string> } = {},
): Promise<Instance> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'wp-site-'));
  const models = join(clone, 'data', 'models');
  mkdirSync(models, { recursive: true });
  if (!options.folder) symlinkSync(models, join(folder, 'models'));
  const port = options.port ?? (await freePort());
  const child = spawn(process.execPath, [join(clone, 'apps/cli/bin/papers.js'), 'serve', '--port', String(port)], {
    env: { ...process.env, WORKING_PAPERS_DATA: folder, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stdout.on('data', (chunk) => {
    said += chunk;
  });
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  const deadline = Date.now() + 90_000;
  let key: string | undefined;
  while (!key) {
    if (child.exitCode !== null) throw new Error(`The instance ended with ${child.exitCode}:\n${said}`);
    if (Date.now() > deadline) throw new Error(`The instance did not start within 90 s:\n${said}`);
    await pause(100);
    key = /\?key=(\S+)/.exec(said)?.[1];
  }
  const address = `http://localhost:${port}`;
  return {
    address,
    key,
    keyed: `${address}/?key=${key}`,
    folder,
    process: child,
    said: () => said,
    stop: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      if (child.exitCode === null) {
        child.kill('SIGTERM');
        await ended;
      }
      if (!options.folder) rmSync(folder, { recursive: true, force: true });
    },
  };
}
