/** What a run's events add up to: the same on the server, for the first picture, and in the browser, as they come. */
import type { RunEvent, TableColumn, Value } from '@working-papers/methods/contract';

type StoredEvent =
  | RunEvent
  | { type: 'status'; status: string; message?: string }
  | { type: 'end'; status: string; run: string; message?: string };

/** `place`: the number of the event that first brought it, which is where it stays on the page. */
export interface RunState {
  last: number;
  status: string;
  message?: string;
  ended: boolean;
  /** `since`: when its stage began (ISO), which is what the time left is reckoned from. */
  progress?: { done: number; total?: number; unit?: string; message: string; stage?: string; since?: string };
  series: { place: number; name: string; xUnit?: string; yUnit?: string; points: { x: number; y: number }[] }[];
  tables: {
    place: number;
    name: string;
    caption: string;
    columns: TableColumn[];
    rows: (string | number | boolean | null)[][];
  }[];
  plots: { place: number; seq: number; name: string; caption: string; setting?: string }[];
  texts: { seq: number; markdown: string }[];
  artifacts: { name: string; bytes: number }[];
  evidence: { claim: string; stage: string; values: Record<string, Value>; setting: string }[];
}

export const emptyState = (status: string): RunState => ({
  last: 0,
  status,
  ended: false,
  series: [],
  tables: [],
  plots: [],
  texts: [],
  artifacts: [],
  evidence: [],
});

/** Puts `item` where one like it stands, else at the end. */
function replace<T>(list: T[], same: (item: T) => boolean, item: T): T[] {
  const place = list.findIndex(same);
  return place < 0 ? [...list, item] : list.with(place, item);
}

/** The state after one more event; an event seen before changes nothing. */
export function after(state: RunState, record: { seq: number; at?: string; event: StoredEvent }): RunState {
  if (record.seq <= state.last) return state;
  const next = { ...state, last: record.seq };
  const { event } = record;
  switch (event.type) {
    case 'status':
      return { ...next, status: event.status, message: event.message };
    case 'end':
      return { ...next, status: event.status, message: event.message, ended: true };
    case 'progress':
      return {
        ...next,
        progress: {
          ...event,
          since: state.progress && state.progress.stage === event.stage ? state.progress.since : record.at,
        },
      };
    case 'metric': {
      const known = state.series.find(({ name }) => name === event.series);
      const point = { x: event.x, y: event.y };
      const series = known
        ? { ...known, points: [...known.points, point] }
        : { place: record.seq, name: event.series, xUnit: event.xUnit, yUnit: event.yUnit, points: [point] };
      return {
        ...next,
        series: known ? state.series.map((s) => (s.name === event.series ? series : s)) : [...state.series, series],
      };
    }
    case 'table':
      return {
        ...next,
        tables: replace(state.tables, ({ name }) => name === event.name, {
          ...event,
          place: state.tables.find(({ name }) => name === event.name)?.place ?? record.seq,
        }),
      };
    case 'plot':
      return {
        ...next,
        plots: replace(state.plots, ({ name }) => name === event.name, {
          place: state.plots.find(({ name }) => name === event.name)?.place ?? record.seq,
          seq: record.seq,
          name: event.name,
          caption: event.caption,
          setting: event.setting,
        }),
      };
    case 'text':
      return { ...next, texts: [...state.texts, { seq: record.seq, markdown: event.markdown }] };
    case 'artifact':
      return { ...next, artifacts: replace(state.artifacts, ({ name }) => name === event.name, event) };
    case 'evidence':
      return { ...next, evidence: replace(state.evidence, ({ claim }) => claim === event.claim, event) };
  }
}
