import { readFile, stat } from 'node:fs/promises';
import { FormatError } from '../format-error.ts';

/** Largest JSON file that is read (tokenizer.json of a large vocabulary has 35 MB). */
const largest = 256 * 2 ** 20;

/** A parsed JSON file, or undefined when there is none. */
export async function readJson(path: string): Promise<unknown> {
  const text = await readText(path);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FormatError(`${path} is not JSON (${(error as Error).message}).`);
  }
}

/** A parsed JSON object, or undefined when there is no file. */
export async function readJsonObject(path: string): Promise<Record<string, unknown> | undefined> {
  const value = await readJson(path);
  if (value === undefined) return undefined;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new FormatError(`${path} is not a JSON object.`);
  return value as Record<string, unknown>;
}

/** A text file, or undefined when there is none. */
export async function readText(path: string): Promise<string | undefined> {
  try {
    const { size } = await stat(path);
    if (size > largest) throw new FormatError(`${path} has ${size} bytes; at most ${largest} are read.`);
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
