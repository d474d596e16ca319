/** The pictures of a distillation. Vega-Lite with inline values; colours are the theme's, in the order of each scale's domain. */
import type { LogEntry } from './student-training.ts';

const schema = 'https://vega.github.io/schema/vega-lite/v6.json';

type Spec = Record<string, unknown>;

/** What the parts of the loss are called. */
const partNames: Record<string, string> = {
  L_AT: 'attention',
  L_VR: 'value relation',
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

/** Shares below this are not drawn. */
const faint = 0.01;

/**
 * A head of the teacher, the same of the student, and where the student gives more or less: three maps, a row the token that looks, a
 * column the token that is looked at, in the sentence's order. The darker, the more.
 */
export function headPlot({ tokens, teacher, student }: HeadMaps): Spec {
  const n = tokens.length;
  const titles = ['teacher', 'student', 'difference'];
  const [gives, less, more] = ['attention', 'student gives less', 'student gives more'];
  const most = Math.max(...Array.from(teacher), ...Array.from(student));
  // A difference is seen against the largest one, unless all are small.
  const apart = Math.max(most / 3, ...Array.from(teacher, (share, at) => Math.abs(share - student[at]!)));
  const cells = tokens.flatMap((_, row) =>
    tokens.flatMap((_, column) => {
      const [t, s] = [teacher[row * n + column]!, student[row * n + column]!];
      const cell = (map: number, kind: string, share: number) =>
        Math.abs(share) < faint
          ? []
          : [
              {
                map: titles[map],
                kind,
                row,
                column,
                share: thousandths(share),
                tone: thousandths(Math.abs(share) / (map === 2 ? apart : most)),
              },
            ];
      return [...cell(0, gives!, t), ...cell(1, gives!, s), ...cell(2, s < t ? less! : more!, s - t)];
    }),
  );
  const names = `[${tokens.map((token) => JSON.stringify(token)).join(', ')}]`;
  const places = tokens.map((_, place) => place);
  return {
    $schema: schema,
    data: { values: cells },
    facet: { field: 'map', type: 'nominal', title: null, sort: titles },
    columns: 3,
    spec: {
      height: 18 * n,
      mark: { type: 'rect' },
      encoding: {
        y: {
          field: 'row',
          type: 'ordinal',
          title: null,
          scale: { domain: places },
          axis: { labelExpr: `${names}[datum.value]`, grid: false },
        },
        x: { field: 'column', type: 'ordinal', title: null, scale: { domain: places }, axis: null },
        color: { field: 'kind', type: 'nominal', scale: { domain: [gives, less, more] } },
        opacity: { field: 'tone', type: 'quantitative', scale: null, legend: null },
        tooltip: [{ field: 'map' }, { field: 'share', format: '.3f' }],
      },
    },
  };
}

const thousandths = (value: number): number => Number(value.toFixed(3));

const oursAndOthers = { field: 'kind', type: 'nominal', scale: { domain: ['ours', 'others'] }, legend: null };

/** A model by what it costs and how good it is. */
export interface Place {
  name: string;
  /** Whether it is the student of this method, which is drawn in ink. */
  ours: boolean;
  /** Milliseconds a batch. */
  milliseconds: number;
  megabytes: number;
  /** In the unit of `quality`; absent where it was not measured. */
  quality?: { value: number; low?: number | undefined; high?: number | undefined } | undefined;
}

/** Size, latency and quality of models: further left is faster, higher is better, larger is larger. */
export function placesPlot(places: readonly Place[], quality: string): Spec {
  const values = places.map(({ name, ours, milliseconds, megabytes, quality: own }) => ({
    name,
    kind: ours ? 'ours' : 'others',
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
      x: {
        field: 'milliseconds',
        type: 'quantitative',
        title: 'ms a batch',
        scale: { domain: [0, rounded(1.3 * Math.max(...values.map((one) => one.milliseconds)))] },
      },
      y: { field: 'quality', type: 'quantitative', title: quality, scale: { zero: false } },
      color: oursAndOthers,
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
      {
        mark: { type: 'point' },
        encoding: { size: { field: 'megabytes', type: 'quantitative', legend: null } },
      },
      { mark: { type: 'text', align: 'left', dx: 9, fontWeight: 400 }, encoding: { text: { field: 'name' } } },
    ],
  };
}

/** A line a model: mean and range of its accuracy, the paper's student in ink. */
export function accuracyPlot(
  models: readonly { name: string; ours: boolean; value: number; low: number; high: number }[],
): Spec {
  const sorted = [...models].sort((one, other) => other.value - one.value);
  const y = {
    field: 'name',
    type: 'nominal',
    sort: null,
    title: null,
    scale: { domain: sorted.map(({ name }) => name) },
  };
  return {
    $schema: schema,
    height: 26 * sorted.length,
    data: {
      values: sorted.map(({ name, ours, value, low, high }) => ({
        name,
        kind: ours ? 'ours' : 'others',
        value: rounded(value),
        low: rounded(low),
        high: rounded(high),
      })),
    },
    encoding: { y, color: oursAndOthers, tooltip: [{ field: 'name' }, { field: 'value', format: '.1f' }] },
    layer: [
      {
        mark: { type: 'rule', strokeDash: [1, 0], strokeWidth: 2 },
        encoding: {
          x: { field: 'low', type: 'quantitative', title: 'passages in the right book (%)', scale: { zero: false } },
          x2: { field: 'high' },
        },
      },
      { mark: { type: 'point', size: 60 }, encoding: { x: { field: 'value', type: 'quantitative' } } },
    ],
  };
}

/** The parts of the loss on held-out text, beside each other, a line a student. */
export function lossesPlot(students: readonly { name: string; log: readonly LogEntry[] }[]): Spec {
  const values = students.flatMap(({ name, log }) =>
    log
      .filter(({ heldOut }) => heldOut)
      .flatMap(({ step, parts }) =>
        Object.entries(parts).map(([part, value]) => ({
          student: name,
          step,
          part: nameOf(part),
          value: rounded(value),
        })),
      ),
  );
  return {
    $schema: schema,
    data: { values },
    facet: { field: 'part', type: 'nominal', title: null },
    columns: 2,
    spec: {
      height: 200,
      encoding: {
        x: { field: 'step', type: 'quantitative', title: 'step' },
        y: { field: 'value', type: 'quantitative', title: 'KL (nats)' },
        color: { field: 'student', type: 'nominal', scale: { domain: students.map(({ name }) => name) } },
      },
      layer: [{ mark: { type: 'line' } }, { mark: { type: 'point' } }],
    },
    resolve: { scale: { y: 'independent' } },
  };
}

/** Measured speed-up with its quartiles, and the paper's, a line a shape. */
export function speedPlot(
  shapes: readonly { shape: string; ratio: { value: number; low: number; high: number }; paper: number }[],
): Spec {
  const y = {
    field: 'shape',
    type: 'nominal',
    title: null,
    sort: null,
    scale: { domain: shapes.map(({ shape }) => shape) },
  };
  const x = { type: 'quantitative', title: 'times as fast as 12x768; stroke: the paper', scale: { zero: true } };
  const color = { field: 'kind', type: 'nominal', scale: { domain: ['here', 'paper'] }, legend: null };
  const rows = shapes.map(({ shape, ratio, paper }) => ({
    shape,
    paper: rounded(paper),
    value: rounded(ratio.value),
    low: rounded(ratio.low),
    high: rounded(ratio.high),
  }));
  return {
    $schema: schema,
    height: 30 * rows.length,
    encoding: { y, color },
    layer: [
      {
        data: { values: rows.map((row) => ({ ...row, kind: 'here' })) },
        mark: { type: 'rule', strokeDash: [1, 0], strokeWidth: 2 },
        encoding: { x: { field: 'low', ...x }, x2: { field: 'high' } },
      },
      {
        data: { values: rows.map((row) => ({ ...row, kind: 'paper' })) },
        mark: { type: 'tick', orient: 'vertical', size: 16, thickness: 3 },
        encoding: { x: { field: 'paper', ...x }, tooltip: [{ field: 'shape' }, { field: 'paper', format: '.1f' }] },
      },
      {
        data: { values: rows.map((row) => ({ ...row, kind: 'here' })) },
        mark: { type: 'point', size: 60 },
        encoding: { x: { field: 'value', ...x }, tooltip: [{ field: 'shape' }, { field: 'value', format: '.2f' }] },
      },
    ],
  };
}

const rounded = (value: number): number => Number(value.toPrecision(5));
