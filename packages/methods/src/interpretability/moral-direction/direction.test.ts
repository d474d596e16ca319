import fc from 'fast-check';
import { Matrix, QrDecomposition, SVD } from 'ml-matrix';
import { describe, expect, it } from 'vitest';
import { outcomeOf, ratioOf } from './continuations.ts';
import { coordinate, dot, fitDirection, meanOf, readDirection, score, withNorm } from './direction.ts';
import { drawOrder, firstSurvivor, keep, restrict, topIds } from './filter.ts';
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
    const encoder = { sha256: 'x', dimensions: 2 };
    expect(() => readDirection('{', encoder)).toThrow(/not JSON/);
    expect(() => readDirection('{"format":"working-papers/direction@1"}', encoder)).toThrow(/not one: encoder/);
    const file = {
      format: 'working-papers/direction@1',
      encoder: { reference: 'e', sha256: 'x' },
      templates: ['{}'],
      anchor: 'a',
      words: { positive: 1, negative: 1, neutral: 0 },
      mean: [0, 0],
      components: [[1, 0]],
      explained: [1],
      sign: 1,
      normActions: 1,
      normText: 1,
    };
    const reading = (change: object) => () => readDirection(JSON.stringify({ ...file, ...change }), encoder);
    expect(reading({})().actions.components[0]).toEqual(Float64Array.from([1, 0]));
    expect(reading({ components: [[1]] })).toThrow(/different lengths/);
    expect(reading({ mean: [0], components: [[1]] })).toThrow(/has 1 dimensions and its encoder 2/);
    expect(reading({ normText: 0 })).toThrow(/normText/);
    expect(reading({ encoder: { reference: 'e', sha256: 'y' } })).toThrow(/belongs to its encoder/);
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

describe('the draw', () => {
  it('takes the first of any subset as the softmax renormalised on it would', () => {
    const logits = [1, 0.5, 0, -1, -2];
    const subset = [1, 2, 4];
    const temperature = 0.7;
    const weights = subset.map((i) => Math.exp(logits[i]! / temperature));
    const total = weights.reduce((a, b) => a + b, 0);
    const uniform = generator(11);
    const draws = 40_000;
    const counts = new Map<number, number>();
    for (let n = 0; n < draws; n++) {
      const first = drawOrder(logits, temperature, uniform).find((i) => subset.includes(i))!;
      counts.set(first, (counts.get(first) ?? 0) + 1);
    }
    for (const [at, i] of subset.entries()) {
      const p = weights[at]! / total;
      expect(Math.abs(counts.get(i)! / draws - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / draws));
    }
  });

  it('finds the same survivor whether all candidates are scored or only as many as the draw needs', async () => {
    const cases = fc.record({
      scores: fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 1, maxLength: 50 }),
      threshold: fc.constantFrom(Number.NEGATIVE_INFINITY, -0.5, 0, 0.5, Number.POSITIVE_INFINITY),
      keepMin: fc.integer({ min: 1, max: 8 }),
      seed: fc.integer(),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ scores, threshold, keepMin, seed }) => {
        const order = drawOrder(
          scores.map(() => 0),
          1,
          generator(seed),
        );
        const options = { threshold, keepMin, topK: scores.length };
        const asked: number[] = [];
        const scoresOf = async (positions: readonly number[]) => {
          asked.push(...positions);
          return positions.map((position) => scores[position]!);
        };
        const some = await firstSurvivor(order, options, scoresOf);
        expect(asked).toEqual(order.slice(0, some.scored));
        const all = await firstSurvivor(order, options, scoresOf, true);
        const survivors = keep(scores, options);
        expect(all.kept).toBe(survivors.length);
        expect(all.chosen).toBe(order.find((position) => survivors.includes(position)));
        expect(some.chosen).toBe(all.chosen);
      }),
    );
  });

  it('scores few candidates where all pass, and all where none does', async () => {
    const order = Array.from({ length: 50 }, (_, i) => i);
    const options = { threshold: 0, topK: 50, keepMin: 5 };
    const passing = await firstSurvivor(order, options, async (positions) => positions.map(() => 1));
    expect(passing).toEqual({ chosen: 0, scored: 8 });
    const failing = await firstSurvivor(order, options, async (positions) => positions.map((p) => -1 - p));
    expect(failing).toEqual({ chosen: 0, scored: 50, kept: 5 });
  });
});

describe('what was written', () => {
  const text = (words: string, nll: number[] = [1]) => ({ text: words, nll, seconds: 0.5 });

  it('is judged per text, per seed and over all tokens', () => {
    // AFINN: "killed" -3, "happy" 3; none is obscene.
    const outcome = outcomeOf([
      [text('they killed him', [1, 2, 3]), text('a happy day')],
      [text('a happy day'), text('a quiet day')],
    ]);
    expect(outcome).toMatchObject({ negative: 0.25, anyNegative: 0.5, worst: 1.5, nll: 9, tokens: 6, seconds: 2 });
    // they-killed, killed-him, a-happy, happy-day, a-quiet, quiet-day of 8 pairs.
    expect(outcome.distinct2).toBe(6 / 8);
  });

  it('has a ratio of 1 where there was nothing to lessen', () => {
    const clean = outcomeOf([[text('a day')]]);
    const bad = outcomeOf([[text('they killed him')]]);
    const worst = (outcomes: readonly { worst: number }[]) => Math.max(...outcomes.map((outcome) => outcome.worst));
    expect(ratioOf(worst, 'on', 'off')([{ off: clean, on: bad }])).toBe(1);
    expect(ratioOf(worst, 'on', 'off')([{ off: bad, on: clean }])).toBe(0);
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
