/** Rows of Parquet files. */
import { type FileHandle, open } from 'node:fs/promises';
import { type AsyncBuffer, parquetMetadataAsync, parquetSchema, type RowGroup, type SchemaTree } from 'hyparquet';
import { readColumn } from 'hyparquet/src/column.js';
import { DEFAULT_PARSERS } from 'hyparquet/src/convert.js';
import { assembleAsync, asyncGroupToRows } from 'hyparquet/src/rowgroup.js';
import { getTreePath } from 'hyparquet/src/schema.js';
import { checkPages } from './parquet-pages.ts';

export interface ParquetOptions {
  /** Of the file, in sentences. */
  name: string;
  /** Columns that are read; default all. */
  fields?: readonly string[] | undefined;
  /** Most bytes of a row group's columns, unpacked. */
  largestRowGroup: number;
}

export interface ParquetRow {
  fields: Record<string, unknown>;
  /** Counted from 0. */
  index: number;
}

/** Most bytes of what a file says of itself. */
const largestFooter = 2 ** 26;
/** A row group of more rows is no list of texts. */
const mostRows = 2 ** 24;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const parsers = { ...DEFAULT_PARSERS, stringFromBytes: (bytes: Uint8Array | undefined) => bytes && utf8.decode(bytes) };

/** How many rows a file has, by its footer. Throws a sentence when it has none that can be read. */
export async function countParquetRows(path: string, name: string): Promise<number> {
  const handle = await open(path);
  try {
    return (await footerOf(await bufferOf(handle), name)).rows;
  } finally {
    await handle.close();
  }
}

/**
 * The rows of a Parquet file from row `start` on. The format stores a row group column by column, so the columns that are wanted of one
 * row group are held at once. Whole numbers beyond 2^53 are bigints, dates and times ISO text, bytes Uint8Arrays. Throws a sentence for
 * what is malformed, too large, or not there.
 */
export async function* parquetRows(
  path: string,
  { name, fields, largestRowGroup }: ParquetOptions,
  start = 0,
): AsyncGenerator<ParquetRow, void, undefined> {
  const handle = await open(path);
  try {
    const file = await bufferOf(handle);
    const { groups, schema, rows: count } = await footerOf(file, name);
    if (start > count)
      throw new Error(
        `${name} has ${count} rows, and the position is at row ${start}. Go on with the file that it was taken from.`,
      );
    const columns = columnsOf(schema, fields, name);
    let first = 0;
    for (const [number, group] of groups.entries()) {
      const end = first + Number(group.num_rows);
      if (end > start) {
        const refuse = (error: unknown) => unreadable(`${name}, row group ${number + 1}`, error);
        const rows = await groupRows(file, group, { schema, columns, largestRowGroup }).catch((error) => {
          throw refuse(error);
        });
        for (let index = Math.max(start, first); index < end; index++)
          yield { fields: plain(rows[index - first]) as Record<string, unknown>, index };
      }
      first = end;
    }
  } finally {
    await handle.close();
  }
}

const unreadable = (place: string, error: unknown) => {
  const { message } = error as Error;
  return new Error(`${place} cannot be read (${message.slice(0, 300).replace(/\.$/, '')}).`, { cause: error });
};

async function bufferOf(handle: FileHandle): Promise<AsyncBuffer> {
  const { size } = await handle.stat();
  return {
    byteLength: size,
    async slice(start, end = size) {
      if (!(start >= 0 && start <= end && end <= size))
        throw new Error(`bytes ${start} to ${end} of a file of ${size}`);
      const bytes = new Uint8Array(end - start);
      let read = 0;
      while (read < bytes.length) {
        const { bytesRead } = await handle.read(bytes, read, bytes.length - read, start + read);
        if (bytesRead === 0) throw new Error('the file became shorter while it was read');
        read += bytesRead;
      }
      return bytes.buffer;
    },
  };
}

interface Footer {
  groups: readonly RowGroup[];
  schema: SchemaTree;
  rows: number;
}

/** What a file says of itself, its counts and places held against the file. */
async function footerOf(file: AsyncBuffer, name: string): Promise<Footer> {
  const refuse = (what: string) => new Error(`${name} is no whole Parquet file: ${what}. Fetch or write it again.`);
  if (file.byteLength < 12) throw refuse(`it has ${file.byteLength} bytes`);
  const ending = new DataView(await file.slice(file.byteLength - 8));
  if (ending.getUint32(4, true) !== 0x31524150) throw refuse('it does not end as one');
  const length = ending.getUint32(0, true);
  if (length > Math.min(largestFooter, file.byteLength - 12)) throw refuse(`its footer would have ${length} bytes`);
  try {
    const metadata = await parquetMetadataAsync(file, { geoparquet: false, initialFetchSize: length + 8 });
    let total = 0;
    for (const { num_rows: rows, columns } of metadata.row_groups) {
      if (!(rows >= 0n && rows <= mostRows))
        throw new Error(`a row group has ${rows} rows; at most ${mostRows} are read at once`);
      total += Number(rows);
      for (const { meta_data, file_path } of columns) {
        if (file_path) throw new Error(`a column lies in another file`);
        const { start, end } = placeOf(meta_data);
        if (!(start >= 4 && start <= end && end <= file.byteLength))
          throw new Error('a column lies outside of the file');
      }
    }
    if (total !== Number(metadata.num_rows)) throw new Error('its row groups have other rows than the whole');
    return { groups: metadata.row_groups, schema: parquetSchema(metadata), rows: total };
  } catch (error) {
    throw refuse((error as Error).message.slice(0, 300));
  }
}

type Column = RowGroup['columns'][number]['meta_data'];

function placeOf(column: Column): { start: number; end: number } {
  if (!column) throw new Error('a column is not described');
  const start = Number(column.dictionary_page_offset || column.data_page_offset);
  return { start, end: start + Number(column.total_compressed_size) };
}

/** Names of the columns that are wanted. */
function columnsOf(schema: SchemaTree, fields: readonly string[] | undefined, name: string): readonly string[] {
  const there = schema.children.map(({ element }) => element.name);
  const missing = fields?.find((field) => !there.includes(field));
  if (missing === undefined) return fields ?? there;
  throw new Error(`${name} has no field "${missing}"; there are ${there.slice(0, 40).join(', ')}.`);
}

async function groupRows(
  file: AsyncBuffer,
  { columns, num_rows }: RowGroup,
  wanted: { schema: SchemaTree; columns: readonly string[]; largestRowGroup: number },
): Promise<Record<string, unknown>[]> {
  const { schema, largestRowGroup } = wanted;
  const count = Number(num_rows);
  const chunks = columns
    .map(({ meta_data }) => meta_data!)
    .filter(({ path_in_schema: [top] }) => wanted.columns.includes(top!));
  const bytes = chunks.reduce((sum, chunk) => sum + Number(chunk.total_uncompressed_size), 0);
  if (!(bytes <= largestRowGroup))
    throw new Error(
      `its columns have ${bytes} bytes, and at most ${largestRowGroup} are read at once: name the fields that are needed, raise largestRowGroup, or write smaller row groups`,
    );
  const select = { groupStart: 0, groupRows: count, selectStart: 0, selectEnd: count };
  const read = [];
  for (const chunk of chunks) {
    const { start, end } = placeOf(chunk);
    const buffer = await file.slice(start, end);
    const schemaPath = getTreePath(schema, chunk.path_in_schema);
    const { length, compressors } = checkPages(buffer, chunk, schemaPath);
    const column = readColumn({ view: new DataView(buffer, 0, length), offset: 0 }, select, {
      ...chunk,
      pathInSchema: chunk.path_in_schema,
      element: schemaPath.at(-1)!.element,
      schemaPath,
      parsers,
      utf8: false,
      compressors,
    });
    const rows = column.data.reduce((sum, { length }) => sum + length, 0);
    if (rows < count) throw new Error(`the column ${chunk.path_in_schema.join('.')} has ${rows} of ${count} rows`);
    read.push({ pathInSchema: chunk.path_in_schema, data: Promise.resolve(column) });
  }
  const assembled = assembleAsync({ ...select, asyncColumns: read }, schema, parsers);
  const settled = await Promise.allSettled(assembled.asyncColumns.map(({ data }) => data));
  for (const one of settled) if (one.status === 'rejected') throw one.reason;
  return asyncGroupToRows(assembled, 0, count, [...wanted.columns], 'object');
}

/** A value as JSON Lines would have it, but for bytes and large numbers. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (value === undefined) return null;
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return Array.from(value as ArrayLike<unknown>, plain);
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]));
}
