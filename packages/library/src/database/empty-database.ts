/**
 * What a new embedded database begins with. PGlite would run `initdb` in WebAssembly, which takes some ten seconds of a processor and
 * gives the same each time; the build runs it once, and a new database is unpacked from that.
 */
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const { dependencies } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  dependencies: Record<string, string>;
};

/** Where the build leaves the archive; named after its PGlite, because only that one is sure to read it. */
export const emptyDatabasePath = fileURLToPath(
  new URL(`../../dist/empty-database-${dependencies['@electric-sql/pglite']}.tar.gz`, import.meta.url),
);

/** The archive for `loadDataDir`; undefined where the build left none, and then PGlite runs `initdb` itself. */
export async function emptyDatabase(): Promise<Blob | undefined> {
  return existsSync(emptyDatabasePath) ? new Blob([await readFile(emptyDatabasePath)]) : undefined;
}
