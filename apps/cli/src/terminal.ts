/** Standard output carries results, standard error everything else; SIGINT becomes an abort. */
import cliProgress from 'cli-progress';

export interface Terminal {
  /** Aborts at Ctrl-C or SIGTERM; a second one ends the process. */
  readonly signal: AbortSignal;
  /** Columns of the terminal, 100 where there is none. */
  readonly width: number;
  /** Whether standard output is a terminal, for bold and the like. */
  readonly styled: boolean;
  /** A line of the result. */
  print(line: string): void;
  /** Text of the result as it comes, without a line break. */
  stream(text: string): void;
  /** One object (or one line of JSON lines) of the result. */
  json(value: unknown): void;
  /** A sentence for the person at the terminal, on standard error. */
  note(sentence: string): void;
  /** Shows how far something is, on standard error: a bar on a terminal, now and then a line elsewhere. */
  progress(state: { message: string; done: number; total?: number | undefined }): void;
  /** Takes the bar away. */
  endProgress(): void;
}

/** Between two lines of progress where there is no terminal. */
const lineInterval = 5_000;

export function createTerminal(): Terminal {
  const aborter = new AbortController();
  let askedAt: number | undefined;
  const stop = (): void => {
    // A shell and npm may both pass on the same Ctrl-C.
    if (askedAt !== undefined && Date.now() - askedAt > 1_000) process.exit(130);
    askedAt ??= Date.now();
    aborter.abort(new Error('Cancelled.'));
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  // A reader that has seen enough ("| head") ends the command quietly.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
  });

  let bar: cliProgress.SingleBar | undefined;
  let lastLine = 0;
  let lastMessage = '';
  const endProgress = (): void => {
    bar?.stop();
    bar = undefined;
    lastMessage = '';
  };
  return {
    signal: aborter.signal,
    width: process.stdout.columns ?? 100,
    styled: process.stdout.isTTY === true && !process.env.NO_COLOR,
    print: (line) => void process.stdout.write(`${line}\n`),
    stream: (text) => void process.stdout.write(text),
    json: (value) => void process.stdout.write(`${JSON.stringify(value)}\n`),
    note: (sentence) => {
      endProgress();
      process.stderr.write(`${sentence}\n`);
    },
    progress: ({ message, done, total }) => {
      if (!process.stderr.isTTY) {
        const now = Date.now();
        if (now - lastLine < lineInterval || message === lastMessage) return;
        lastLine = now;
        lastMessage = message;
        process.stderr.write(`${total ? `${Math.floor((100 * done) / total)} % ` : ''}${message}\n`);
        return;
      }
      if (!bar) {
        bar = new cliProgress.SingleBar({
          format: '{bar} {percentage} %  {message}',
          stream: process.stderr,
          hideCursor: true,
          clearOnComplete: true,
          barsize: 24,
          barCompleteChar: '━',
          barIncompleteChar: '─',
        });
        bar.start(total ?? 1, 0, { message });
      }
      bar.setTotal(total ?? 1);
      bar.update(total === undefined ? 0 : Math.min(done, total), { message });
    },
    endProgress,
  };
}

/** Bold where the terminal can. */
export function bold(terminal: Terminal, text: string): string {
  return terminal.styled ? `\u001b[1m${text}\u001b[22m` : text;
}
