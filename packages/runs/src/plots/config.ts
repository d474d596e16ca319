/** How plots look: ink for the method under test, quiet hues for the others, the unit above the axis, a horizontal grid only. */
import type { Config } from 'vega-lite';

interface Inks {
  ink: string;
  text: string;
  faint: string;
  grid: string;
  category: string[];
}

const light: Inks = {
  ink: '#1d1b17',
  text: '#4d483f',
  faint: '#686154',
  grid: '#dfd9cc',
  category: ['#1d1b17', '#b0452f', '#2f7385', '#80651a', '#7b5590', '#70685a'],
};

const dark: Inks = {
  ink: '#eeeae1',
  text: '#c2bcaf',
  faint: '#9c9586',
  grid: '#36322b',
  category: ['#eeeae1', '#e58a70', '#79bccd', '#d3b45c', '#c3a0d8', '#989080'],
};

/** The Vega-Lite configuration that every plot is drawn with. */
export function plotConfig(options: { dark?: boolean } = {}): Config {
  const inks = options.dark ? dark : light;
  return {
    background: undefined,
    font: 'Source Sans 3',
    padding: 0,
    view: { stroke: null },
    header: { labelColor: inks.text, titleColor: inks.text, labelFontSize: 13, titleFontSize: 13 },
    axis: {
      labelFontSize: 13,
      labelColor: inks.faint,
      labelPadding: 8,
      titleFontSize: 13,
      titleFontWeight: 400,
      titleColor: inks.text,
      gridColor: inks.grid,
      domain: false,
      ticks: false,
      tickCount: 5,
    },
    axisX: {
      grid: false,
      domain: true,
      domainColor: inks.faint,
      ticks: true,
      tickColor: inks.faint,
      tickSize: 4,
      labelPadding: 4,
      labelFlush: false,
      labelOverlap: 'greedy',
      titleAnchor: 'end',
      titlePadding: 4,
    },
    axisY: {
      titleAngle: 0,
      titleAlign: 'left',
      titleAnchor: 'end',
      titleBaseline: 'bottom',
      titleX: -30,
      titleY: -10,
    },
    line: { strokeWidth: 1.5, strokeCap: 'round', strokeJoin: 'round' },
    rule: { color: inks.faint, strokeDash: [2, 3] },
    point: { filled: true, size: 30 },
    text: { fontSize: 13, fontWeight: 600, color: inks.ink },
    bar: { color: inks.ink },
    legend: { disable: true },
    title: { anchor: 'start', fontSize: 15, fontWeight: 600, color: inks.ink },
    range: { category: inks.category },
  };
}
