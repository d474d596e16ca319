/** What the environment says of this process. */
import { isAbsolute, resolve } from 'node:path';

export const port = Number(process.env.PORT ?? 5151);
/** The one address of this instance; feeds cookies' and forms' origin checks. */
export const publicUrl = (process.env.PUBLIC_URL ?? process.env.ORIGIN ?? `http://localhost:${port}`).replace(
  /\/$/,
  '',
);
const folder = process.env.WORKING_PAPERS_DATA ?? 'data';
export const dataFolder = isAbsolute(folder) ? folder : resolve(folder);
export const databaseUrl = process.env.DATABASE_URL;
/** Whoever shows this key is admin; without one nobody is. */
export const key = process.env.WORKING_PAPERS_KEY;
