/** The two pictures of prepacking: what the batches look like, and what they cost. Vega-Lite with inline values. */
import { median } from '@working-papers/measures';
import { rowsOf, slotsOf } from './batches.ts';
import { type Measured, spread } from './measure.ts';

const names: Record<string, string> = {
  padded: 'padded',
  sorted: 'sorted by length',
  prepack: 'prepacked',
  dataset: 'packed as a whole',
};

/** Rows of the first batch of each strategy as bars of prompts; what is not a prompt is padding. */
export function packingPlot(measured: readonly Measured[]): Record<string, unknown> {
  const values = measured.flatMap(({ strategy, plans }) => {
    const plan = plans.reduce(
      (largest, candidate) =>
        candidate.rows.length * candidate.width > largest.rows.length * largest.width ? candidate : largest,
      plans[0]!,
    );
    return plan.rows.flatMap((row, r) => [
      ...row.prompts.map((prompt, segment) => ({
        strategy: names[strategy],
        row: r,
        from: row.starts[segment]!,
        to: row.starts[segment + 1] ?? row.length,
        what: `prompt ${prompt + 1}`,
        kind: 'prompt',
      })),
      ...(row.length < plan.width
        ? [{ strategy: names[strategy], row: r, from: row.length, to: plan.width, what: 'padding', kind: 'padding' }]
        : []),
    ]);
  });
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    data: { values },
    facet: {
      column: {
        field: 'strategy',
        type: 'nominal',
        sort: measured.map(({ strategy }) => names[strategy]),
        title: null,
      },
    },
    spec: {
      width: 130,
      height: 170,
      mark: { type: 'bar', stroke: 'white', strokeWidth: 0.5 },
      encoding: {
        x: { field: 'from', type: 'quantitative', title: 'tokens', axis: { tickCount: 3 } },
        x2: { field: 'to' },
        y: { field: 'row', type: 'ordinal', title: null, axis: null },
        color: {
          field: 'kind',
          type: 'nominal',
          scale: { domain: ['prompt', 'padding'], range: ['#2f7385', '#dfd9cc'] },
          legend: null,
        },
        tooltip: [{ field: 'what' }, { field: 'from' }, { field: 'to' }],
      },
    },
  };
}

/** Measured speed-up over padding against the one that the cost model predicts, a point a strategy and pile. */
export function speedPlot(piles: readonly { pile: string; measured: readonly Measured[] }[]): Record<string, unknown> {
  const values = piles.flatMap(({ pile, measured }) => {
    const padded = measured.find(({ strategy }) => strategy === 'padded');
    if (!padded) return [];
    return measured
      .filter(({ strategy }) => strategy !== 'padded')
      .map((entry) => {
        const speedups = spread(padded.seconds.map((seconds, round) => seconds / entry.seconds[round]!));
        return {
          pile,
          strategy: names[entry.strategy],
          predicted: padded.flops / entry.flops,
          measured: speedups.value,
          low: speedups.low,
          high: speedups.high,
        };
      });
  });
  const bottom = Math.min(0.8, ...values.flatMap(({ predicted, low }) => [predicted, low]));
  const top = Math.max(1.5, ...values.flatMap(({ predicted, high }) => [predicted, high]));
  const x = {
    field: 'predicted',
    type: 'quantitative',
    title: 'predicted, times as fast as padded',
    scale: { domain: [bottom, top], zero: false },
  };
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    width: 420,
    height: 240,
    layer: [
      {
        data: {
          values: [
            { predicted: bottom, measured: bottom },
            { predicted: top, measured: top },
          ],
        },
        mark: { type: 'line', strokeDash: [2, 3], color: '#686154' },
        encoding: { x, y: { field: 'measured', type: 'quantitative' } },
      },
      {
        data: { values },
        mark: 'rule',
        encoding: {
          x,
          y: { field: 'low', type: 'quantitative' },
          y2: { field: 'high' },
          color: { field: 'strategy', type: 'nominal', legend: null },
        },
      },
      {
        data: { values },
        mark: { type: 'point', filled: true, size: 60 },
        encoding: {
          x,
          y: {
            field: 'measured',
            type: 'quantitative',
            title: 'measured',
            scale: { domain: [bottom, top], zero: false },
          },
          color: { field: 'strategy', type: 'nominal' },
          tooltip: [
            { field: 'pile' },
            { field: 'strategy' },
            { field: 'predicted', format: '.2f' },
            { field: 'measured', format: '.2f' },
          ],
        },
      },
      {
        data: { values: values.filter(({ strategy }) => strategy === names.prepack) },
        mark: { type: 'text', align: 'left', dx: 8 },
        encoding: { x, y: { field: 'measured', type: 'quantitative' }, text: { field: 'pile' } },
      },
    ],
  };
}

export const strategyTable = (measured: readonly Measured[]) => {
  const padded = measured.find(({ strategy }) => strategy === 'padded');
  return {
    columns: [
      { name: 'strategy', type: 'text' as const },
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
        names[entry.strategy]!,
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
