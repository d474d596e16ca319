/** What a task reads its rows from: a list, or a stream such as `openDataset` gives. */
import { charactersOf, type DataRow } from '../data/row.ts';
import { type Order, shuffled, shuffledBuffers } from '../data/shuffle.ts';
import { onlyPart } from '../data/splits.ts';
import { listed } from '../data/stages.ts';
import type { Stream } from '../data/stream.ts';

/** Rows by the names of their columns, in memory or from a data set's files. */
export type TaskData = readonly Readonly<Record<string, unknown>>[] | RowStream;

/** A stream of rows; files that can be read in another order are, from epoch to epoch. */
export interface RowStream extends Stream<DataRow> {
  shuffledFiles?(order: Order): Stream<DataRow>;
}

/** Rows in the order in which they lie, and in a random one. */
export interface Rows {
  inOrder(): Stream<DataRow>;
  /** A list in any order; a stream in buffers of 10,000 rows, its files in any order. */
  shuffled(order: Order): Stream<DataRow>;
}

const bufferRows = 10_000;
const bufferCharacters = 2 ** 26;

export function rowsOfData(data: TaskData): Rows {
  if ('from' in data) {
    return {
      inOrder: () => data,
      shuffled: (order) =>
        shuffledBuffers(data.shuffledFiles?.(order) ?? data, {
          ...order,
          items: bufferRows,
          weigh: { of: charactersOf, most: bufferCharacters },
        }),
    };
  }
  const rows = data.map((fields, index): DataRow => ({ fields, place: `row ${index + 1}` }));
  return { inOrder: () => listed(rows), shuffled: (order) => shuffled(rows, order) };
}

/** A share of the rows that is kept for evaluation, and the others. Which rows these are follows from their places and the seed. */
export function splitRows(rows: Rows, share: number, seed: number): { training: Rows; evaluation: Rows } {
  if (!(share > 0 && share < 1))
    throw new RangeError(`The share that is kept for evaluation must be between 0 and 1; got ${share}.`);
  const shares = { training: 1 - share, evaluation: share };
  const part = (name: keyof typeof shares): Rows => {
    const only = (stream: Stream<DataRow>) => onlyPart(stream, ({ place }) => place, { part: name, shares, seed });
    return { inOrder: () => only(rows.inOrder()), shuffled: (order) => only(rows.shuffled(order)) };
  };
  return { training: part('training'), evaluation: part('evaluation') };
}
