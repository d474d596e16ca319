/** A fitted growth as a line of a plot. */
import type { GrowthLine } from './plots.ts';
import { fitGrowth } from './prediction.ts';
import { overSizes, type Row, type Rows } from './rows.ts';

/** The points of rows at one rate, the fit through them up to `until` parameters, and what was trained beyond. */
export function growthLine(
  rate: number,
  fitted: Rows,
  tested: Rows,
  of: (row: Row) => number,
  degree: 1 | 2,
  { until }: { until: number },
): GrowthLine {
  const points = (rows: Rows) => overSizes(rows, of).map(({ n, value }) => ({ parameters: n, value }));
  const fit = fitGrowth(overSizes(fitted, of), degree);
  const from = Math.min(...fitted.map(({ parameters }) => parameters));
  const steps = 24;
  return {
    rate,
    seen: points(fitted),
    tested: points(tested),
    fit: Array.from({ length: steps + 1 }, (_, i) => {
      const n = from * (until / from) ** (i / steps);
      return { parameters: n, value: fit.at(n) };
    }),
  };
}
