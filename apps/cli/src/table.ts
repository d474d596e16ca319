/** Text set in columns and lines for a terminal. */
import { stripVTControlCharacters } from 'node:util';

export interface Column {
  name: string;
  /** Numbers stand at the right. */
  right?: boolean;
}

/** Lines of a table: a head, a rule, a row each; the widest text column gives way when all would be wider than `width`. */
export function tableLines(columns: readonly Column[], rows: readonly (readonly string[])[], width = 100): string[] {
  const widths = columns.map((column, index) =>
    Math.max(length(column.name), ...rows.map((row) => length(row[index] ?? ''))),
  );
  const spare = width - 2 * (columns.length - 1) - widths.reduce((sum, each) => sum + each, 0);
  const widest = widths.indexOf(Math.max(...widths));
  if (spare < 0) widths[widest] = Math.max(12, (widths[widest] ?? 0) + spare);
  const line = (cells: readonly string[]): string =>
    columns
      .map(({ right }, index) => {
        const text = cut(clean(cells[index] ?? ''), widths[index] ?? 0);
        const pad = ' '.repeat(Math.max(0, (widths[index] ?? 0) - length(text)));
        return right ? pad + text : text + pad;
      })
      .join('  ')
      .trimEnd();
  const rule = widths.map((each) => '─'.repeat(each)).join('  ');
  return [line(columns.map((column) => column.name)), rule, ...rows.map(line)];
}

/** Text broken into lines of at most `width`, at spaces. */
export function wrap(text: string, width: number, indent = ''): string[] {
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    let line = '';
    for (const word of paragraph.split(/\s+/).filter(Boolean)) {
      if (line !== '' && indent.length + length(line) + 1 + length(word) > width) {
        lines.push(indent + line);
        line = word;
      } else line = line === '' ? word : `${line} ${word}`;
    }
    lines.push(line === '' ? '' : indent + line);
  }
  return lines;
}

/** Digits that say enough: three significant ones, whole numbers whole. */
export function number(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return String(Number(value.toPrecision(Math.abs(value) >= 100 ? Math.ceil(Math.log10(Math.abs(value))) : 3)));
}

/** Without what could move the cursor or colour the terminal: texts come from models and papers. */
export function clean(text: string): string {
  return [...text.replace(/[\n\t]/g, ' ')].filter((character) => character >= ' ' && character !== '\u007f').join('');
}

function length(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}

function cut(text: string, width: number): string {
  const characters = [...text];
  return characters.length <= width ? text : `${characters.slice(0, width - 1).join('')}…`;
}
