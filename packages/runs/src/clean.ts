/** A method's event before it is stored: bounded, of the right shape, and harmless to show. */
import type { RunEvent } from '@working-papers/methods/contract';
import { checkedName } from './names.ts';
import { checkPlot } from './plots/check.ts';

export const eventLimits = {
  /** Characters of a message, caption, name or cell. */
  line: 2_000,
  markdown: 64 * 1024,
  rows: 5_000,
  columns: 64,
  /** Bytes of a table as JSON. */
  table: 1024 * 1024,
  /** Values of one claim. */
  values: 64,
} as const;

/** The event as it may be stored, or a sentence that says why it is left out. */
export type Cleaned = { event: RunEvent } | { problem: string };

const columnTypes = ['text', 'number', 'boolean'];

export function cleanEvent(raw: RunEvent): Cleaned {
  if (typeof raw !== 'object' || raw === null || typeof raw.type !== 'string') {
    return { problem: 'The method emitted something that is not an event.' };
  }
  try {
    return cleanByType(plain(raw) as RunEvent);
  } catch (error) {
    return { problem: `The method emitted a ${line(raw.type)} that cannot be shown: ${(error as Error).message}` };
  }
}

function cleanByType(event: RunEvent): Cleaned {
  switch (event.type) {
    case 'progress':
      return {
        event: {
          type: 'progress',
          ...optional('stage', event.stage, line),
          done: finite(event.done, 'done'),
          ...optional('total', event.total, (total) => finite(total, 'total')),
          ...optional('unit', event.unit, line),
          message: line(event.message),
        },
      };
    case 'metric':
      return {
        event: {
          type: 'metric',
          series: line(event.series),
          x: finite(event.x, 'x'),
          y: finite(event.y, 'y'),
          ...optional('xUnit', event.xUnit, line),
          ...optional('yUnit', event.yUnit, line),
        },
      };
    case 'text':
      return { event: { type: 'text', markdown: cut(String(event.markdown), eventLimits.markdown, '\n\n(cut here)') } };
    case 'table':
      return cleanTable(event);
    case 'plot':
      return cleanPlot(event);
    case 'artifact':
      return {
        event: {
          type: 'artifact',
          name: checkedName(event.name),
          mediaType: line(event.mediaType),
          bytes: finite(event.bytes, 'bytes'),
          sha256: line(event.sha256),
        },
      };
    case 'evidence':
      return cleanEvidence(event);
    default:
      return {
        problem: `The method emitted an event of the unknown type "${line((event as { type: string }).type)}".`,
      };
  }
}

function cleanTable(event: RunEvent & { type: 'table' }): Cleaned {
  const name = line(event.name);
  if (event.columns.length === 0 || event.columns.length > eventLimits.columns) {
    return {
      problem: `The table "${name}" has ${event.columns.length} columns; 1 to ${eventLimits.columns} are shown.`,
    };
  }
  const columns = event.columns.map((column) => ({
    name: line(column.name),
    ...optional('unit', column.unit, line),
    type: columnTypes.includes(column.type) ? column.type : ('text' as const),
  }));
  const rows = event.rows.slice(0, eventLimits.rows).map((row) => columns.map((_, index) => cell(row[index] ?? null)));
  const kept = rowsWithin(rows, eventLimits.table);
  const caption = line(event.caption);
  const left = event.rows.length - kept.length;
  return {
    event: {
      type: 'table',
      name,
      caption: left > 0 ? `${caption} (the first ${kept.length} of ${event.rows.length} rows)` : caption,
      columns,
      rows: kept,
    },
  };
}

function cleanPlot(event: RunEvent & { type: 'plot' }): Cleaned {
  const name = line(event.name);
  const problems = checkPlot(event.spec);
  if (problems.length > 0) return { problem: `The plot "${name}" was left out. ${problems.slice(0, 3).join(' ')}` };
  return {
    event: {
      type: 'plot',
      name,
      caption: line(event.caption),
      ...optional('setting', event.setting, line),
      spec: event.spec,
    },
  };
}

function cleanEvidence(event: RunEvent & { type: 'evidence' }): Cleaned {
  const values = Object.entries(event.values).slice(0, eventLimits.values);
  return {
    event: {
      type: 'evidence',
      claim: line(event.claim),
      stage: line(event.stage),
      values: Object.fromEntries(
        values.map(([name, value]) => [
          line(name),
          {
            value: value.value,
            ...optional('low', value.low, (low) => low),
            ...optional('high', value.high, (high) => high),
            unit: line(value.unit),
            ...optional('model', value.model, line),
          },
        ]),
      ),
      setting: line(event.setting),
      ...optional('seeds', event.seeds, (seeds) => seeds.filter((seed) => Number.isFinite(seed)).slice(0, 100)),
      ...optional('note', event.note, line),
    },
  };
}

function rowsWithin<Row>(rows: Row[], bytes: number): Row[] {
  let used = 0;
  const end = rows.findIndex((row) => {
    used += JSON.stringify(row).length + 1;
    return used > bytes;
  });
  return end === -1 ? rows : rows.slice(0, end);
}

function cell(value: unknown): string | number | boolean | null {
  if (typeof value === 'string') return line(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value === 'boolean' || value === null) return value;
  return line(String(value));
}

function finite(value: unknown, name: string): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new Error(`its ${name} is ${String(value)}, not a finite number.`);
}

function line(text: unknown): string {
  return cut(String(text ?? ''), eventLimits.line, '…');
}

function cut(text: string, length: number, mark: string): string {
  return text.length <= length ? text : text.slice(0, length).toWellFormed() + mark;
}

function optional<Name extends string, In, Out>(name: Name, value: In | undefined, clean: (value: In) => Out) {
  return (value === undefined || value === null ? {} : { [name]: clean(value) }) as { [key in Name]?: Out };
}

/** Without what JSON in Postgres cannot hold: NUL characters and halves of characters. */
function plain(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('\u0000', '\uFFFD').toWellFormed();
  if (Array.isArray(value)) return value.map(plain);
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<number>);
  if (typeof value === 'bigint') return Number(value);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [plain(key), plain(entry)]));
}
