/** The command, called in this process or in one of its own. What a process is needed for: signals, pipes, the exit code itself. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Terminal } from '../terminal.ts';

export const bin = fileURLToPath(new URL('../../bin/papers.js', import.meta.url));

export interface Outcome {
  code: number;
  out: string;
  err: string;
}

/** The command inside this process, with the environment that it has: what it imports is imported once a test file. */
export const papers = (...words: readonly string[]): Promise<Outcome> => papersWatched(words, {});

/** The same with a signal that stands for Ctrl-C, and a look at what the bar says. */
export async function papersWatched(
  words: readonly string[],
  {
    signal = new AbortController().signal,
    onProgress = () => {},
  }: { signal?: AbortSignal; onProgress?: Terminal['progress'] },
): Promise<Outcome> {
  const { execute } = await import('../index.ts');
  let out = '';
  let err = '';
  const terminal: Terminal = {
    signal,
    width: 100,
    styled: false,
    print: (line) => {
      out += `${line}\n`;
    },
    stream: (text) => {
      out += text;
    },
    json: (value) => {
      out += `${JSON.stringify(value)}\n`;
    },
    note: (sentence) => {
      err += `${sentence}\n`;
    },
    progress: onProgress,
    endProgress: () => {},
  };
  try {
    return { code: await execute([process.execPath, 'papers', ...words], terminal), out, err };
  } finally {
    process.exitCode = undefined;
  }
}

/** The command as a reader calls it; `input` is its standard input. */
export const papersProcess = (
  words: readonly string[],
  { env = {}, input = '' }: { env?: NodeJS.ProcessEnv; input?: string } = {},
): Promise<Outcome> =>
  new Promise((resolve) => {
    const options = { env: { ...process.env, ...env }, maxBuffer: 2 ** 26 };
    const child = execFile(process.execPath, [bin, ...words], options, (error, out, err) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, out, err }),
    );
    child.stdin?.end(input);
  });
