/** The process of one function that runs apart: receives which, runs it, gives back its result and what memory it took. */
import { loadApart } from '@working-papers/methods';
import type { ApartContext } from '@working-papers/methods/contract';
// Loaded before anything is measured, so that the engine's own code is not counted.
import '@working-papers/models/node';
import { residentBytes, watchPeak } from '@working-papers/runtime/processes';
import { createContext } from './context.ts';
import type { ApartRequest } from './messages.ts';
import { leave, listenOnce, tell } from './parent.ts';

async function run({ start, machine, name, parameters }: ApartRequest): Promise<void> {
  const apart = await loadApart(start.run.slug, name);
  const aborter = new AbortController();
  const { context, close } = createContext(start, machine, aborter.signal, {
    event: (event) => tell({ kind: 'event', event }),
    model: (model) => tell({ kind: 'model', model }),
    apart: () => {},
  });
  let baselineBytes = residentBytes();
  let watch = watchPeak();
  const given: ApartContext = Object.assign(context, {
    baseline() {
      watch.stop();
      // What the preparation left behind would otherwise be freed in the middle of what is measured.
      globalThis.gc?.();
      baselineBytes = residentBytes();
      watch = watchPeak();
    },
    apart: refuse(`"${name}" runs apart already and starts nothing apart itself.`),
    write: refuse(`"${name}" runs apart and leaves no files; it returns what it found.`),
  });
  try {
    const result: unknown = await apart(parameters, given);
    const peakBytes = watch.stop();
    leave({ kind: 'done', result: JSON.parse(JSON.stringify(result ?? null)), baselineBytes, peakBytes });
  } finally {
    aborter.abort();
    close();
  }
}

const refuse = (sentence: string) => (): never => {
  throw new Error(sentence);
};

listenOnce(run);
