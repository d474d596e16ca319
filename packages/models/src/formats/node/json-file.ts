import { readFile, stat } from 'node:fs/promises';
import { FormatError } from '../format-error.ts';
import { parseJson } from '../json-text.ts';

/** Largest JSON file that is read (tokenizer.json of a large vocabulary has 35 MB). */
const largest = 256 * 2 ** 20;

/** A parsed JSON file, or undefined when there is none. */
export async function readJson(path: string): Promise<unknown> {
  const text = await readText(path);
  return text === undefined ? undefined : parseJson(text, path).value;
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
  const bytes = await readBytes(path);
  return bytes && new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
}

/** A whole file of up to 256 MiB, or undefined when there is none. */
export async function readBytes(path: string): Promise<Uint8Array | undefined> {
  try {
    const { size } = await stat(path);
    if (size > largest) throw new FormatError(`${path} has ${size} bytes; at most ${largest} are read.`);
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
