import { Matrix, QrDecomposition, SVD } from 'ml-matrix';
import { describe, expect, it } from 'vitest';
import { coordinate, dot, fitDirection, meanOf, readDirection, score, withNorm } from './direction.ts';
import { keep, restrict, topIds } from './filter.ts';
import { contextPairs, questions, repositoryWords, templates } from './words.ts';

/** mulberry32: a seeded generator for the tests' random embeddings. */
function generator(seed: number) {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
function normals(seed: number) {
  const uniform = generator(seed);
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

const names = (n: number) => Array.from({ length: n }, (_, i) => `a${i}`);

/** n points in d dimensions: the first half on the positive side of a planted direction u, the rest (with the anchor) on the other. */
function planted(n: number, d: number, spread: number, noise: number, seed = 3) {
  const normal = normals(seed);
  const u = Array.from({ length: d }, normal);
  const length = Math.hypot(...u);
  const unit = u.map((x) => x / length);
  const points = Array.from({ length: n }, (_, i) => {
    const c = (i < n / 2 ? 1 : -1) * spread;
    return Float64Array.from(unit, (x) => c * x + noise * normal());
  });
  return { unit, points, actions: names(n), anchor: `a${n - 1}` };
}

describe('fitDirection', () => {
  it('gives the worked example: (2, .1), (1, -.1), (-1, .1), (-2, -.1)', () => {
    const points = [
      [2, 0.1],
      [1, -0.1],
      [-1, 0.1],
      [-2, -0.1],
    ];
    const direction = fitDirection(names(4), points, { anchor: 'a3', components: 2 });
    const m = direction.components[0]!.map((x) => x * direction.sign);
    expect(m[0]).toBeCloseTo(0.9998, 5);
    expect(m[1]).toBeCloseTo(0.02007, 5);
    expect(direction.explained[0]).toBeCloseTo(0.99642, 5);
    const scores = points.map((p) => score(direction, p));
    [2.0016, 0.9978, -0.9978, -2.0016].forEach((expected, i) => {
      expect(scores[i]).toBeCloseTo(expected, 4);
    });
  });

  it('is the top right singular vector of the centred matrix, also with more dimensions than points', () => {
    const { points, actions, anchor } = planted(12, 40, 1, 0.5);
    const direction = fitDirection(actions, points, { anchor });
    const mean = meanOf(points);
    const centred = new Matrix(points.map((p) => Array.from(p, (x, d) => x - mean[d]!)));
    const svd = new SVD(centred, { autoTranspose: true });
    expect(Math.abs(dot(direction.components[0]!, svd.rightSingularVectors.getColumn(0)))).toBeGreaterThan(1 - 1e-6);
    points.forEach((p, i) => {
      const us = svd.leftSingularVectors.get(i, 0) * svd.diagonal[0]!;
      expect(Math.abs(coordinate(direction, p, 0))).toBeCloseTo(Math.abs(us), 8);
    });
    expect(direction.explained.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(1 + 1e-12);
  });

  it('finds a planted direction', () => {
    // 400 points at ten times the noise's variance: with fewer, sampling error alone turns the component by more.
    const clean = planted(400, 30, Math.sqrt(10), 1);
    const again = fitDirection(clean.actions, clean.points, { anchor: clean.anchor });
    expect(Math.abs(dot(again.components[0]!, clean.unit))).toBeGreaterThan(0.99);
  });

  it('keeps the anchor negative and flips every score when the anchor changes sides', () => {
    const { points, actions } = planted(40, 20, 3, 0.5);
    const one = fitDirection(actions, points, { anchor: 'a39' });
    const other = fitDirection(actions, points, { anchor: 'a0' });
    expect(score(one, points[39]!)).toBeLessThan(0);
    expect(score(other, points[0]!)).toBeLessThan(0);
    for (const p of points) expect(score(other, p)).toBeCloseTo(-score(one, p), 10);
  });

  it('does not notice a rotation and a shift of the whole space', () => {
    const { points, actions, anchor } = planted(30, 12, 3, 0.5);
    const normal = normals(9);
    const q = new QrDecomposition(new Matrix(Array.from({ length: 12 }, () => Array.from({ length: 12 }, normal))))
      .orthogonalMatrix;
    const moved = points.map((p) =>
      q
        .mmul(Matrix.columnVector(Array.from(p)))
        .to1DArray()
        .map((x, d) => x + d),
    );
    const before = fitDirection(actions, points, { anchor });
    const after = fitDirection(actions, moved, { anchor });
    points.forEach((p, i) => {
      expect(score(after, moved[i]!)).toBeCloseTo(score(before, p), 5);
    });
  });

  it('is linear: the score of a mean over templates is the mean of the scores', () => {
    const { points, actions, anchor } = planted(30, 12, 3, 0.5);
    const direction = fitDirection(actions, points, { anchor });
    const some = points.slice(0, 10);
    const mean = some.reduce((sum, p) => sum + score(direction, p), 0) / some.length;
    expect(score(direction, meanOf(some))).toBeCloseTo(mean, 10);
  });

  it('normalises so that the extreme has magnitude 1', () => {
    const { points, actions, anchor } = planted(30, 12, 3, 0.5);
    const raw = fitDirection(actions, points, { anchor });
    const direction = withNorm(
      raw,
      points.map((p) => score(raw, p)),
    );
    expect(Math.max(...points.map((p) => Math.abs(score(direction, p))))).toBeCloseTo(1, 12);
  });

  it('says what is wrong', () => {
    expect(() => fitDirection(['a'], [[1, 2]], { anchor: 'kill' })).toThrow(/anchor "kill"/);
    expect(() =>
      fitDirection(
        ['a', 'b'],
        [
          [1, 2],
          [1, 2],
        ],
        { anchor: 'a', components: 1 },
      ),
    ).toThrow(/All embeddings are the same/);
    expect(() =>
      fitDirection(
        ['a', 'b'],
        [
          [1, 2],
          [2, 2],
        ],
        { anchor: 'a', components: 9 },
      ),
    ).toThrow(/between 1 and 2; got 9/);
    expect(() => readDirection('{', 'x')).toThrow(/not JSON/);
    expect(() => readDirection('{"format":"working-papers/direction@1"}', 'x')).toThrow(/lacks/);
  });
});

describe('the filter', () => {
  it('takes the k largest, ties to the smaller id', () => {
    expect(
      topIds(Float32Array.from([1, 5, 5, 0, 9, 2, 3, 4, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]), 3),
    ).toEqual([4, 1, 2]);
    const normal = normals(4);
    const logits = Float32Array.from({ length: 1000 }, normal);
    const sorted = Array.from(logits.keys())
      .sort((a, b) => logits[b]! - logits[a]!)
      .slice(0, 50);
    expect(topIds(logits, 50)).toEqual(sorted);
  });

  it('keeps everything at -infinity and the keepMin best at +infinity', () => {
    const scores = [0.3, -0.2, 0.9, 0.1];
    expect(keep(scores, { threshold: Number.NEGATIVE_INFINITY, topK: 4, keepMin: 2 })).toEqual([0, 1, 2, 3]);
    expect(keep(scores, { threshold: Number.POSITIVE_INFINITY, topK: 4, keepMin: 2 })).toEqual([0, 2]);
  });

  it('falls back to the keepMin best when no more than keepMin pass', () => {
    expect(keep([0.5, 0.6, -0.1, -0.2], { threshold: 0, topK: 4, keepMin: 3 })).toEqual([0, 1, 2]);
    expect(keep([0.5, 0.6, -0.1, -0.2], { threshold: 0, topK: 4, keepMin: 1 })).toEqual([0, 1]);
    expect(keep([0.5, 0.6], { threshold: 1, topK: 2, keepMin: 5 })).toEqual([0, 1]);
  });

  it('leaves the base distribution, renormalised on the survivors', () => {
    const logits = Float32Array.from([1, 2, 3, 4]);
    const base = Array.from(logits, Math.exp);
    restrict(logits, [1, 3]);
    const weights = Array.from(logits, Math.exp);
    const sum = weights.reduce((a, b) => a + b, 0);
    expect(weights.map((w) => w / sum)).toEqual([
      0,
      base[1]! / (base[1]! + base[3]!),
      0,
      base[3]! / (base[1]! + base[3]!),
    ]);
  });
});

describe('the word lists', () => {
  it("are the repository's 65 actions, ten questions and sixty pairs of ours", () => {
    const all = [...repositoryWords.positive, ...repositoryWords.negative, ...repositoryWords.neutral];
    expect(all).toHaveLength(65);
    expect(new Set(all).size).toBe(65);
    expect(templates).toHaveLength(10);
    expect(contextPairs).toHaveLength(60);
    expect(new Set(contextPairs.flat()).size).toBe(120);
    expect(questions('kill time')[1]).toBe('Should I kill time?');
  });
});
