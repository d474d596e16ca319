/** How plots look: ink for the method under test, quiet hues for the others, the unit above the axis, a horizontal grid only. */
import type { Config } from 'vega-lite';
import { pageSpacing, type Spacing, thumbnailSpacing, wordlessAxis } from './fit.ts';
import { dark, light } from './palette.ts';

/** The pages' own face first, so that a live plot and its picture read the same. */
export const plotFont = '"Source Sans 3 Variable", "Source Sans 3", "Segoe UI", sans-serif';

export interface PlotStyle {
  dark?: boolean;
  /** A picture so small that words would be noise: marks and a line to stand on. */
  thumbnail?: boolean;
  /** Names of categories under the x axis slant, for where they would cover each other. */
  slanted?: boolean;
  /** Whether a legend stands above the title of the y axis, which is above the plot. */
  legendAbove?: boolean;
  /** Entries of a legend beside each other; all of them when left out. */
  legendColumns?: number;
}

/** The Vega-Lite configuration that every plot is drawn with. */
export function plotConfig(style: PlotStyle = {}): Config {
  const { dark: night, thumbnail, slanted, legendAbove, legendColumns } = style;
  const inks = night ? dark : light;
  const base: Config = {
    background: undefined,
    font: plotFont,
    padding: 0,
    // Labels of marks for screen readers: a picture has its alt text, a live plot says where the reader stands.
    aria: false,
    tooltipFormat: { numberFormat: ',.4~r' },
    mark: { color: inks.ink, tooltip: true },
    view: { stroke: null },
    ...spaced(pageSpacing),
    header: {
      labelColor: inks.ink2,
      titleColor: inks.ink2,
      labelFontSize: 13,
      titleFontSize: 13,
      labelAnchor: 'start',
      labelPadding: 6,
    },
    axis: {
      labelFontSize: 13,
      labelFontWeight: 400,
      labelColor: inks.ink3,
      labelPadding: 8,
      titleFontSize: 13,
      titleFontWeight: 400,
      titleColor: inks.ink2,
      gridColor: inks.rule,
      domain: false,
      ticks: false,
      tickCount: 5,
    },
    axisX: {
      grid: false,
      domain: true,
      domainColor: inks.ink3,
      ticks: true,
      tickColor: inks.ink3,
      tickSize: 4,
      labelPadding: 4,
      labelFlush: false,
      labelOverlap: 'greedy',
      titleAnchor: 'end',
      titlePadding: 4,
    },
    axisXDiscrete: slanted
      ? { labelAngle: -35, labelAlign: 'right', labelBaseline: 'top', labelOverlap: false }
      : { labelAngle: 0, labelOverlap: false },
    axisY: {
      titleAngle: 0,
      titleAlign: 'left',
      titleAnchor: 'end',
      titleBaseline: 'bottom',
      titleX: -30,
      titleY: -10,
    },
    line: { strokeWidth: 1.5, strokeCap: 'round', strokeJoin: 'round' },
    rule: { color: inks.ink3, strokeDash: [2, 3] },
    point: { filled: true, size: 30 },
    text: { fontSize: 13, fontWeight: 600, color: inks.ink },
    legend: {
      orient: 'top',
      direction: 'horizontal',
      title: null,
      offset: legendAbove ? 32 : 8,
      columns: legendColumns,
      columnPadding: 16,
      rowPadding: 4,
      labelFontSize: 13,
      labelColor: inks.ink2,
      labelLimit: 220,
      symbolSize: 60,
      symbolStrokeWidth: 2,
      gradientLength: 160,
      gradientThickness: 10,
    },
    title: { anchor: 'start', fontSize: 15, fontWeight: 600, color: inks.ink },
    range: { category: [...inks.plot] },
  };
  return thumbnail ? bare(base) : base;
}

function bare(config: Config): Config {
  return {
    ...config,
    ...spaced(thumbnailSpacing),
    axis: { ...config.axis, ...wordlessAxis },
    axisX: { ...config.axisX, ...wordlessAxis },
    axisXDiscrete: wordlessAxis,
    axisY: wordlessAxis,
    legend: { disable: true },
    point: { ...config.point, size: 8 },
  };
}

const spaced = ({ facet, concat }: Spacing) => ({ facet: { spacing: facet }, concat: { spacing: concat } });
