/** A plot spec becomes pictures in a process of its own, which may not fetch, take long or grow large. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import pLimit from 'p-limit';
import { moduleFile } from '../module-file.ts';
import { checkPlot } from './check.ts';

export interface DrawOptions {
  /** Pixels; the whole picture is about as wide. 64 to 2,000. */
  width: number;
  /** For a dark page. */
  dark?: boolean;
  /** Marks without words, 4:7 of the width high. */
  thumbnail?: boolean;
}

/** A drawn plot: the picture, its size in pixels, and the Vega spec that it was drawn from, for a live view of the same size. */
export interface Drawing {
  svg: string;
  width: number;
  height: number;
  vega: Record<string, unknown>;
}

export const drawLimits = { seconds: 10, megabytes: 256, svgBytes: 4 * 1024 * 1024 } as const;

/** What the drawing child is sent, and what it answers: a drawing for each of the options, in their order. */
export interface DrawRequest {
  spec: Record<string, unknown>;
  options: readonly DrawOptions[];
}
export type DrawAnswer = { ready: true } | { drawing: Drawing } | { problem: string };

/** As many processes at once as are worth their memory. */
const children = pLimit(2);

/**
 * Draws a Vega-Lite spec to SVG text that carries its font.
 * Throws with a sentence when the spec may not be drawn (see checkPlot), takes longer than 10 s, or is not Vega-Lite.
 */
export async function drawPlot(spec: Record<string, unknown>, options: DrawOptions): Promise<string> {
  return (await drawPlots(spec, [options]))[0]!.svg;
}

/** As drawPlot, once for each of the options, in one process. */
export async function drawPlots(spec: Record<string, unknown>, options: readonly DrawOptions[]): Promise<Drawing[]> {
  const problems = checkPlot(spec);
  if (problems.length > 0) throw new Error(problems.join(' '));
  for (const { width } of options)
    if (!(width >= 64 && width <= 2_000)) throw new Error(`A plot is drawn 64 to 2000 pixels wide; got ${width}.`);
  const whole = options.map((option) => ({ ...option, width: Math.round(option.width) }));
  return children(() => drawInChild({ spec, options: whole }));
}

function drawInChild(request: DrawRequest): Promise<Drawing[]> {
  const child = fork(fileURLToPath(moduleFile('plots/draw-child')), [], {
    // Nothing of our environment: no credentials, no options of a debugger.
    env: { PATH: process.env.PATH ?? '' },
    execArgv: [`--max-old-space-size=${drawLimits.megabytes}`, '--max-semi-space-size=16'],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  return new Promise<Drawing[]>((resolve, reject) => {
    const drawings: Drawing[] = [];
    let timer: NodeJS.Timeout | undefined;
    const finish = (outcome: () => void): void => {
      clearTimeout(timer);
      child.removeAllListeners();
      child.on('error', () => {});
      child.kill('SIGKILL');
      outcome();
    };
    const fail = (message: string): void => finish(() => reject(new Error(message)));
    const patience = (): void => {
      clearTimeout(timer);
      timer = setTimeout(
        () => fail(`The plot took longer than ${drawLimits.seconds} s to draw. Plot fewer points or fewer layers.`),
        1000 * drawLimits.seconds,
      );
    };
    // Loading Vega is ours to pay; the limit is the spec's.
    timer = setTimeout(() => fail('The plot could not be drawn: its process did not start within 20 s.'), 20_000);
    child.on('message', (answer: DrawAnswer) => {
      if ('problem' in answer) return fail(answer.problem);
      if ('drawing' in answer) drawings.push(answer.drawing);
      else child.send(request);
      if (drawings.length === request.options.length) finish(() => resolve(drawings));
      else patience();
    });
    child.on('error', (error) => fail(`The plot could not be drawn: ${error.message}`));
    child.on('exit', () =>
      fail(`The plot could not be drawn within ${drawLimits.megabytes} MB. Plot fewer points or fewer layers.`),
    );
  });
}
