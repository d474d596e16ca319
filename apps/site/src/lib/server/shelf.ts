/** The library of this process, opened once; a failed opening is tried again by the next request. */
import { encoderClient, type Library, openLibrary, searchEncoder } from '@working-papers/library';
import { watchLost } from '@working-papers/runs';
import { databaseUrl, dataFolder } from './settings.ts';
import { stopping } from './stopping.ts';

let opening: Promise<Library> | undefined;

export function shelf(): Promise<Library> {
  opening ??= openLibrary({ dataFolder, databaseUrl }).then(
    (library) => {
      void watchLost(library, { signal: stopping });
      stopping.addEventListener('abort', () => void library.close().catch(() => {}), { once: true });
      return library;
    },
    (error) => {
      opening = undefined;
      throw error;
    },
  );
  return opening;
}

export const encoder = encoderClient({ dataFolder });
export const encode = searchEncoder(encoder);
