/**
 * Heavy work in a process of its own, which can be killed at any time without harm to anything else.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { residentBytesOf } from './memory.ts';

export interface HeavyOptions {
  /** The child's `process.argv.slice(2)`. */
  args?: readonly string[];
  /** Options of Node for the child: `--expose-gc`. */
  nodeOptions?: readonly string[];
  /** Added to this process's environment. */
  env?: Record<string, string>;
  /** Ends the child when it holds more physical memory than this; looked at ten times a second. */
  memoryLimitBytes?: number;
  /** Ends the child when it has run for longer. */
  timeLimitMs?: number;
  /** Ends the child when aborted. */
  signal?: AbortSignal;
  /** Called with whatever the child gives to `process.send`. */
  onMessage?(message: unknown): void;
}

/** How a child ended. `message` is a sentence for the reader. */
export type HeavyExit =
  | { reason: 'done' }
  | { reason: 'failed'; code: number | null; signal: string | null; message: string }
  | { reason: 'memory' | 'time' | 'aborted' | 'killed'; message: string };

export interface HeavyProcess {
  readonly pid: number;
  /** Sends a message, which the child reads by `process.on('message')`; lost once the child has ended. */
  send(message: unknown): void;
  kill(): void;
  /** Settles when the child has ended and its last message has arrived; never rejects. */
  readonly exit: Promise<HeavyExit>;
}

/** The built module, also when this one runs from its source. */
const childEntry = path.join(
  path.dirname(createRequire(import.meta.url).resolve('@working-papers/runtime/node')),
  'heavy-child.js',
);
/** What a child sends before it ends by an error. */
export interface HeavyFailure {
  heavyFailure: string;
}

const memoryInterval = 100;
/** Characters of the child's standard error that are quoted when it ends without a word. */
const quotedError = 2000;

/**
 * Runs the module at `modulePath` in a process of its own. What it does while it is imported (top-level await) is its
 * work: the child ends by itself when nothing is left to do, and with its parent, however that ends. What it left in
 * the temporary folder goes with it.
 */
export function spawnHeavy(modulePath: string | URL, options: HeavyOptions = {}): HeavyProcess {
  const { args = [], nodeOptions = [], env = {}, memoryLimitBytes, timeLimitMs, signal, onMessage } = options;
  if (memoryLimitBytes !== undefined && process.platform === 'win32') {
    throw new Error('A memory limit cannot be watched on Windows; leave memoryLimitBytes out.');
  }
  const module = modulePath instanceof URL ? fileURLToPath(modulePath) : path.resolve(modulePath);
  const temporary = mkdtempSync(path.join(tmpdir(), 'working-papers-run-'));
  const child = fork(childEntry, [module, ...args], {
    env: { ...process.env, TMPDIR: temporary, TMP: temporary, TEMP: temporary, ...env },
    // What the child prints goes to standard error: standard output is the caller's.
    stdio: ['ignore', 2, 'pipe', 'ipc'],
    serialization: 'advanced',
    execArgv: [...nodeOptions],
  });

  let ended: HeavyExit | undefined;
  const end = (reason: 'memory' | 'time' | 'aborted' | 'killed', message: string) => {
    ended ??= { reason, message };
    child.kill('SIGKILL');
  };
  const onAbort = () => end('aborted', 'The run was cancelled.');
  if (signal?.aborted) onAbort();
  signal?.addEventListener('abort', onAbort);
  const timer =
    timeLimitMs === undefined
      ? undefined
      : setTimeout(() => end('time', `The run took longer than its limit of ${timeLimitMs / 1000} s.`), timeLimitMs);
  const watch =
    memoryLimitBytes === undefined
      ? undefined
      : watchMemory(child, memoryLimitBytes, (message) => end('memory', message));

  let error = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    process.stderr.write(text);
    error = (error + text).slice(-quotedError);
  });
  let reported: string | undefined;
  child.on('message', (message: unknown) => {
    if (isFailure(message)) reported = message.heavyFailure;
    else onMessage?.(message);
  });

  const exit = new Promise<HeavyExit>((resolve) => {
    let launch: Error | undefined;
    child.on('error', (cause) => {
      launch ??= cause;
      if (child.pid === undefined) child.emit('close', null, null);
    });
    child.on('close', async (code: number | null, killer: string | null) => {
      clearTimeout(timer);
      clearInterval(watch);
      signal?.removeEventListener('abort', onAbort);
      // What a process of the child's own may still be writing there is left to the system, which clears its temporary folder.
      await rm(temporary, { recursive: true, force: true, maxRetries: 3 }).catch(() => {});
      resolve(
        ended ??
          (code === 0
            ? { reason: 'done' }
            : { reason: 'failed', code, signal: killer, message: reported ?? failure(code, killer, error, launch) }),
      );
    });
  });

  return {
    pid: child.pid ?? -1,
    send(message) {
      if (child.connected) child.send(message as never, () => {});
    },
    kill: () => end('killed', 'The run was ended.'),
    exit,
  };
}

function isFailure(message: unknown): message is HeavyFailure {
  return typeof message === 'object' && message !== null && 'heavyFailure' in message;
}

function watchMemory(child: ChildProcess, limit: number, end: (message: string) => void): NodeJS.Timeout {
  return setInterval(async () => {
    const held = child.pid === undefined ? undefined : await residentBytesOf(child.pid);
    if (held !== undefined && held > limit) {
      end(`The run held ${mebibytes(held)} of memory, more than its limit of ${mebibytes(limit)}.`);
    }
  }, memoryInterval);
}

function failure(code: number | null, killer: string | null, error: string, launch: Error | undefined): string {
  if (launch) return `The process could not be started: ${launch.message}.`;
  const how = killer ? `was ended by ${killer}` : `ended with code ${code}`;
  return error.trim() ? `The process ${how}: ${error.trim()}` : `The process ${how}.`;
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
