/** A process under measurement: started, asked, its memory looked at, ended. */
import { execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
// The threads of the libraries beneath; 2 are told to each engine in its own way too.
const env = { ...process.env, OMP_NUM_THREADS: '2', MKL_NUM_THREADS: '2', TOKENIZERS_PARALLELISM: 'false' };

export class Peer {
  #child;
  #answers;
  #left;

  /** @param {string[]} command */
  constructor(command) {
    this.#child = spawn(command[0], command.slice(1), { cwd: root, env, stdio: ['pipe', 2, 2, 'pipe'] });
    this.#left = new Promise((resolve) => {
      this.#child.once('error', ({ message }) => resolve(message));
      this.#child.once('exit', (code, signal) => resolve(`ended with ${signal ?? code}`));
    });
    // Of a process that has gone, `exit` speaks.
    this.#child.stdin.on('error', () => {});
    this.#answers = createInterface({ input: this.#child.stdio[3] })[Symbol.asyncIterator]();
  }

  /** The next answer; { error } where the process ends instead or takes longer than `seconds`. */
  async answer(seconds) {
    let timer;
    const late = new Promise((resolve) => {
      timer = setTimeout(() => resolve({ error: `gave no answer within ${seconds} s`, gone: true }), seconds * 1000);
    });
    const line = this.#answers
      .next()
      .then(async ({ value, done }) => (done ? { error: await this.#left, gone: true } : JSON.parse(value)));
    try {
      return await Promise.race([line, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  ask(message, seconds) {
    this.#child.stdin.write(`${JSON.stringify(message)}\n`);
    return this.answer(seconds);
  }

  /** Bytes held now and at most so far; undefined where the system does not say. */
  memory() {
    try {
      const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
      const bytes = (name) => Number(status.match(new RegExp(`${name}:\\s+(\\d+) kB`))?.[1]) * 1024;
      return { resident: bytes('VmRSS'), peak: bytes('VmHWM') };
    } catch {
      return undefined;
    }
  }

  async close() {
    this.#child.kill('SIGKILL');
    await this.#left;
  }
}

/** Waits until nobody else uses the processor, at most ten seconds. */
export async function quiet() {
  const busy = () => cpus().reduce((sum, { times }) => sum + times.user + times.sys + times.nice, 0);
  for (let i = 0; i < 20; i++) {
    const before = busy();
    await new Promise((resolve) => setTimeout(resolve, 500));
    if (busy() - before < 60) return;
  }
}

/** limits.py's figures now: { gflops, gigabytes }, or { error }. */
export async function limitsNow(python) {
  try {
    const script = fileURLToPath(new URL('limits.py', import.meta.url));
    const { stdout } = await promisify(execFile)(python, [script, '--json'], { env, timeout: 120_000 });
    return JSON.parse(stdout);
  } catch (error) {
    return { error: error.message.split('\n')[0] };
  }
}
