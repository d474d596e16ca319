/** Instabilities foreseen from smaller models: how a logit or a gradient grows with the number of parameters N. */
import { Matrix, QrDecomposition } from 'ml-matrix';

export interface SizePoint {
  /** Parameters. */
  n: number;
  value: number;
}

/** log value = c0 + c1 log N + c2 (log N)^2, natural logarithms. */
export interface GrowthFit {
  coefficients: readonly number[];
  at(n: number): number;
  /** The least N from the smallest fitted size on at which the fit has reached `limit`; undefined where it never does. */
  reaches(limit: number): number | undefined;
  /** The same for a fit that falls to `limit`. */
  fallsTo(limit: number): number | undefined;
}

/**
 * Least squares of log value over log N: a parabola (degree 2) for attention logits, a line (degree 1) for gradients. Throws a sentence for
 * fewer sizes than the degree needs, or a value that has no logarithm.
 */
export function fitGrowth(points: readonly SizePoint[], degree: 1 | 2): GrowthFit {
  const sizes = new Set(points.map(({ n }) => n)).size;
  if (sizes <= degree)
    throw new Error(
      `A ${degree === 2 ? 'parabola' : 'line'} over sizes needs at least ${degree + 1} of them; got ${sizes}. Scan more sizes.`,
    );
  const odd = points.find(({ value }) => !(value > 0 && Number.isFinite(value)));
  if (odd) throw new Error(`Growth is fitted to values above 0; got ${odd.value} at N = ${odd.n}.`);
  const logs = points.map(({ n }) => Math.log(n));
  // Centred, so that the columns are far from parallel.
  const centre = logs.reduce((sum, x) => sum + x, 0) / logs.length;
  const powers = logs.map((x) => Array.from({ length: degree + 1 }, (_, power) => (x - centre) ** power));
  const right = Matrix.columnVector(points.map(({ value }) => Math.log(value)));
  const [a, b, c = 0] = new QrDecomposition(new Matrix(powers)).solve(right).to1DArray() as [number, number, number?];
  const height = (x: number) => a + b * (x - centre) + c * (x - centre) ** 2;
  const smallest = Math.min(...logs);
  const crossing = (limit: number, direction: 1 | -1): number | undefined => {
    const target = Math.log(limit);
    const passed = (x: number) => direction * (height(x) - target) >= 0;
    if (passed(smallest)) return Math.exp(smallest);
    const root = rootsOf(a - target, b, c)
      .map((x) => x + centre)
      .filter((x) => x > smallest && direction * (b + 2 * c * (x - centre)) > 0)
      .sort((x, y) => x - y)[0];
    return root === undefined ? undefined : Math.exp(root);
  };
  return {
    coefficients: [a - b * centre + c * centre ** 2, b - 2 * c * centre, ...(degree === 2 ? [c] : [])],
    at: (n) => Math.exp(height(Math.log(n))),
    reaches: (limit) => crossing(limit, 1),
    fallsTo: (limit) => crossing(limit, -1),
  };
}

/** Real roots of a + b x + c x^2. */
function rootsOf(a: number, b: number, c: number): number[] {
  if (Math.abs(c) < 1e-12) return b === 0 ? [] : [-a / b];
  const inside = b * b - 4 * a * c;
  if (inside < 0) return [];
  // The root without cancellation, and the other by Vieta.
  const q = -(b + (b < 0 ? -1 : 1) * Math.sqrt(inside)) / 2;
  return q === 0 ? [0] : [q / c, a / q];
}

export interface LogitLimit {
  limit: number;
  /** Pairs on the wrong side of it. */
  wrong: number;
  pairs: number;
}

/** Loss (nats) that a run must lose to its pair with qk-layernorm to be called unstable. */
export const unstableLoss = 0.1;

/**
 * The attention logit that best tells runs that lose more than {@link unstableLoss} to the same run with qk-layernorm from those that do not,
 * halfway (as logarithms) between the two neighbours it separates; undefined where all runs are of one kind.
 */
export function calibratedLimit(pairs: readonly { maxLogit: number; gap: number }[]): LogitLimit | undefined {
  const sorted = pairs
    .map(({ maxLogit, gap }) => ({ x: Math.log(maxLogit), unstable: gap > unstableLoss }))
    .sort((a, b) => a.x - b.x);
  const unstable = sorted.filter((pair) => pair.unstable).length;
  if (unstable === 0 || unstable === sorted.length) return undefined;
  // With everything above the limit, the stable ones are wrong.
  let wrong = sorted.length - unstable;
  let best = { wrong: Number.POSITIVE_INFINITY, x: 0 };
  for (const [i, { x, unstable }] of sorted.entries()) {
    wrong += unstable ? 1 : -1;
    const next = sorted[i + 1];
    if (next && next.x > x && wrong < best.wrong) best = { wrong, x: (x + next.x) / 2 };
  }
  return Number.isFinite(best.wrong) ? { limit: Math.exp(best.x), wrong: best.wrong, pairs: sorted.length } : undefined;
}
