import { quantileSorted } from 'simple-statistics';
import { checkLevel, checkNumbers, checkPairs } from './checks.ts';
import { seededRandom } from './random.ts';
import { mean, median } from './summary.ts';

/** A value and the ends of its interval. */
export interface Interval {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

export interface IntervalOptions {
  /** How often such an interval holds the true value; 0.95 by default. */
  level?: number;
}

export interface BootstrapOptions extends IntervalOptions {
  /** Two calls with one seed agree. */
  seed: number;
  /** Resamples; 2,000 by default. */
  samples?: number;
}

/**
 * Percentile bootstrap interval (Efron, 1979) of a statistic over resamples of the values. A statistic that is not
 * finite on a resample is an error: its interval would mean nothing.
 */
export function bootstrapInterval<Value>(
  values: readonly Value[],
  statistic: (sample: readonly Value[]) => number,
  options: BootstrapOptions,
): Interval {
  const { level = 0.95 } = options;
  checkLevel('bootstrapInterval', level);
  if (values.length === 0) throw new RangeError('bootstrapInterval needs at least one value; got none.');
  const resampled = resample(values, statistic, options);
  return {
    value: statistic(values),
    low: quantileSorted(resampled, (1 - level) / 2),
    high: quantileSorted(resampled, (1 + level) / 2),
  };
}

/** The statistic of every resample, smallest first. */
function resample<Value>(
  values: readonly Value[],
  statistic: (sample: readonly Value[]) => number,
  { seed, samples = 2000 }: BootstrapOptions,
): number[] {
  if (!Number.isInteger(samples) || samples < 1) {
    throw new RangeError(`A bootstrap needs a positive number of samples; got ${samples}.`);
  }
  const random = seededRandom(seed);
  const results = Array.from({ length: samples }, () =>
    statistic(values.map(() => values[Math.floor(random() * values.length)]!)),
  );
  checkNumbers('A bootstrap over the statistic', results);
  return results.sort((a, b) => a - b);
}

export interface PairedDifference extends Interval {
  /** The share of resamples in which `a` is not better than `b` (Koehn, 2004): small when `a` is reliably better. */
  readonly notBetter: number;
}

/** Mean of `a` minus mean of `b` over the same items, items resampled in pairs. */
export function pairedBootstrap(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  options: BootstrapOptions,
): PairedDifference {
  checkPairs('pairedBootstrap', a, b);
  checkNumbers('pairedBootstrap', a);
  checkNumbers('pairedBootstrap', b);
  const { level = 0.95 } = options;
  checkLevel('pairedBootstrap', level);
  const differences = Array.from(a, (value, i) => value - b[i]!);
  const resampled = resample(differences, mean, options);
  return {
    value: mean(differences),
    low: quantileSorted(resampled, (1 - level) / 2),
    high: quantileSorted(resampled, (1 + level) / 2),
    notBetter: resampled.filter((difference) => difference <= 0).length / resampled.length,
  };
}

export interface MedianInterval extends Interval {
  /** What the interval really covers; below the level where there are too few values (fewer than 6 for 0.95). */
  readonly coverage: number;
}

/**
 * Median with an interval from order statistics: the narrowest pair of values, the same number from both ends, that
 * covers the true median at the level whatever the distribution. With too few values it runs from the smallest to the
 * largest and `coverage` says how much that is worth.
 */
export function medianInterval(values: ArrayLike<number>, options: IntervalOptions = {}): MedianInterval {
  const { level = 0.95 } = options;
  checkNumbers('medianInterval', values);
  checkLevel('medianInterval', level);
  const sorted = Array.from(values).sort((a, b) => a - b);
  const n = sorted.length;
  // P(Binomial(n, 1/2) <= cut), summed term by term, each from its logarithm: 2^-n is 0 for a thousand values. The
  // interval leaves `cut` values out on either side.
  let logTerm = -n * Math.LN2;
  let tail = Math.exp(logTerm);
  let cut = 0;
  while (cut + 1 < n / 2) {
    logTerm += Math.log((n - cut) / (cut + 1));
    if (1 - 2 * (tail + Math.exp(logTerm)) < level) break;
    tail += Math.exp(logTerm);
    cut += 1;
  }
  return {
    value: median(sorted),
    low: sorted[cut]!,
    high: sorted[n - 1 - cut]!,
    coverage: n === 1 ? 0 : 1 - 2 * tail,
  };
}

/** Wilson's score interval of a share: `successes` of `n` (Wilson, 1927). */
export function wilson(successes: number, n: number, options: IntervalOptions = {}): Interval {
  const { level = 0.95 } = options;
  checkLevel('wilson', level);
  if (!Number.isInteger(n) || n < 1 || !Number.isInteger(successes) || successes < 0 || successes > n) {
    throw new RangeError(`wilson takes between 0 and n successes, n at least 1; got ${successes} of ${n}.`);
  }
  const z = normalQuantile((1 + level) / 2);
  const share = successes / n;
  const centre = (share + z ** 2 / (2 * n)) / (1 + z ** 2 / n);
  const half = (z / (1 + z ** 2 / n)) * Math.sqrt((share * (1 - share)) / n + z ** 2 / (4 * n ** 2));
  // Exactly 0 and 1 where nothing or everything succeeded: rounding must not move the ends.
  return { value: share, low: successes === 0 ? 0 : centre - half, high: successes === n ? 1 : centre + half };
}

/** Where the standard normal distribution function reaches `p`: Newton's method on its power series, to about 1e-12. */
export function normalQuantile(p: number): number {
  if (!(p > 0 && p < 1)) throw new RangeError(`normalQuantile takes a probability between 0 and 1; got ${p}.`);
  if (p < 0.5) return -normalQuantile(1 - p);
  let x = 0;
  for (let iteration = 0; iteration < 100; iteration++) {
    const density = Math.exp(-(x ** 2) / 2) / Math.sqrt(2 * Math.PI);
    // 1/2 + density * (x + x^3/3 + x^5/15 + ...)
    let [term, sum] = [x, x];
    for (let k = 3; term > 1e-17 * sum; k += 2) {
      term *= x ** 2 / k;
      sum += term;
    }
    const step = (p - 0.5 - density * sum) / density;
    x += step;
    if (Math.abs(step) < 1e-13 * (1 + x)) break;
  }
  return x;
}
