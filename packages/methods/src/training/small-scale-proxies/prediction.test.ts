/** Fits against rows of which the answer is known. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { calibratedLimit, fitGrowth } from './prediction.ts';

const sizes = [18_272, 110_400, 614_528, 1_800_000];

describe('a fit of growth', () => {
  test('gives back the parabola that its points lie on, and where it passes 1e4', () => {
    fc.assert(
      fc.property(
        fc.double({ min: -5, max: 5, noNaN: true }),
        fc.double({ min: -1, max: 1, noNaN: true }),
        fc.double({ min: 0.01, max: 0.2, noNaN: true }),
        (a, b, c) => {
          const at = (n: number) => Math.exp(a + b * Math.log(n) + c * Math.log(n) ** 2);
          const fit = fitGrowth(
            sizes.map((n) => ({ n, value: at(n) })),
            2,
          );
          for (const [i, wanted] of [a, b, c].entries())
            expect(Math.abs(fit.coefficients[i]! - wanted)).toBeLessThan(1e-9 * Math.max(1, Math.abs(wanted)) * 1e2);
          expect(Math.log(fit.at(1e7) / at(1e7))).toBeCloseTo(0, 9);
          const crossing = fit.reaches(1e4);
          if (at(sizes[0]!) >= 1e4) expect(crossing).toBeCloseTo(sizes[0]!, 3);
          else expect(Math.log(at(crossing!) / 1e4)).toBeCloseTo(0, 7);
        },
      ),
    );
  });

  test('of the worked example: log m = 1 + 0.5 log N + 0.05 (log N)^2', () => {
    const points = sizes.map((n) => ({ n, value: Math.exp(1 + 0.5 * Math.log(n) + 0.05 * Math.log(n) ** 2) }));
    const { coefficients } = fitGrowth(points.slice(0, 3), 2);
    expect(coefficients[0]).toBeCloseTo(1, 9);
    expect(coefficients[1]).toBeCloseTo(0.5, 9);
    expect(coefficients[2]).toBeCloseTo(0.05, 9);
  });

  test('of a line falls to a limit where the power law says', () => {
    // value = 10 / sqrt(N): 1e-3 at N = 1e8.
    const fit = fitGrowth(
      sizes.map((n) => ({ n, value: 10 / Math.sqrt(n) })),
      1,
    );
    expect(fit.coefficients[1]).toBeCloseTo(-0.5, 9);
    expect(Math.log10(fit.fallsTo(1e-3)!)).toBeCloseTo(8, 6);
    expect(fit.reaches(1)).toBeUndefined();
    expect(fit.fallsTo(1)).toBeCloseTo(sizes[0]!, 3);
  });

  test('of a parabola that turns before the limit never reaches it', () => {
    const fit = fitGrowth(
      sizes.map((n) => ({ n, value: Math.exp(5 - 0.1 * (Math.log(n) - 12) ** 2) })),
      2,
    );
    expect(fit.reaches(1e4)).toBeUndefined();
  });

  test('refuses a parabola over two sizes, and what has no logarithm', () => {
    const two = sizes.slice(0, 2).flatMap((n) => [
      { n, value: 1 },
      { n, value: 2 },
    ]);
    expect(() => fitGrowth(two, 2)).toThrow('needs at least 3 of them; got 2');
    expect(fitGrowth(two, 1).at(sizes[0]!)).toBeCloseTo(Math.SQRT2, 9);
    expect(() =>
      fitGrowth(
        sizes.map((n) => ({ n, value: 0 })),
        1,
      ),
    ).toThrow('above 0; got 0');
  });
});

describe('the calibrated limit', () => {
  test('lies halfway between the runs that it separates', () => {
    const pairs = [3, 10, 30, 1000, 9000].map((maxLogit) => ({ maxLogit, gap: maxLogit > 100 ? 0.3 : 0.02 }));
    expect(calibratedLimit(pairs)).toMatchObject({ wrong: 0, pairs: 5 });
    expect(calibratedLimit(pairs)!.limit).toBeCloseTo(Math.sqrt(30 * 1000), 6);
  });

  test('counts what lies on the wrong side, and is none where all are alike', () => {
    const pairs = [3, 10, 30, 1000, 9000].map((maxLogit) => ({ maxLogit, gap: maxLogit > 100 ? 0.3 : 0.02 }));
    expect(calibratedLimit([...pairs, { maxLogit: 5, gap: 0.2 }])).toMatchObject({ wrong: 1, pairs: 6 });
    expect(calibratedLimit(pairs.map((pair) => ({ ...pair, gap: 0 })))).toBeUndefined();
    expect(calibratedLimit([])).toBeUndefined();
  });
});
