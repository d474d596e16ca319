/** A function of the room run in a process of its own: started, limited and ended by the run's process. */
import type { Apart, Machine, RunContext } from '@working-papers/methods/contract';
import { type HeavyExit, residentBytes, spawnHeavy } from '@working-papers/runtime/processes';
import { size } from '../ending.ts';
import { moduleFile } from '../module-file.ts';
import type { ContextListeners } from './context.ts';
import type { ApartMessage, ApartRequest, StartMessage } from './messages.ts';

/** Gives `apart(name, parameters)` of a run's context: one process at a time, so that none slows another. */
export function createApart(
  start: StartMessage,
  machine: Machine,
  signal: AbortSignal,
  listeners: ContextListeners,
): RunContext['apart'] {
  let last: Promise<unknown> = Promise.resolve();
  return <R>(name: string, parameters: Record<string, unknown> = {}, options: { signal?: AbortSignal } = {}) => {
    const ending = options.signal ? AbortSignal.any([signal, options.signal]) : signal;
    const next = last.then(
      () => runApart({ start, machine, name, parameters }, ending, listeners) as Promise<Apart<R>>,
    );
    last = next.catch(() => {});
    return next;
  };
}

async function runApart(
  request: ApartRequest,
  signal: AbortSignal,
  listeners: ContextListeners,
): Promise<Apart<unknown>> {
  signal.throwIfAborted();
  const { memoryBytes } = request.start;
  const left = memoryBytes === undefined ? undefined : Math.max(0, memoryBytes - residentBytes());
  let done: Extract<ApartMessage, { kind: 'done' }> | undefined;
  let failure: string | undefined;
  const child = spawnHeavy(moduleFile('child/apart-main'), {
    nodeOptions: ['--expose-gc'],
    signal,
    ...(left === undefined ? {} : { memoryLimitBytes: left }),
    onMessage: (raw) => {
      const message = raw as ApartMessage;
      if (message.kind === 'ready') child.send(request);
      else if (message.kind === 'event') listeners.event(message.event);
      else if (message.kind === 'model') listeners.model(message.model);
      else if (message.kind === 'failed') failure = message.message;
      else done = message;
    },
  });
  const exit = await child.exit;
  signal.throwIfAborted();
  if (failure !== undefined) throw new Error(failure);
  if (!done) throw new Error(endingOf(request.name, exit, left));
  const { result, baselineBytes, peakBytes } = done;
  listeners.apart(peakBytes);
  return { result, baselineBytes, peakBytes };
}

/** Why a process that said nothing ended, as a sentence. */
function endingOf(name: string, exit: HeavyExit, left: number | undefined): string {
  if (exit.reason === 'memory') {
    return `"${name}", run apart, held more than the ${size(left ?? 0)} that the run's limit of memory left it. Choose a smaller model, batch or input.`;
  }
  return `The process of "${name}", run apart, ended by itself${'message' in exit ? `: ${exit.message}` : '.'}`;
}
