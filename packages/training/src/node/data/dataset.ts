/** Data sets in files, read row by row. */
import { houseText } from '@working-papers/models/references';
import type { DataRow } from '../../data/row.ts';
import type { Order } from '../../data/shuffle.ts';
import { countIn, type Placed, type Position, type Stream, streamOf } from '../../data/stream.ts';
import { permutation, randomKey } from '../../random.ts';
import { type DataFile, type DataFormat, findDataFiles } from './data-files.ts';
import { fileBytes } from './file-bytes.ts';
import { countParquetRows, parquetRows } from './parquet.ts';
import { type Passage, textFormats } from './text-formats.ts';

export interface DatasetOptions {
  /** Default: told by the names of the files. */
  format?: DataFormat;
  /** Only the files of this part: `train`. Needed where a folder has several. */
  split?: string;
  /** Only these fields; Parquet then reads no other columns. */
  fields?: readonly string[];
  /** What a row of plain text is; default a line. */
  passage?: Passage;
  /** Most bytes of a row of text; default 8 MiB. */
  longestRow?: number;
  /** Most bytes, unpacked, of what is read of a Parquet file's row group; default 1 GiB. */
  largestRowGroup?: number;
}

/** Rows of all files, one file after the other. */
export interface Dataset extends Stream<DataRow> {
  readonly files: readonly DataFile[];
  /** Their number, where the files say it: Parquet. */
  readonly rows?: number;
  /** The same rows, the files in a random order: before `shuffledBuffers`, for rows that stand in an order. */
  shuffledFiles(order: Order): Stream<DataRow>;
}

/**
 * Opens a file, a folder, or a text of the house (`house:books`). Nothing is read but names, and the footers of Parquet files; a reader holds 64 KiB of a text file and the row
 * it is at, of a Parquet file one row group. Text goes on from a byte, Parquet from a row group, gzip is read from its start. What is
 * wrong in a file is a sentence that names file, line and field.
 */
export async function openDataset(path: string, options: DatasetOptions = {}): Promise<Dataset> {
  const all = await findDataFiles(houseText(path) ?? path, options.format);
  const files = filesOf(all, options.split, path);
  let rows: number | undefined;
  if (files.every(({ format }) => format === 'parquet')) {
    rows = 0;
    for (const { path, name } of files) rows += await countParquetRows(path, name);
  }
  return {
    files,
    ...(rows === undefined ? {} : { rows }),
    ...filesStream(files, options),
    shuffledFiles({ seed, epoch = 0 }) {
      const order = permutation(randomKey(seed, 'shuffle files', epoch), files.length);
      return filesStream(
        Array.from(order, (index) => files[index]!),
        options,
      );
    },
  };
}

function filesOf(all: readonly DataFile[], split: string | undefined, path: string): readonly DataFile[] {
  const there = [...new Set(all.map((file) => file.split ?? 'files of no split'))];
  if (split === undefined) {
    if (there.length === 1) return all;
    throw new Error(`"${path}" has several splits: ${there.join(', ')}. Name the one that is to be read.`);
  }
  const files = all.filter((file) => file.split === split);
  if (files.length > 0) return files;
  throw new Error(`"${path}" has no split "${split}"; there ${there.length === 1 ? 'is' : 'are'} ${there.join(', ')}.`);
}

const stage = 'files';

function filesStream(files: readonly DataFile[], options: DatasetOptions): Stream<DataRow> {
  const start = () => ({ file: files[0]!.name, at: 0, line: 0 });
  return streamOf(stage, start, async function* (from) {
    const first = files.findIndex(({ name }) => name === from.file);
    if (first < 0)
      throw new Error(
        `The position is in "${String(from.file)}", which is not among the files. Go on with the files that it was taken from.`,
      );
    for (const [index, file] of files.slice(first).entries())
      yield* rowsOf(file, options, index === 0 ? from : { stage, file: file.name, at: 0, line: 0 });
  });
}

async function* rowsOf(
  file: DataFile,
  options: DatasetOptions,
  from: Position,
): AsyncGenerator<Placed<DataRow>, void, undefined> {
  const { name, path, format, gzip } = file;
  const { fields, passage = 'line', longestRow = 2 ** 23, largestRowGroup = 2 ** 30 } = options;
  if (format === 'parquet') {
    for await (const row of parquetRows(path, { name, fields, largestRowGroup }, countIn(from, 'at'))) {
      const place = `${name}, row ${row.index + 1}`;
      yield { item: { fields: row.fields, place }, after: { stage, file: name, at: row.index + 1, line: 0 } };
    }
    return;
  }
  const open = (start: number) => fileBytes(path, name, { gzip, start });
  const place = { bytes: countIn(from, 'at'), line: countIn(from, 'line') };
  for await (const row of textFormats[format](open, { name, longestRow, passage }, place)) {
    const place = `${name}, line ${row.line}`;
    const { bytes, line } = row.after;
    const wanted = fields ? only(row.fields, fields, place) : row.fields;
    yield { item: { fields: wanted, place }, after: { stage, file: name, at: bytes, line } };
  }
}

function only(fields: Readonly<Record<string, unknown>>, names: readonly string[], place: string) {
  const missing = names.find((name) => !Object.hasOwn(fields, name));
  if (missing === undefined) return Object.fromEntries(names.map((name) => [name, fields[name]]));
  throw new Error(
    `${place}: there is no field "${missing}"; there are ${Object.keys(fields).slice(0, 40).join(', ')}.`,
  );
}
