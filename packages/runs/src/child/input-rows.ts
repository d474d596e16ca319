/** A reader's input as rows of plain values. */
import { extname } from 'node:path';
import type { Row } from '@working-papers/methods/contract';
import { type TextFormat, textFormats } from '@working-papers/training/node';
import { inputBytes } from './input-bytes.ts';
import type { Source } from './inputs.ts';

/** Most bytes of a row. */
const longestRow = 8 * 1024 * 1024;

const formats: Record<string, TextFormat> = { '.jsonl': 'jsonl', '.csv': 'csv', '.tsv': 'tsv' };

/**
 * Rows of an input. Text: `{ text }` for each line that is not blank. `.jsonl`: the object of each line (a bare string becomes
 * `{ text }`, nested values stay JSON text). `.csv` and `.tsv`: a column each, named by the first line. Errors name the input and the line.
 */
export async function* inputRows(source: Source): AsyncGenerator<Row> {
  const name = 'text' in source ? 'The text' : source.name;
  const format = ('text' in source ? undefined : formats[extname(name).toLowerCase()]) ?? 'text';
  const open = (start: number) => inputBytes(source, start);
  for await (const { fields, line } of textFormats[format](open, { name, longestRow }))
    yield rowOf(fields, `${name}, line ${line}`);
}

function rowOf(fields: object, place: string): Row {
  try {
    return Object.fromEntries(Object.entries(fields).map(([key, cell]) => [key, scalar(cell)]));
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
