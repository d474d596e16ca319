/** A plot spec becomes SVG in a process of its own, which may not fetch, take long or grow large. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { moduleFile } from '../module-file.ts';
import { checkPlot } from './check.ts';

export interface DrawOptions {
  /** Pixels; the whole picture is about as wide. 64 to 2,000. */
  width: number;
  /** For a dark page. */
  dark?: boolean;
}

export const drawLimits = { milliseconds: 2_000, megabytes: 256, svgBytes: 4 * 1024 * 1024 } as const;

/** What the drawing child is sent, and what it answers. */
export interface DrawRequest {
  spec: Record<string, unknown>;
  width: number;
  dark: boolean;
}
export type DrawAnswer = { ready: true } | { svg: string } | { problem: string };

/**
 * Draws a Vega-Lite spec to SVG text.
 * Throws with a sentence when the spec may not be drawn (see checkPlot), takes longer than 2 s, or is not Vega-Lite.
 */
export async function drawPlot(spec: Record<string, unknown>, options: DrawOptions): Promise<string> {
  const problems = checkPlot(spec);
  if (problems.length > 0) throw new Error(problems.join(' '));
  if (!(options.width >= 64 && options.width <= 2_000)) {
    throw new Error(`A plot is drawn 64 to 2000 pixels wide; got ${options.width}.`);
  }
  return drawInChild({ spec, width: Math.round(options.width), dark: options.dark ?? false });
}

function drawInChild(request: DrawRequest): Promise<string> {
  const child = fork(fileURLToPath(moduleFile('plots/draw-child')), [], {
    // Nothing of our environment: no credentials, no options of a debugger.
    env: { PATH: process.env.PATH ?? '' },
    execArgv: [`--max-old-space-size=${drawLimits.megabytes}`, '--max-semi-space-size=16'],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  return new Promise<string>((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const finish = (outcome: () => void): void => {
      clearTimeout(timer);
      child.removeAllListeners();
      child.on('error', () => {});
      child.kill('SIGKILL');
      outcome();
    };
    const fail = (message: string): void => finish(() => reject(new Error(message)));
    // Loading Vega is ours to pay; the two seconds are the spec's.
    timer = setTimeout(() => fail('The plot could not be drawn: its process did not start within 20 s.'), 20_000);
    child.on('message', (answer: DrawAnswer) => {
      if ('ready' in answer) {
        clearTimeout(timer);
        timer = setTimeout(
          () => fail('The plot took longer than 2 s to draw. Plot fewer points or fewer layers.'),
          drawLimits.milliseconds,
        );
        child.send(request);
      } else if ('svg' in answer) finish(() => resolve(answer.svg));
      else fail(answer.problem);
    });
    child.on('error', (error) => fail(`The plot could not be drawn: ${error.message}`));
    child.on('exit', () =>
      fail(`The plot could not be drawn within ${drawLimits.megabytes} MB. Plot fewer points or fewer layers.`),
    );
  });
}
