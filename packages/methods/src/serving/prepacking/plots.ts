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

/** Colours are the theme's, in this order whatever is shown: the method under test has the first, which is ink. */
const byColour: Strategy[] = ['prepack', 'sorted', 'alone', 'dataset', 'padded'];

function strategyColour(shown: readonly Strategy[]) {
  const names = byColour.filter((strategy) => shown.includes(strategy)).map((strategy) => strategyNames[strategy]);
  return { field: 'strategy', type: 'nominal', scale: { domain: names }, legend: legend() };
}

/** Two entries beside each other fit the narrowest page. */
const legend = () => ({ title: null, orient: 'top', direction: 'horizontal', columns: 2 });

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
      label: `${strategyNames[strategy]}: ${count(plan.rows.length, 'row')} of ${plan.width} tokens, ${Math.round(100 * plan.fill)} % filled`,
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
    width: 420,
    height: Math.round(top * pixels),
    layer: [
      {
        data: { values: bars },
        mark: { type: 'rect' },
        encoding: {
          x,
          x2: { field: 'to' },
          y: { field: 'y', ...y },
          y2: { field: 'y2' },
          color: {
            field: 'kind',
            type: 'nominal',
            scale: { domain: ['prompt', 'padding'] },
            legend: legend(),
          },
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

const count = (number: number, what: string) => `${number} ${what}${number === 1 ? '' : 's'}`;

/** Measured speed-up over padding against the one that the cost model predicts: colour a strategy, shape a pile. */
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
          strategy: strategyNames[entry.strategy],
          predicted: padded.flops / entry.flops,
          measured: speedups.value,
          low: speedups.low,
          high: speedups.high,
        };
      });
  });
  const bottom = Math.min(0.8, ...values.flatMap(({ predicted, low }) => [predicted, low]));
  const top = Math.max(1.5, ...values.flatMap(({ predicted, high }) => [predicted, high]));
  const domain = { domain: [bottom, top], zero: false };
  const x = { field: 'predicted', type: 'quantitative', title: 'predicted, times as fast as padded', scale: domain };
  const color = strategyColour(
    piles
      .flatMap(({ measured }) => measured.map(({ strategy }) => strategy))
      .filter((strategy) => strategy !== 'padded'),
  );
  const shape = {
    field: 'pile',
    type: 'nominal',
    sort: null,
    legend: piles.length > 1 ? { ...legend(), columns: 1 } : null,
  };
  return {
    $schema: schema,
    width: 420,
    height: 280,
    layer: [
      {
        data: {
          values: [
            { predicted: bottom, measured: bottom },
            { predicted: top, measured: top },
          ],
        },
        mark: { type: 'line', strokeDash: [2, 3], opacity: 0.5 },
        encoding: { x, y: { field: 'measured', type: 'quantitative' } },
      },
      {
        data: { values },
        mark: { type: 'rule', strokeDash: [1, 0] },
        encoding: { x, y: { field: 'low', type: 'quantitative' }, y2: { field: 'high' }, color },
      },
      {
        data: { values },
        mark: { type: 'point', filled: true, size: 70 },
        encoding: {
          x,
          y: { field: 'measured', type: 'quantitative', title: 'measured', scale: domain },
          color,
          shape,
          tooltip: [
            { field: 'pile' },
            { field: 'strategy' },
            { field: 'predicted', format: '.2f' },
            { field: 'measured', format: '.2f' },
          ],
        },
      },
    ],
  };
}

/** Peak memory a strategy and pile, with its range. */
export function memoryPlot(
  groups: readonly { pile: string; strategy: Strategy; megabytes: { value: number; low: number; high: number } }[],
): Record<string, unknown> {
  const values = groups.map(({ pile, strategy, megabytes }) => ({
    pile,
    strategy: strategyNames[strategy],
    ...megabytes,
  }));
  const strategies = [...new Set(values.map(({ strategy }) => strategy))];
  const y = { field: 'strategy', type: 'nominal', sort: strategies, title: null };
  const yOffset = { field: 'pile', type: 'nominal', sort: null };
  const color = { field: 'pile', type: 'nominal', sort: null, legend: { ...legend(), columns: 1 } };
  return {
    $schema: schema,
    width: 420,
    height: 46 * strategies.length,
    data: { values },
    layer: [
      {
        mark: { type: 'rule', strokeDash: [1, 0] },
        encoding: { x: { field: 'low', type: 'quantitative' }, x2: { field: 'high' }, y, yOffset, color },
      },
      {
        mark: { type: 'point', filled: true, size: 70 },
        encoding: {
          x: { field: 'value', type: 'quantitative', title: 'MB above the loaded model', scale: { zero: true } },
          y,
          yOffset,
          color,
          tooltip: [{ field: 'pile' }, { field: 'strategy' }, { field: 'value', format: '.0f' }],
        },
      },
    ],
  };
}

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
