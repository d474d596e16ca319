/** The reader's own input: inline text, or a file by its path or as an upload; as rows or as bytes. */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, statSync } from 'node:fs';
import { basename, extname, isAbsolute } from 'node:path';
import { Readable } from 'node:stream';
import type { Row } from '@working-papers/methods/contract';
import { parse } from 'csv-parse';
import { uploadedInput } from '../uploads/store.ts';

/** Longest line that a row may come from. */
const longestLine = 8 * 1024 * 1024;

/** Where an input's bytes are: in the text itself, or in a file. */
export type Source = { text: string } | { path: string; name: string };

/**
 * @param input text with a newline or that names no file is the input itself; `upload:<id>` an upload; a path a file
 * @param uploads the folder that uploads are kept in
 */
export function sourceOf(input: string, uploads: string): Source {
  const upload = /^upload:(.+)$/.exec(input)?.[1];
  if (upload !== undefined) return uploadedInput(uploads, upload);
  if (input.includes('\n') || input.length > 4_096) return { text: input };
  const named = isAbsolute(input) || /^\.{1,2}[\\/]/.test(input) || /\.(txt|jsonl|csv|json|tsv)$/i.test(input);
  if (existsSync(input) && (named || input.includes('/'))) {
    if (!statSync(input).isFile()) throw new Error(`"${input}" is a folder; name a .txt, .jsonl or .csv file.`);
    return { path: input, name: basename(input) };
  }
  if (named) throw new Error(`There is no file "${input}". Give a path that exists, or text of several lines.`);
  return { text: input };
}

/** Bytes of an input, in pieces. */
export async function* inputBytes(source: Source): AsyncGenerator<Uint8Array> {
  if ('text' in source) yield new TextEncoder().encode(source.text);
  else yield* createReadStream(source.path) as AsyncIterable<Uint8Array>;
}

export async function hashInput(source: Source): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const piece of inputBytes(source)) {
    hash.update(piece);
    bytes += piece.byteLength;
  }
  return { sha256: hash.digest('hex'), bytes };
}

/**
 * Rows of an input. Text: `{ text }` for each line that is not blank. `.jsonl`: the object of each line (a bare string becomes
 * `{ text }`, nested values stay JSON text). `.csv`: a column each, named by the first line. Errors name the input and the line.
 */
export async function* inputRows(source: Source): AsyncGenerator<Row> {
  const name = 'text' in source ? 'The text' : source.name;
  const kind = 'text' in source ? '' : extname(source.name).toLowerCase();
  if (kind === '.csv') yield* csvRows(source, name);
  else if (kind === '.jsonl') yield* jsonlRows(source, name);
  else for await (const { line } of lines(source, name)) yield { text: line };
}

/** Lines that are not blank, numbered from 1. A line that is too long is refused before it has been read whole. */
async function* lines(source: Source, name: string): AsyncGenerator<{ line: string; number: number }> {
  let number = 0;
  const checked = (line: string) => {
    number += 1;
    if (line.length <= longestLine) return { line, number };
    throw new Error(`${name}, line ${number}: more than ${longestLine} characters; a row has at most so many.`);
  };
  // A byte order mark is no part of the first line.
  const decoder = new TextDecoder('utf-8');
  let rest = '';
  for await (const bytes of inputBytes(source)) {
    const piece = decoder.decode(bytes, { stream: true });
    rest += piece;
    if (/[\r\n]/.test(piece)) {
      // "\r" at the very end may be half of "\r\n".
      const whole = rest.split(/\r\n|\n|\r(?!$)/);
      rest = whole.pop() ?? '';
      for (const line of whole) {
        const row = checked(line);
        if (line.trim() !== '') yield row;
      }
    }
    if (rest.length > longestLine) checked(rest);
  }
  rest = (rest + decoder.decode()).replace(/\r$/, '');
  if (rest.trim() !== '') yield checked(rest);
}

async function* jsonlRows(source: Source, name: string): AsyncGenerator<Row> {
  for await (const { line, number } of lines(source, name)) {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      throw new Error(`${name}, line ${number}: not JSON. Each line of a .jsonl file is one object.`);
    }
    if (typeof value === 'string') yield { text: value };
    else if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      yield rowOf(value, `${name}, line ${number}`);
    } else throw new Error(`${name}, line ${number}: each line is one object; got ${line.slice(0, 40)}.`);
  }
}

function rowOf(value: object, place: string): Row {
  try {
    return Object.fromEntries(Object.entries(value).map(([key, cell]) => [key, scalar(cell)]));
  } catch (error) {
    throw new Error(`${place}: ${(error as Error).message}`);
  }
}

function scalar(value: unknown): string | number | boolean | null {
  if (typeof value !== 'object' || value === null) return value as string | number | boolean | null;
  try {
    return JSON.stringify(value);
  } catch {
    // The parser takes any depth, the writer does not.
    throw new Error('a value is nested too deep.');
  }
}

/** More columns are no table but a file of another kind. */
const mostColumns = 10_000;

function checkedColumns(names: string[]): string[] {
  if (names.length <= mostColumns) return names;
  throw new Error(`the first line names ${names.length} columns; a table has at most ${mostColumns}.`);
}

async function* csvRows(source: Source, name: string): AsyncGenerator<Row> {
  const parser = Readable.from(inputBytes(source)).pipe(
    parse({ columns: checkedColumns, bom: true, skip_empty_lines: true, max_record_size: longestLine }),
  );
  try {
    for await (const row of parser) yield row as Row;
  } catch (error) {
    const { lines: line } = error as Error & { lines?: number };
    throw new Error(`${name}, line ${line ?? 1}: ${(error as Error).message.replace(/\.?$/, '.')}`);
  }
}
