/** `node make-empty-database.js`: makes the archive of empty-database.ts, unless it is there. A step of the build. */
import { existsSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { PGlite } from '@electric-sql/pglite';
import { emptyDatabasePath } from './empty-database.ts';

if (!existsSync(emptyDatabasePath)) {
  const database = await PGlite.create();
  const archive = await database.dumpDataDir('gzip');
  await database.close();
  const part = `${emptyDatabasePath}.${process.pid}`;
  await writeFile(part, Buffer.from(await archive.arrayBuffer()));
  await rename(part, emptyDatabasePath);
}
