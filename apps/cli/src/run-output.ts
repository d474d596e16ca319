/** A run's events shown as they come: JSON lines, or text, tables and a bar. */
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Library } from '@working-papers/library';
import {
  cancelRun,
  drawPlot,
  type EventRecord,
  followEvents,
  listArtifacts,
  openArtifact,
  type StoredEvent,
} from '@working-papers/runs';
import { dataFolder } from './settings.ts';
import { clean, number, tableLines, wrap } from './table.ts';
import { bold, type Terminal } from './terminal.ts';

export type End = StoredEvent & { type: 'end' };

export interface Following {
  json: boolean;
  /** Ctrl-C cancels the run; otherwise it only ends the following. */
  cancels: boolean;
  /** Where artifacts and plots are copied. */
  out?: string | undefined;
  after?: number;
}

/** Shows a run's events until its end and gives the end; undefined when the following was ended first. */
export async function followRun(
  library: Library,
  run: string,
  terminal: Terminal,
  { json, cancels, out, after = 0 }: Following,
): Promise<End | undefined> {
  let cancelling: Promise<unknown> | undefined;
  const cancel = (): void => {
    terminal.note('Cancelling...');
    cancelling = cancelRun(library, run).catch((error: Error) => terminal.note(error.message));
  };
  if (cancels) terminal.signal.addEventListener('abort', cancel, { once: true });
  const until = cancels ? undefined : terminal.signal;
  let end: End | undefined;
  for await (const record of followEvents(library, run, after, until)) {
    if (json) terminal.json(lineOf(record));
    else showEvent(record.event, terminal);
    if (out !== undefined) await copyOut(record.event, out, terminal);
    if (record.event.type === 'end') end = record.event;
  }
  await cancelling;
  terminal.endProgress();
  if (out !== undefined) await copyArtifacts(library, run, out, terminal);
  return end;
}

/** An event as a JSON line. The end is `{ type, status, run }`, with a message where there is one; others carry `seq` and `at`. */
export function lineOf({ seq, at, event }: EventRecord): Record<string, unknown> {
  if (event.type !== 'end') {
    const { type, ...rest } = event;
    return { type, ...rest, seq, at };
  }
  const { type, status, run, message } = event;
  return { type, status, run, ...(message === undefined ? {} : { message }) };
}

export function showEvent(event: StoredEvent, terminal: Terminal): void {
  switch (event.type) {
    case 'progress':
      terminal.progress({ done: event.done, total: event.total, message: clean(event.message) });
      return;
    case 'metric':
      terminal.progress({
        done: 0,
        message: `${clean(event.series)} ${number(event.y)} ${event.yUnit ?? ''} at ${number(event.x)} ${event.xUnit ?? ''}`,
      });
      return;
    case 'text':
      terminal.endProgress();
      terminal.print(`${wrap(event.markdown.split('\n').map(clean).join('\n'), terminal.width).join('\n')}\n`);
      return;
    case 'table':
      terminal.endProgress();
      showTable(event, terminal);
      return;
    case 'plot':
      terminal.endProgress();
      terminal.print(`Plot: ${clean(event.caption)}\n`);
      return;
    case 'artifact':
      terminal.endProgress();
      terminal.print(`File: ${event.name} (${event.mediaType}, ${event.bytes} bytes)`);
      return;
    case 'evidence': {
      const values = Object.entries(event.values).map(([name, value]) => `${name} ${interval(value)}`);
      terminal.endProgress();
      terminal.print(`${bold(terminal, event.claim)} (${event.stage}): ${values.join(', ')}`);
      return;
    }
    case 'status':
      return;
    case 'end':
      terminal.endProgress();
      terminal.note(endSentence(event));
  }
}

function showTable(event: StoredEvent & { type: 'table' }, terminal: Terminal): void {
  const columns = event.columns.map(({ name, unit, type }) => ({
    name: clean(unit ? `${name} (${unit})` : name),
    right: type === 'number',
  }));
  const cell = (value: string | number | boolean | null): string => {
    if (value === null) return '';
    return typeof value === 'number' ? number(value) : clean(String(value));
  };
  terminal.print(bold(terminal, clean(event.caption)));
  const rows = event.rows.map((row) => row.map(cell));
  terminal.print(`${tableLines(columns, rows, terminal.width).join('\n')}\n`);
}

function interval({ value, low, high, unit }: { value: number; low?: number; high?: number; unit: string }): string {
  const range = low === undefined || high === undefined ? '' : ` [${number(low)}, ${number(high)}]`;
  return `${number(value)}${range} ${unit}`.trim();
}

function endSentence({ status, run, message }: End): string {
  if (status === 'done') return `Done. Run ${run}.`;
  const said = message ?? '';
  return status === 'failed' ? `Failed: ${said} (run ${run})` : `${said || status} (run ${run})`;
}

async function copyOut(event: StoredEvent, folder: string, terminal: Terminal): Promise<void> {
  if (event.type !== 'plot') return;
  const name = event.name.replace(/[^\w-]+/g, '-').slice(0, 80) || 'plot';
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, `${name}.svg`), await drawPlot(event.spec, { width: 640 }));
  } catch (error) {
    terminal.note(`The plot "${event.name}" was not written: ${(error as Error).message}`);
  }
}

async function copyArtifacts(library: Library, run: string, folder: string, terminal: Terminal): Promise<void> {
  for (const { name } of await listArtifacts(library, run)) {
    const found = await openArtifact(library, dataFolder(), run, name);
    if (!found) continue;
    await mkdir(folder, { recursive: true });
    await copyFile(found.path, join(folder, name));
    terminal.note(`Wrote ${join(folder, name)}.`);
  }
}
