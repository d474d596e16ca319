/** Rows of a data set, before they are tokens. */
import { shown } from '../shown.ts';
import { listed } from './stages.ts';
import type { Stream } from './stream.ts';

/** A row of a data set. */
export interface DataRow {
  /** Values by the name of their column; nested where the file has them nested. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Where it stands, as sentences name it: "train.jsonl, line 3". */
  readonly place: string;
}

/** Rows that are in memory. */
export const rowsOf = (fields: readonly Readonly<Record<string, unknown>>[]): Stream<DataRow> =>
  listed(fields.map((fields, index) => ({ fields, place: `row ${index + 1}` })));

/** The value of a field. Throws a sentence with the names there are when it is absent or null. */
export function fieldOf({ fields }: DataRow, name: string): unknown {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (value !== undefined && value !== null) return value;
  const names = Object.keys(fields);
  const there =
    names.length === 0
      ? 'there are no fields'
      : `there ${names.length === 1 ? 'is' : 'are'} ${names
          .slice(0, 20)
          .map((field) => JSON.stringify(field))
          .join(', ')}`;
  throw new Error(`the field "${name}" is ${Object.hasOwn(fields, name) ? 'empty' : `missing; ${there}`}.`);
}

/** The text of a field. Throws a sentence when it is absent or something else. */
export function textOf(row: DataRow, name: string): string {
  const value = fieldOf(row, name);
  if (typeof value === 'string') return value;
  throw new Error(`the field "${name}" must be text; got ${shown(value)}.`);
}

/** Characters of all texts of a row, with one for any other value: about what it takes in memory, as a buffer weighs it. */
export const charactersOf = ({ fields }: DataRow): number => sizeOf(fields);

function sizeOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (ArrayBuffer.isView(value)) return value.byteLength;
  if (typeof value !== 'object' || value === null) return 1;
  return Object.values(value).reduce((sum: number, inner) => sum + sizeOf(inner), 1);
}
