/** The pictures of a distillation. Vega-Lite with inline values; colours are the theme's, in the order of each scale's domain. */
import type { LogEntry } from './distil.ts';

const schema = 'https://vega.github.io/schema/vega-lite/v6.json';

type Spec = Record<string, unknown>;

/** What the parts of the loss are called. */
const partNames: Record<string, string> = {
  L_AT: 'attention (L_AT)',
  L_VR: 'value relation (L_VR)',
  L_QQ: 'queries',
  L_KK: 'keys',
  L_VV: 'values',
};
const nameOf = (part: string): string => partNames[part] ?? part;

/** The parts of the loss on held-out text against the steps, a line each; `assistant` stands to the left of the student. */
export function lossPlot(log: readonly LogEntry[]): Spec {
  const values = log
    .filter(({ heldOut }) => heldOut)
    .flatMap(({ step, parts }) =>
      Object.entries(parts).map(([part, value]) => ({ step, part: nameOf(part), value: rounded(value) })),
    );
  const names = [...new Set(values.map(({ part }) => part))];
  return {
    $schema: schema,
    height: 240,
    data: { values },
    encoding: {
      x: { field: 'step', type: 'quantitative', title: 'step' },
      y: { field: 'value', type: 'quantitative', title: 'KL from the teacher on held-out text (nats)' },
      color: { field: 'part', type: 'nominal', scale: { domain: names } },
      tooltip: [{ field: 'part' }, { field: 'step' }, { field: 'value', format: '.3f' }],
    },
    layer: [{ mark: { type: 'line' } }, { mark: { type: 'point' } }],
  };
}

/** One head of teacher and student over one sentence. */
export interface HeadMaps {
  /** Counted from 1. */
  head: number;
  tokens: readonly string[];
  /** Row by row, `tokens` x `tokens`. */
  teacher: ArrayLike<number>;
  student: ArrayLike<number>;
}

/** A head of the teacher, the same of the student, and by how much the student gives more: three maps, a row a token that looks. */
export function headPlot({ tokens, teacher, student }: HeadMaps): Spec {
  const labels = tokens.map((token, place) => `${place}|${token}`);
  const n = tokens.length;
  const map = (of: (at: number) => number, title: string, color: Spec, first: boolean) => ({
    title,
    width: { step: 17 },
    height: { step: 17 },
    data: {
      values: labels.flatMap((from, query) =>
        labels.map((to, key) => ({ from, to, share: rounded(of(query * n + key)) })),
      ),
    },
    mark: { type: 'rect' },
    encoding: {
      y: {
        field: 'from',
        type: 'nominal',
        sort: null,
        title: null,
        axis: first ? { labelExpr: word, grid: false } : null,
      },
      x: {
        field: 'to',
        type: 'nominal',
        sort: null,
        title: null,
        axis: { labelExpr: word, labelAngle: -60, labelAlign: 'right' },
      },
      color: { field: 'share', type: 'quantitative', ...color },
      tooltip: [{ field: 'from' }, { field: 'to' }, { field: 'share', format: '.3f' }],
    },
  });
  const most = Math.max(...Array.from(teacher), ...Array.from(student));
  const apart = Math.max(0.05, ...Array.from(teacher, (value, at) => Math.abs(value - student[at]!)));
  return {
    $schema: schema,
    columns: 3,
    concat: [
      map((at) => teacher[at]!, 'teacher', shared(most), true),
      map((at) => student[at]!, 'student', shared(most), false),
      map((at) => student[at]! - teacher[at]!, 'student - teacher', apartScale(apart), false),
    ],
    resolve: { scale: { color: 'independent' } },
  };
}

const word = "split(datum.label, '|')[1]";
const shared = (most: number) => ({ scale: { domain: [0, rounded(most)] }, legend: null });
const apartScale = (apart: number) => ({ scale: { domain: [-rounded(apart), 0, rounded(apart)] }, legend: null });

/** A model by what it costs and how good it is. */
export interface Place {
  name: string;
  /** Milliseconds a batch. */
  milliseconds: number;
  megabytes: number;
  /** In the unit of `quality`; absent where it was not measured. */
  quality?: { value: number; low?: number | undefined; high?: number | undefined } | undefined;
}

/** Size, latency and quality of models: further left is faster, higher is better, larger is larger. */
export function placesPlot(places: readonly Place[], quality: string): Spec {
  const values = places.map(({ name, milliseconds, megabytes, quality: own }) => ({
    name,
    milliseconds: rounded(milliseconds),
    megabytes: rounded(megabytes),
    quality: rounded(own!.value),
    low: rounded(own!.low ?? own!.value),
    high: rounded(own!.high ?? own!.value),
  }));
  return {
    $schema: schema,
    height: 280,
    data: { values },
    encoding: {
      x: { field: 'milliseconds', type: 'quantitative', title: 'ms a batch', scale: { zero: true } },
      y: { field: 'quality', type: 'quantitative', title: quality, scale: { zero: false } },
      tooltip: [
        { field: 'name' },
        { field: 'quality', format: '.1f' },
        { field: 'milliseconds', format: '.1f' },
        { field: 'megabytes', format: '.0f' },
      ],
    },
    layer: [
      {
        mark: { type: 'rule', strokeDash: [1, 0], opacity: 0.4 },
        encoding: { y: { field: 'low', type: 'quantitative' }, y2: { field: 'high' } },
      },
      { mark: { type: 'point' }, encoding: { size: { field: 'megabytes', type: 'quantitative', title: 'MB' } } },
      { mark: { type: 'text', align: 'left', dx: 9, fontWeight: 400 }, encoding: { text: { field: 'name' } } },
    ],
  };
}

const rounded = (value: number): number => Number(value.toPrecision(5));
