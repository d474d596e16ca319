/** The values that a plot is drawn from, as tables under the names and units of its axes. */
import type { TableColumn } from '@working-papers/methods/contract';

export interface PlotTable {
  columns: TableColumn[];
  rows: (string | number | boolean | null)[][];
  /** Rows that the plot has; more than `rows` when it was cut. */
  total: number;
}

const mostRows = 200;
type Row = Record<string, unknown>;

/** A table for each list of inline values, the longest first; lists that are part of another are left out. At most 200 rows each. */
export function tablesOf(spec: Record<string, unknown>): PlotTable[] {
  const titles = new Map<string, string>();
  const lists: Row[][] = [];
  collect(spec, titles, lists);
  const seen = new Set<string>();
  return lists
    .sort((a, b) => b.length - a.length)
    .filter((rows) => {
      const texts = rows.map((row) => JSON.stringify(row));
      const fresh = texts.some((text) => !seen.has(text));
      for (const text of texts) seen.add(text);
      return fresh;
    })
    .map((rows) => tableOf(rows, titles));
}

function tableOf(rows: readonly Row[], titles: ReadonlyMap<string, string>): PlotTable {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const number = (name: string) => rows.every((row) => row[name] == null || typeof row[name] === 'number');
  return {
    columns: names.map((name) => ({ name: titles.get(name) ?? name, type: number(name) ? 'number' : 'text' })),
    rows: rows.slice(0, mostRows).map((row) => names.map((name) => cell(row[name]))),
    total: rows.length,
  };
}

function cell(value: unknown): string | number | boolean | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  return JSON.stringify(value);
}

/** Walks the views: lists of rows, and the title under which an axis, a legend or a tooltip shows a field. */
function collect(node: unknown, titles: Map<string, string>, lists: Row[][]): void {
  if (Array.isArray(node)) {
    for (const entry of node) collect(entry, titles, lists);
    return;
  }
  if (!isRow(node)) return;
  for (const [key, entry] of Object.entries(node)) {
    if (key === 'data') addList(isRow(entry) ? entry.values : undefined, lists);
    else if (key === 'datasets' && isRow(entry)) for (const rows of Object.values(entry)) addList(rows, lists);
    else collect(entry, titles, lists);
  }
  const { field, title, axis, legend } = node;
  const shown = [title, isRow(axis) && axis.title, isRow(legend) && legend.title].find(
    (text) => typeof text === 'string' && text !== '',
  );
  if (typeof field === 'string' && typeof shown === 'string' && !titles.has(field)) titles.set(field, shown);
}

function addList(values: unknown, lists: Row[][]): void {
  if (Array.isArray(values) && values.length > 0) lists.push(values.map((row) => (isRow(row) ? row : { value: row })));
}

function isRow(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
