/** Rows of text files: plain, JSON Lines, comma- and tab-separated. */
import { pipeline, Readable } from 'node:stream';
import { type Parser, parse } from 'csv-parse';
import { shown } from '../../shown.ts';
import { checkedText, type Line, linesOf, type TextLimits, type TextPlace } from './lines.ts';

/** A row, the line on which it begins, and the place behind it. */
export interface TextRow {
  fields: Record<string, unknown>;
  line: number;
  after: TextPlace;
}

/** What a row of a plain text is: a line, what stands between blank lines, or the whole file. Lines of white space alone count as blank. */
export type Passage = 'line' | 'paragraph' | 'file';

export interface TextOptions extends TextLimits {
  /** Default 'line'. */
  passage?: Passage;
}

/** Bytes of a text from some byte on. */
export type OpenText = (start: number) => AsyncIterable<Uint8Array>;

type ReadRows = (open: OpenText, options: TextOptions, from?: TextPlace) => AsyncGenerator<TextRow, void, undefined>;

/** How rows are read from each format. They begin at the start, or at the place behind a row that was given. */
export const textFormats: Readonly<Record<'text' | 'jsonl' | 'csv' | 'tsv', ReadRows>> = {
  text: plainRows,
  jsonl: jsonRows,
  csv: (open, options, from) => separatedRows(open, options, ',', from),
  tsv: (open, options, from) => separatedRows(open, options, '\t', from),
};

export type TextFormat = keyof typeof textFormats;

const beginning: TextPlace = { bytes: 0, line: 0 };

/** `{ text }` a row; lines of a paragraph or a file have "\n" between them. */
async function* plainRows(
  open: OpenText,
  { passage = 'line', ...limits }: TextOptions,
  from = beginning,
): AsyncGenerator<TextRow, void, undefined> {
  let held: Line[] = [];
  let [start, before] = [from.bytes, from.bytes];
  const row = (lines: readonly Line[]): TextRow => ({
    fields: { text: lines.map(({ text }) => text).join('\n') },
    line: lines[0]!.after.line,
    after: lines.at(-1)!.after,
  });
  for await (const line of linesOf(open(from.bytes), limits, from)) {
    const isBlank = line.text.trim() === '';
    const ends = isBlank && passage !== 'file';
    if (ends && held.length > 0) {
      yield row(held);
      held = [];
    }
    if (held.length === 0) start = before;
    before = line.after.bytes;
    if (ends || (isBlank && held.length === 0)) continue;
    held.push(line);
    if (before - start > limits.longestRow)
      throw new Error(
        `${limits.name}, line ${held[0]!.after.line}: a ${passage} of more than ${limits.longestRow} bytes begins here; a row has at most so many. Split it, or read shorter passages.`,
      );
    if (passage === 'line') {
      yield row(held);
      held = [];
    }
  }
  if (held.length > 0) yield row(held);
}

/** The object of each line; a bare text becomes `{ text }`. */
async function* jsonRows(
  open: OpenText,
  { passage: _, ...limits }: TextOptions,
  from = beginning,
): AsyncGenerator<TextRow, void, undefined> {
  for await (const { text, after } of linesOf(open(from.bytes), limits, from)) {
    if (text.trim() === '') continue;
    const refuse = (what: string) => new Error(`${limits.name}, line ${after.line}: ${what}`);
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      throw refuse(
        after.line === 1 && text.trim() === '['
          ? 'the file is one list. Write one object a line, without the list around them.'
          : `not JSON (${(error as Error).message.slice(0, 120)}). Each line is one object.`,
      );
    }
    if (typeof value === 'string') yield { fields: { text: value }, line: after.line, after };
    else if (typeof value === 'object' && value !== null && !Array.isArray(value))
      yield { fields: value as Record<string, unknown>, line: after.line, after };
    else throw refuse(`each line is one object; got ${shown(value)}.`);
  }
}

/** More columns are no table but a file of another kind. */
const mostColumns = 10_000;

/** A field a column, named by the first line; all values are text. */
async function* separatedRows(
  open: OpenText,
  { passage: _, ...limits }: TextOptions,
  delimiter: string,
  from = beginning,
): AsyncGenerator<TextRow, void, undefined> {
  let names: readonly string[] | undefined;
  if (from.line > 0) {
    for await (const { values } of recordsOf(open(0), limits, delimiter, beginning)) {
      names = columnsOf(values, limits.name);
      break;
    }
  }
  for await (const { values, line, after } of recordsOf(open(from.bytes), limits, delimiter, from)) {
    if (!names) {
      names = columnsOf(values, limits.name);
      continue;
    }
    if (values.length !== names.length)
      throw new Error(
        `${limits.name}, line ${line}: ${values.length} ${values.length === 1 ? 'value' : 'values'}, and the first line names ${names.length} columns. A value with a ${delimiter === ',' ? 'comma' : 'tab'} or a quote in it stands between quotes.`,
      );
    yield { fields: Object.fromEntries(names.map((name, column) => [name, values[column]])), line, after };
  }
}

function columnsOf(names: readonly string[], file: string): readonly string[] {
  if (names.length > mostColumns)
    throw new Error(`${file}, line 1: ${names.length} columns; a table has at most ${mostColumns}.`);
  const twice = names.find((name, column) => names.indexOf(name) < column);
  if (twice === undefined) return names;
  throw new Error(`${file}, line 1: two columns are named ${shown(twice)}. Name each differently.`);
}

interface SeparatedRecord {
  values: string[];
  line: number;
  after: TextPlace;
}

async function* recordsOf(
  pieces: AsyncIterable<Uint8Array>,
  limits: TextLimits,
  delimiter: string,
  from: TextPlace,
): AsyncGenerator<SeparatedRecord, void, undefined> {
  // Counted here: the parser takes "\r\n" between quotes for two.
  let [last, empty] = [from.line, 0];
  const begins = (emptyLines: number) => last + emptyLines - empty + 1;
  const parser: Parser = parse({
    delimiter,
    bom: from.line === 0,
    skip_empty_lines: true,
    // Counted where the columns are known.
    relax_column_count: true,
    // Named, for they would otherwise be guessed anew wherever reading begins.
    record_delimiter: ['\r\n', '\n', '\r'],
    max_record_size: limits.longestRow,
    on_record: (values) => {
      const { bytes, empty_lines } = parser.info;
      const line = begins(empty_lines);
      last = values.reduce((sum, value) => sum + lineEndsIn(value), line);
      empty = empty_lines;
      const record: SeparatedRecord = { values, line, after: { bytes: from.bytes + bytes, line: last } };
      // What is returned is given as it is; the types know lists alone.
      return record as unknown as string[];
    },
  });
  pipeline(Readable.from(checkedText(pieces, limits, from.line), { objectMode: false }), parser, () => {});
  try {
    yield* parser as AsyncIterable<SeparatedRecord>;
  } catch (error) {
    const { code, empty_lines = empty } = error as { code?: string; empty_lines?: number };
    const sentence = code === undefined ? undefined : csvSentences[code];
    if (!sentence) throw error;
    throw new Error(`${limits.name}, line ${begins(empty_lines)}: ${sentence}`, { cause: error });
  }
}

const lineEndsIn = (value: string) => value.match(/\r\n|\n|\r/g)?.length ?? 0;

const csvSentences: Record<string, string> = {
  CSV_QUOTE_NOT_CLOSED:
    'the row that begins here has a quote that is never closed. Close it, or write a quote within a value twice.',
  CSV_MAX_RECORD_SIZE: 'the row that begins here is longer than a row may be. Is a quote not closed?',
  INVALID_OPENING_QUOTE:
    'a quote stands within a value that has none around it. Put the value between quotes, and write the quote within twice.',
  CSV_INVALID_CLOSING_QUOTE:
    'after the quote that ends a value stands something else than the next value. Write a quote within a value twice.',
};
