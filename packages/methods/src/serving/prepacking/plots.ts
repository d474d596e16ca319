/** The pictures of prepacking: what the batches look like, what they cost in time and in memory. Vega-Lite with inline values. */
import { median } from '@working-papers/measures';
import { largestOf, rowsOf, slotsOf } from './batches.ts';
import { type Measured, spread } from './measure.ts';
import type { Strategy } from './parameters.ts';

export const strategyNames: Record<Strategy, string> = {
  padded: 'padded',
  sorted: 'sorted by length',
  alone: 'one at a time',
  prepack: 'prepacked',
  dataset: 'packed as a whole',
};

const schema = 'https://vega.github.io/schema/vega-lite/v6.json';

/** Pixels of height that axis, title and legend take. */
const surroundings = 64;

/** Colours are the theme's, in the order of the names. */
const coloured = (field: string, domain: readonly string[], shown = true) => ({
  field,
  type: 'nominal',
  scale: { domain },
  legend: shown ? { title: null, orient: 'top', direction: 'horizontal' } : null,
});

/**
 * The largest batch of each strategy, blocks below each other on one axis of tokens: a bar a row, prompts in two alternating tones,
 * padding in a tint of the second colour.
 */
export function packingPlot(measured: readonly Measured[]): Record<string, unknown> {
  // A batch of one prompt has nothing to show.
  const blocks = measured
    .filter(({ strategy, plans }) => strategy !== 'alone' && plans.length > 0)
    .map(({ strategy, plans }) => ({ strategy, plan: largestOf(plans) }));
  const all = blocks.reduce((sum, { plan }) => sum + plan.rows.length, 0);
  const pixels = Math.max(1, Math.min(8, 480 / Math.max(1, all)));
  const [heading, gap] = [20 / pixels, 12 / pixels];
  const bars: Record<string, string | number>[] = [];
  const headings: Record<string, string | number>[] = [];
  let top = 0;
  for (const { strategy, plan } of blocks) {
    headings.push({
      from: 0,
      y: top + heading / 2,
      label: `${strategyNames[strategy]}: ${plan.rows.length} x ${plan.width}, ${Math.round(100 * plan.fill)} % full`,
    });
    top += heading;
    for (const row of plan.rows) {
      const bar = (what: string, kind: string, tone: number, from: number, to: number) =>
        bars.push({ what, kind, tone, from, to, y: top + 0.1, y2: top + 0.9 });
      for (const [at, prompt] of row.prompts.entries())
        bar(
          `prompt ${prompt + 1}`,
          'prompt',
          at % 2 === 0 ? 0.9 : 0.55,
          row.starts[at]!,
          row.starts[at + 1] ?? row.length,
        );
      if (row.length < plan.width) bar('padding', 'padding', 0.3, row.length, plan.width);
      top += 1;
    }
    top += gap;
  }
  const y = { type: 'quantitative', scale: { domain: [0, top], reverse: true, nice: false }, axis: null };
  const x = { field: 'from', type: 'quantitative', title: 'tokens', scale: { nice: false } };
  return {
    $schema: schema,
    height: Math.round(top * pixels) + surroundings,
    layer: [
      {
        data: { values: bars },
        mark: { type: 'rect' },
        encoding: {
          x,
          x2: { field: 'to' },
          y: { field: 'y', ...y },
          y2: { field: 'y2' },
          color: coloured('kind', ['prompt', 'padding']),
          opacity: { field: 'tone', type: 'quantitative', scale: null, legend: null },
          tooltip: [{ field: 'what' }, { field: 'from' }, { field: 'to' }],
        },
      },
      {
        data: { values: headings },
        mark: { type: 'text', align: 'left', baseline: 'middle' },
        encoding: { x, y: { field: 'y', ...y }, text: { field: 'label' } },
      },
    ],
  };
}

/** Measured and predicted speed-up over padding, a line a strategy under the name of its pile. */
export function speedPlot(piles: readonly { pile: string; measured: readonly Measured[] }[]): Record<string, unknown> {
  const values = piles.flatMap(({ pile, measured }) => {
    const padded = measured.find(({ strategy }) => strategy === 'padded');
    if (!padded) return [];
    return measured
      .filter(({ strategy }) => strategy !== 'padded')
      .map((entry) => ({
        ...lineOf(pile, entry.strategy),
        ...spread(padded.seconds.map((seconds, round) => seconds / entry.seconds[round]!)),
        predicted: padded.flops / entry.flops,
      }));
  });
  const ends = values.flatMap(({ low, high, predicted }) => [low, high, predicted]);
  const domain = [Math.min(0.9, ...ends), Math.max(1.1, ...ends)];
  const x = {
    type: 'quantitative',
    title: 'times as fast as padded; stroke: predicted',
    scale: { domain, zero: false, nice: true },
  };
  const color = coloured('kind', ['measured', 'predicted'], false);
  const tooltip = [
    { field: 'pile' },
    { field: 'strategy' },
    { field: 'value', title: 'measured', format: '.2f' },
    { field: 'predicted', format: '.2f' },
  ];
  return {
    $schema: schema,
    ...lines(values),
    layer: [
      { data: { values: [{ times: 1 }] }, mark: 'rule', encoding: { x: { field: 'times', ...x } } },
      ...headings(values),
      {
        data: { values: values.map((entry) => ({ ...entry, kind: 'measured' })) },
        mark: { type: 'rule', strokeDash: [1, 0], strokeWidth: 2 },
        encoding: {
          x: { field: 'low', ...x },
          x2: { field: 'high' },
          y: onLine(values),
          color,
        },
      },
      {
        data: { values: values.map((entry) => ({ ...entry, kind: 'predicted' })) },
        mark: { type: 'tick', orient: 'vertical', size: 16, thickness: 3 },
        encoding: { x: { field: 'predicted', ...x }, y: onLine(values), color, tooltip },
      },
      {
        data: { values: values.map((entry) => ({ ...entry, kind: 'measured' })) },
        mark: { type: 'point', filled: true, size: 60 },
        encoding: { x: { field: 'value', ...x }, y: onLine(values), color, tooltip },
      },
    ],
  };
}

/** Peak memory, with its range, a line a strategy under the name of its pile. */
export function memoryPlot(
  groups: readonly { pile: string; strategy: Strategy; megabytes: { value: number; low: number; high: number } }[],
): Record<string, unknown> {
  const values = groups.map(({ pile, strategy, megabytes }) => ({
    ...lineOf(pile, strategy),
    ...megabytes,
    kind: 'measured',
  }));
  const x = { type: 'quantitative', title: 'MB above the loaded model', scale: { zero: true } };
  const color = coloured('kind', ['measured'], false);
  return {
    $schema: schema,
    ...lines(values),
    layer: [
      ...headings(values),
      {
        data: { values },
        mark: { type: 'rule', strokeDash: [1, 0], strokeWidth: 2 },
        encoding: { x: { field: 'low', ...x }, x2: { field: 'high' }, y: onLine(values), color },
      },
      {
        data: { values },
        mark: { type: 'point', filled: true, size: 60 },
        encoding: {
          x: { field: 'value', ...x },
          y: onLine(values),
          color,
          tooltip: [{ field: 'pile' }, { field: 'strategy' }, { field: 'value', format: '.0f' }],
        },
      },
    ],
  };
}

interface Line {
  pile: string;
  strategy: string;
  /** Pile and strategy: where the line stands on the axis. */
  line: string;
}

const separator = ' | ';
const lineOf = (pile: string, strategy: Strategy): Line => ({
  pile,
  strategy: strategyNames[strategy],
  line: `${pile}${separator}${strategyNames[strategy]}`,
});
const headingOf = (pile: string) => `${pile}${separator}`;

/** Every line on the axis, the name of each pile above its strategies. */
const order = (values: readonly Line[]) =>
  [...new Set(values.map(({ pile }) => pile))].flatMap((pile) => [
    headingOf(pile),
    ...values.filter((value) => value.pile === pile).map(({ line }) => line),
  ]);

const lines = (values: readonly Line[]) => ({ height: 24 * order(values).length + surroundings });

const onLine = (values: readonly Line[]) => ({
  field: 'line',
  type: 'nominal',
  title: null,
  scale: { domain: order(values) },
  axis: { labelExpr: `split(datum.label, '${separator}')[1]`, grid: false, minExtent: nameWidth },
});

/** Pixels of the longest strategy's name with what stands beside it. */
const nameWidth = 120;

/** The piles' names, from the left edge of the strategies' names. */
const headings = (values: readonly Line[]) => [
  {
    data: { values: [...new Set(values.map(({ pile }) => pile))].map((pile) => ({ pile, line: headingOf(pile) })) },
    mark: { type: 'text', align: 'left', baseline: 'middle' },
    encoding: { x: { value: 10 - nameWidth }, y: onLine(values), text: { field: 'pile' } },
  },
];

export const strategyTable = (measured: readonly Measured[]) => {
  const padded = measured.find(({ strategy }) => strategy === 'padded');
  return {
    columns: [
      { name: 'strategy', type: 'text' as const },
      { name: 'attention', type: 'text' as const },
      { name: 'seconds', unit: 's', type: 'number' as const },
      { name: 'fastest', unit: 's', type: 'number' as const },
      { name: 'slowest', unit: 's', type: 'number' as const },
      { name: 'rows', type: 'number' as const },
      { name: 'slots', unit: 'tokens', type: 'number' as const },
      { name: 'fill', unit: '%', type: 'number' as const },
      { name: 'throughput', unit: 'prompt tokens/s', type: 'number' as const },
      { name: 'speed-up', unit: 'times padded', type: 'number' as const },
      { name: 'predicted', unit: 'times padded', type: 'number' as const },
    ],
    rows: measured.map((entry) => {
      const seconds = median(entry.seconds);
      return [
        strategyNames[entry.strategy],
        entry.attention,
        round(seconds, 3),
        round(Math.min(...entry.seconds), 3),
        round(Math.max(...entry.seconds), 3),
        rowsOf(entry.plans),
        slotsOf(entry.plans),
        round((100 * entry.tokens) / entry.slots, 1),
        round(entry.tokens / seconds, 0),
        padded ? round(median(padded.seconds) / seconds, 2) : null,
        padded ? round(padded.flops / entry.flops, 2) : null,
      ];
    }),
  };
};

const round = (value: number, digits: number) => Number(value.toFixed(digits));
