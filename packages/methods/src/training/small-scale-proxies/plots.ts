/** Pictures of a scan: Vega-Lite with inline values. Colours are the theme's, in the order of each scale's domain. */
import type { Spread } from './rows.ts';

const schema = 'https://vega.github.io/schema/vega-lite/v6.json';

export type Spec = Record<string, unknown>;

const short = (value: number): number => Number(value.toPrecision(4));

/** Powers of ten that cover a range. */
function decades(values: readonly number[]): number[] {
  const logs = values.filter((value) => value > 0).map(Math.log10);
  const [from, to] = [Math.floor(Math.min(...logs)), Math.ceil(Math.max(...logs))];
  return Array.from({ length: to - from + 1 }, (_, i) => Number(`1e${from + i}`));
}

/** 0.001 and 10,000 as 1e-3 and 1e4; 1, 10, 100 as they are. */
const powerLabels =
  "datum.value >= 1 && datum.value < 1000 ? format(datum.value, ',') : replace(format(datum.value, '~e'), '+', '')";

/** A logarithmic axis labelled at powers of ten, no wider than the values and a little. */
function logScale(values: readonly number[]): { scale: Spec; axis: Spec } {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const room = Math.max(1.1, (most / least) ** 0.04);
  const inside = decades(values).filter((value) => value >= least / room && value <= most * room);
  return {
    scale: { type: 'log', domain: [least / room, most * room], nice: false },
    axis: { values: inside, labelExpr: powerLabels },
  };
}

/** `N` as axes read it: 10k, 1M. */
function sizeScale(values: readonly number[]): { scale: Spec; axis: Spec } {
  const { scale, axis } = logScale(values);
  return { scale, axis: { values: axis.values, format: '~s' } };
}

/** The legend's marks as dark as the lines, whatever stands behind them. */
const legend = { symbolOpacity: 1, symbolType: 'circle', symbolStrokeWidth: 0 };

/** Names of panels at their right, where the title of the axis leaves room. */
const panel = { title: null, header: { labelAnchor: 'end' } };

export interface FanPoint {
  size: string;
  arm: string;
  rate: number;
  loss: Spread;
}

/** The fan: final loss over learning rate, a line a size, a panel an arm, with the range over seeds. */
export function fanPlot(points: readonly FanPoint[], { sizes, arms }: { sizes: string[]; arms: string[] }): Spec {
  const color = { field: 'size', type: 'nominal', scale: { domain: sizes }, legend };
  const losses = points.flatMap(({ loss }) => [loss.low, loss.high]);
  return {
    $schema: schema,
    data: {
      values: points.map(({ size, arm, rate, loss }) => ({
        size,
        arm,
        rate,
        loss: short(loss.value),
        low: short(loss.low),
        high: short(loss.high),
      })),
    },
    facet: { column: { field: 'arm', type: 'nominal', sort: arms, ...panel } },
    spec: {
      height: 260,
      encoding: {
        x: {
          field: 'rate',
          type: 'quantitative',
          title: 'learning rate',
          ...logScale(points.map(({ rate }) => rate)),
        },
        color,
        tooltip: [
          { field: 'size' },
          { field: 'arm' },
          { field: 'rate', format: '~e', title: 'learning rate' },
          { field: 'loss', format: '.3f' },
        ],
      },
      layer: [
        {
          mark: { type: 'area', opacity: 0.16, tooltip: false },
          encoding: {
            y: {
              field: 'low',
              type: 'quantitative',
              title: 'validation loss (nats)',
              scale: {
                zero: false,
                domain: [Math.floor(10 * Math.min(...losses)) / 10, Math.ceil(10 * Math.max(...losses)) / 10],
              },
            },
            y2: { field: 'high' },
          },
        },
        { mark: { type: 'line' }, encoding: { y: { field: 'loss', type: 'quantitative' } } },
        { mark: { type: 'point', size: 34, opacity: 1 }, encoding: { y: { field: 'loss', type: 'quantitative' } } },
      ],
    },
  };
}

export interface SensitivityPoint {
  parameters: number;
  size: string;
  arm: string;
  /** `all rates` or `high rates`. */
  over: string;
  sensitivity: Spread;
}

/** Learning-rate sensitivity over the number of parameters, a line an arm, a panel a measure. */
export function sensitivityPlot(points: readonly SensitivityPoint[], arms: string[]): Spec {
  return {
    $schema: schema,
    data: {
      values: points.map(({ sensitivity, ...point }) => ({
        ...point,
        value: short(sensitivity.value),
        low: short(sensitivity.low),
        high: short(sensitivity.high),
      })),
    },
    facet: { column: { field: 'over', type: 'nominal', ...panel } },
    spec: {
      height: 220,
      encoding: {
        x: {
          field: 'parameters',
          type: 'quantitative',
          title: 'parameters',
          scale: sizeScale(points.map(({ parameters }) => parameters)).scale,
          axis: { values: [...new Set(points.map(({ parameters }) => parameters))], format: '.2s' },
        },
        color: { field: 'arm', type: 'nominal', scale: { domain: arms }, legend },
        tooltip: [
          { field: 'arm' },
          { field: 'size' },
          { field: 'value', format: '.3f', title: 'sensitivity' },
          { field: 'low', format: '.3f' },
          { field: 'high', format: '.3f' },
        ],
      },
      layer: [
        {
          mark: { type: 'rule', strokeDash: [1, 0], opacity: 0.4 },
          encoding: { y: { field: 'low', type: 'quantitative' }, y2: { field: 'high' } },
        },
        {
          mark: { type: 'line' },
          encoding: { y: { field: 'value', type: 'quantitative', title: 'sensitivity (nats)' } },
        },
        { mark: { type: 'point', size: 46, opacity: 1 }, encoding: { y: { field: 'value', type: 'quantitative' } } },
      ],
    },
  };
}

export interface GrowthLine {
  /** What tells the lines apart: a learning rate. */
  rate: number;
  seen: { parameters: number; value: number }[];
  /** The curve, from the smallest size to beyond the largest. */
  fit: { parameters: number; value: number }[];
  /** Sizes that the fit has not seen. */
  tested?: { parameters: number; value: number }[];
}

/** What is watched over the number of parameters, both as logarithms: points that were seen, the fit through them, the limits. */
export function growthPlot(
  lines: readonly GrowthLine[],
  { title, limits }: { title: string; limits: readonly { value: number; name: string }[] },
): Spec {
  const name = (rate: number) => `learning rate ${rate}`;
  const rows = lines.flatMap(({ rate, seen, fit, tested = [] }) => [
    ...seen.map((point) => ({ kind: 'fitted', line: name(rate), ...point })),
    ...fit.map((point) => ({ kind: 'fit', line: name(rate), ...point })),
    ...tested.map((point) => ({ kind: 'test', line: name(rate), ...point })),
  ]);
  const values = rows.map((row) => ({ ...row, parameters: Math.round(row.parameters), value: short(row.value) }));
  const heights = [...values.map(({ value }) => value), ...limits.map(({ value }) => value)];
  const of = (kind: string) => [{ filter: `datum.kind === '${kind}'` }];
  return {
    $schema: schema,
    height: 300,
    data: { values },
    encoding: {
      x: {
        field: 'parameters',
        type: 'quantitative',
        title: 'parameters',
        ...sizeScale(values.map(({ parameters }) => parameters)),
      },
      y: {
        field: 'value',
        type: 'quantitative',
        title,
        ...logScale(heights),
      },
      color: { field: 'line', type: 'nominal', scale: { domain: lines.map(({ rate }) => name(rate)) }, legend },
      tooltip: [
        { field: 'line', title: 'run' },
        { field: 'parameters', format: ',' },
        { field: 'value', format: '.3~g' },
      ],
    },
    layer: [
      {
        data: { values: limits.map(({ value, name: label }) => ({ value: short(value), label })) },
        mark: { type: 'rule' },
        encoding: { x: null, color: null, tooltip: null },
      },
      {
        data: { values: limits.map(({ value, name: label }) => ({ value: short(value), label })) },
        mark: { type: 'text', align: 'left', dx: 4, dy: -7, fontSize: 12, fontWeight: 400 },
        encoding: { x: { value: 0 }, color: null, tooltip: null, text: { field: 'label' } },
      },
      { transform: of('fit'), mark: { type: 'line', strokeDash: [4, 4] } },
      { transform: of('fitted'), mark: { type: 'point', size: 40, opacity: 1 } },
      { transform: of('test'), mark: { type: 'point', size: 110, shape: 'diamond', filled: false, strokeWidth: 2 } },
    ],
  };
}

export interface StripPoint {
  arm: string;
  step: number;
  loss: number | null;
  maxLogit: number | null;
  entropy: number | null;
  logZ: number | null;
}

/** The telemetry of a run beside its like, one narrow view each: loss, largest attention logit, attention entropy, log Z. */
export function stripPlot(points: readonly StripPoint[], arms: string[]): Spec {
  const views: [field: keyof StripPoint, title: string, log: boolean][] = [
    ['loss', 'training loss (nats)', false],
    ['maxLogit', 'largest attention logit', true],
    ['entropy', 'attention entropy (nats)', false],
    ['logZ', 'mean log Z', false],
  ];
  return {
    $schema: schema,
    data: { values: points },
    columns: 2,
    concat: views.map(([field, title, log]) => ({
      height: 120,
      transform: [{ filter: `isValid(datum.${field})` }],
      mark: { type: 'line' },
      encoding: {
        x: { field: 'step', type: 'quantitative', title: 'step', scale: { nice: false }, axis: { tickCount: 3 } },
        y: {
          field,
          type: 'quantitative',
          title,
          ...(log
            ? logScale(points.flatMap((point) => (point[field] as number | null) ?? []))
            : { scale: { zero: false } }),
        },
        color: { field: 'arm', type: 'nominal', scale: { domain: arms } },
        tooltip: [{ field: 'arm' }, { field: 'step' }, { field, format: '.4~g' }],
      },
    })),
  };
}

export interface InterventionBar {
  arm: string;
  sensitivity: Spread;
  loss: Spread;
}

/** Each arm's sensitivity and best loss, beside those of the default recipe. */
export function interventionPlot(bars: readonly InterventionBar[]): Spec {
  const values = bars.flatMap(({ arm, sensitivity, loss }) => [
    { arm, what: 'sensitivity at high rates (nats)', ...rounded(sensitivity) },
    { arm, what: 'best loss (nats)', ...rounded(loss) },
  ]);
  return {
    $schema: schema,
    data: { values },
    facet: { column: { field: 'what', type: 'nominal', sort: 'descending', title: null } },
    resolve: { scale: { x: 'independent' } },
    spec: {
      height: { step: 24 },
      encoding: {
        y: { field: 'arm', type: 'nominal', sort: bars.map(({ arm }) => arm), title: null },
        tooltip: [
          { field: 'arm' },
          { field: 'value', format: '.3f' },
          { field: 'low', format: '.3f' },
          { field: 'high', format: '.3f' },
        ],
      },
      layer: [
        {
          mark: { type: 'rule', strokeDash: [1, 0], opacity: 0.5 },
          encoding: {
            x: { field: 'low', type: 'quantitative', title: null, scale: { zero: false }, axis: { tickCount: 4 } },
            x2: { field: 'high' },
          },
        },
        { mark: { type: 'point', size: 60, opacity: 1 }, encoding: { x: { field: 'value', type: 'quantitative' } } },
      ],
    },
  };
}

const rounded = ({ value, low, high }: Spread) => ({ value: short(value), low: short(low), high: short(high) });

/** A checkpoint's layers: largest attention logit, entropy of the attention, size of the stream. */
export function probePlot(rows: readonly { layer: number; maxLogit: number; entropy: number; rms: number }[]): Spec {
  const view = (field: 'maxLogit' | 'entropy' | 'rms', title: string, log: boolean): Spec => ({
    height: 150,
    encoding: {
      x: { field: 'layer', type: 'quantitative', title: 'layer', scale: { nice: false } },
      y: {
        field,
        type: 'quantitative',
        title,
        ...(log ? logScale(rows.map((row) => row[field])) : {}),
      },
      tooltip: [{ field: 'layer' }, { field, format: '.3~g' }],
    },
    layer: [{ mark: { type: 'line' } }, { mark: { type: 'point' } }],
  });
  return {
    $schema: schema,
    data: {
      values: rows.map((row) => ({
        ...row,
        maxLogit: short(row.maxLogit),
        entropy: short(row.entropy),
        rms: short(row.rms),
      })),
    },
    columns: 3,
    concat: [
      view('maxLogit', 'largest attention logit', true),
      view('entropy', 'attention entropy (nats)', false),
      view('rms', 'RMS of the stream', true),
    ],
  };
}
