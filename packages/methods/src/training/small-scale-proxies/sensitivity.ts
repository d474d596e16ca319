/** How much a recipe's loss depends on its learning rate. */

export interface RatePoint {
  rate: number;
  /** Final loss; null where it diverged. */
  loss: number | null;
}

/** The loss that counts: never above that of a model that has learnt nothing. */
const counted = (loss: number | null, initial: number): number =>
  loss === null || !Number.isFinite(loss) ? initial : Math.min(loss, initial);

/**
 * Mean over the learning rates of min(loss, loss_0) - loss*, nats: loss_0 is the loss before training, for which what diverged counts, and
 * loss* the least. Throws where there is no point.
 */
export function learningRateSensitivity(points: readonly RatePoint[], initial: number): number {
  return excess(points, points, initial);
}

/**
 * The same over the rates from the middle of their range (as logarithms) on: with few steps the lower ones are merely not done, which is
 * no instability. loss* is the least over all of them.
 */
export function highSideSensitivity(points: readonly RatePoint[], initial: number): number {
  return excess(highSide(points), points, initial);
}

/** The points from the geometric middle of their rates on. */
export function highSide<P extends { rate: number }>(points: readonly P[]): P[] {
  const rates = points.map(({ rate }) => rate);
  const middle = Math.sqrt(Math.min(...rates) * Math.max(...rates));
  return points.filter(({ rate }) => rate >= middle * (1 - 1e-4));
}

function excess(over: readonly RatePoint[], all: readonly RatePoint[], initial: number): number {
  if (over.length === 0) throw new RangeError('Sensitivity is a mean over learning rates; got none.');
  const best = Math.min(...all.map(({ loss }) => counted(loss, initial)));
  return over.reduce((sum, { loss }) => sum + counted(loss, initial) - best, 0) / over.length;
}

/**
 * How wide the stretch of rates around the best is whose loss lies within `tolerance` (nats) of the least, in decades; between two rates the
 * loss is taken for a straight line over log rate. It ends with the range that was tried.
 */
export function stableBand(points: readonly RatePoint[], initial: number, tolerance = 0.2): number {
  const sorted = sortedPoints(points, initial);
  const best = leastOf(sorted);
  const limit = sorted[best]!.y + tolerance;
  const reach = (step: 1 | -1): number => {
    for (let i = best; ; i += step) {
      const [inside, outside] = [sorted[i]!, sorted[i + step]];
      if (!outside) return inside.x;
      if (outside.y > limit) return inside.x + ((limit - inside.y) / (outside.y - inside.y)) * (outside.x - inside.x);
    }
  };
  return reach(1) - reach(-1);
}

/** log10 of the rate with the least loss, by a parabola through it and its neighbours; at an end of the range that end. */
export function bestRate(points: readonly RatePoint[], initial: number): number {
  const sorted = sortedPoints(points, initial);
  const best = leastOf(sorted);
  const [left, middle, right] = [sorted[best - 1], sorted[best]!, sorted[best + 1]];
  if (!left || !right) return middle.x;
  // Newton's form: the vertex of the parabola through three points.
  const first = (middle.y - left.y) / (middle.x - left.x);
  const second = ((right.y - middle.y) / (right.x - middle.x) - first) / (right.x - left.x);
  return second > 0 ? (left.x + middle.x) / 2 - first / (2 * second) : middle.x;
}

interface Sorted {
  /** log10 of the rate. */
  x: number;
  y: number;
}

const sortedPoints = (points: readonly RatePoint[], initial: number): Sorted[] =>
  points.map(({ rate, loss }) => ({ x: Math.log10(rate), y: counted(loss, initial) })).sort((a, b) => a.x - b.x);

const leastOf = (points: readonly Sorted[]): number =>
  points.reduce((best, { y }, i) => (y < points[best]!.y ? i : best), 0);

/** What sensitivities must have in common to be compared. */
export interface ScanRange {
  rates: readonly number[];
  steps: number;
}

/** Throws a sentence unless two scans tried the same rates for as many steps: the statistic means nothing else. */
export function checkComparable(one: ScanRange, other: ScanRange): void {
  if (one.steps !== other.steps)
    throw new Error(
      `Sensitivities of ${one.steps} and of ${other.steps} steps cannot be compared: scan again with as many steps.`,
    );
  const alike = (a: number, b: number) => Math.abs(a / b - 1) < 1e-3;
  if (one.rates.length !== other.rates.length || !one.rates.every((rate, i) => alike(rate, other.rates[i]!)))
    throw new Error(
      `Sensitivities over different learning rates (${one.rates.join(', ')} and ${other.rates.join(', ')}) cannot be compared: scan again over the same.`,
    );
}
