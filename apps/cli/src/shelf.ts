/** The library for one command: opened (a database is started when none is there), registered, closed. */
import type { Library } from '@working-papers/library';
import { databaseUrl, dataFolder } from './settings.ts';
import type { Terminal } from './terminal.ts';

export async function withLibrary<T>(terminal: Terminal, work: (library: Library) => Promise<T>): Promise<T> {
  const { openLibrary } = await import('@working-papers/library');
  const { closeQueue } = await import('@working-papers/runs');
  const url = databaseUrl();
  const library = await openLibrary({
    dataFolder: dataFolder(),
    ...(url === undefined ? {} : { databaseUrl: url }),
    onMessage: (sentence) => terminal.note(sentence),
  });
  try {
    return await work(library);
  } finally {
    await closeQueue(library);
    await library.close();
  }
}

/** As withLibrary, with every descriptor registered; says so when there are no papers yet. */
export async function withShelf<T>(terminal: Terminal, work: (library: Library) => Promise<T>): Promise<T> {
  return withLibrary(terminal, async (library) => {
    const { libraryStatus } = await import('@working-papers/library');
    const { registerMethods } = await import('@working-papers/runs');
    await registerMethods(library);
    if ((await libraryStatus(library)).papers === 0) {
      terminal.note('The shelf is empty. "papers import" puts the founding page on it.');
    }
    return work(library);
  });
}
