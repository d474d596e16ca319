/** The classes of a task: named by the user, by the model, or by the data. */
import { type DataRow, fieldOf } from '../data/row.ts';
import { classOf } from '../data/tags.ts';
import { shown } from '../shown.ts';
import type { Rows } from './task-data.ts';

/** Classes by their names, and the number of what a row says. */
export interface ClassNames {
  readonly names: readonly string[];
  /** Throws a sentence for a label that is none of them. */
  numberOf(value: unknown): number;
}

/** Most classes that data may name: more are a column of something else. */
const mostClasses = 10_000;

/** The classes of a list of names; numbers are places in it, unless the names themselves are numbers. */
export function namedClasses(names: readonly string[]): ClassNames {
  if (names.length < 2)
    throw new Error(
      `A classifier tells at least 2 labels apart; there ${names.length === 1 ? `is only ${shown(names[0])}` : 'are none'}.`,
    );
  const numbered = names.some((name) => /^\d+$/.test(name));
  const numberOf = (value: unknown) => classOf(names, typeof value === 'boolean' || numbered ? String(value) : value);
  return { names, numberOf };
}

/**
 * The classes that the rows name in a column, in order: whole numbers from 0 on without a gap as `LABEL_0`, `LABEL_1`, ..., as transformers
 * has it; anything else by its text. Reads all rows.
 */
export async function classesOf(rows: Rows, valuesOf: (row: DataRow) => Iterable<unknown>): Promise<ClassNames> {
  const found = new Set<string | number | boolean>();
  for await (const row of rows.inOrder().from()) {
    for (const value of inPlace(row, valuesOf)) {
      const plain = typeof value === 'bigint' ? Number(value) : value;
      if (typeof plain !== 'string' && typeof plain !== 'number' && typeof plain !== 'boolean')
        throw new Error(`${row.place}: a label must be text or a number; got ${shown(value)}.`);
      found.add(plain);
    }
    if (found.size > mostClasses)
      throw new Error(
        `There are more than ${mostClasses} different labels by ${row.place}. Is that the column of the labels?`,
      );
  }
  const values = [...found];
  if (values.every((value) => typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < found.size))
    return namedClasses(values.map((_, index) => `LABEL_${index}`));
  return namedClasses(values.map(String).sort((one, other) => one.localeCompare(other, 'en', { numeric: true })));
}

/** What a row answers, with its place before what it throws. */
export function inPlace<T>(row: DataRow, of: (row: DataRow) => T): T {
  try {
    return of(row);
  } catch (error) {
    throw new Error(`${row.place}: ${(error as Error).message}`, { cause: error });
  }
}

/** The field of a row as the only value. */
export const valuesOfField =
  (name: string) =>
  (row: DataRow): unknown[] => [fieldOf(row, name)];
