import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sample, sampleLikeliest, seededUniform } from './sampling.ts';
import { stopFilter } from './stop-texts.ts';

describe('sampling', () => {
  const logits = Float32Array.from([Math.log(0.5), Math.log(0.3), Number.NEGATIVE_INFINITY, Math.log(0.2)]);
  const draws = (options: { temperature: number; topK: number; topP: number }, count = 20000) => {
    const uniform = seededUniform(1);
    const counts = [0, 0, 0, 0];
    for (let i = 0; i < count; i++) counts[sample(logits, options, uniform).id]!++;
    return counts.map((value) => value / count);
  };

  test.each([
    ['all', { temperature: 1, topK: 0, topP: 1 }, [0.5, 0.3, 0, 0.2]],
    ['temperature 0.5 squares', { temperature: 0.5, topK: 0, topP: 1 }, [0.25 / 0.38, 0.09 / 0.38, 0, 0.04 / 0.38]],
    ['top 2', { temperature: 1, topK: 2, topP: 1 }, [0.625, 0.375, 0, 0]],
    ['top-p 0.6 takes the token that crosses it', { temperature: 1, topK: 0, topP: 0.6 }, [0.625, 0.375, 0, 0]],
    ['top-p 0.5 is reached by the first', { temperature: 1, topK: 0, topP: 0.4999 }, [1, 0, 0, 0]],
    ['top 2, then top-p of what is left', { temperature: 1, topK: 2, topP: 0.6 }, [1, 0, 0, 0]],
  ] as const)('%s', (_, options, expected) => {
    for (const [id, share] of draws(options).entries()) expect(Math.abs(share - expected[id]!)).toBeLessThan(0.012);
  });

  test('log-probabilities are those of the distribution drawn from', () => {
    const { id, logProbability } = sample(logits, { temperature: 1, topK: 2, topP: 1 }, () => 0.9);
    expect(id).toBe(1);
    expect(logProbability).toBeCloseTo(Math.log(0.375), 6);
  });

  test('top-p looks at as little as it needs: the same as sorting everything', () => {
    fc.assert(
      fc.property(
        fc.float32Array({ minLength: 2, maxLength: 40, min: -20, max: 20, noNaN: true }),
        fc.double({ min: 0.05, max: 0.99, noNaN: true }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (values, topP, u) => {
          const order = Array.from(values.keys()).sort((a, b) => values[b]! - values[a]! || a - b);
          const weights = order.map((id) => Math.exp(values[id]! - values[order[0]!]!));
          const total = weights.reduce((a, b) => a + b, 0);
          let [kept, mass] = [0, 0];
          while (kept < weights.length && mass < topP * total) mass += weights[kept++]!;
          const allowed = order.slice(0, kept + 1); // one more: sums are rounded in another order
          expect(allowed).toContain(sample(values, { temperature: 1, topK: 0, topP }, () => u).id);
        },
      ),
    );
  });

  test('among the likeliest tokens, the same distribution as over all of them, whatever the list leaves out', () => {
    const uniform = seededUniform(5);
    const values = Float32Array.from({ length: 30 }, () => 4 * uniform());
    const order = Array.from(values.keys()).sort((a, b) => values[b]! - values[a]!);
    const draws = 40000;
    for (const options of [
      { temperature: 0.7, topK: 0, topP: 1 },
      { temperature: 1, topK: 0, topP: 0.3 },
      { temperature: 1, topK: 0, topP: 0.95 },
      { temperature: 1.3, topK: 5, topP: 0.8 },
      { temperature: 1, minP: 0.2 },
      { temperature: 2, minP: 0.01 },
      { temperature: 1, topP: 0.9, minP: 0.5 },
      { temperature: 1, typicalP: 0.5 },
    ]) {
      const top = values[order[0]!]!;
      const mass = values.reduce((sum, value) => sum + Math.exp((value - top) / options.temperature), 0);
      const ids = order.slice(0, 8);
      const likeliest = { ids, logits: Float32Array.from(ids, (id) => values[id]!), mass };
      const difference = new Float64Array(30);
      for (let i = 0; i < draws; i++) {
        const choice = sampleLikeliest(likeliest, () => values, options, uniform());
        const whole = sample(values, options, uniform);
        difference[choice.id]! += 1 / draws;
        difference[whole.id]! -= 1 / draws;
        if (i < 50) {
          const same = Array.from({ length: 400 }, () => sample(values, options, uniform)).find(
            ({ id }) => id === choice.id,
          );
          if (same) expect(choice.logProbability).toBeCloseTo(same.logProbability, 6);
        }
      }
      expect(Math.max(...difference.map(Math.abs))).toBeLessThan(0.012);
    }
  });

  test('a seed draws the same token whichever of the two draws', () => {
    const uniform = seededUniform(8);
    for (let round = 0; round < 200; round++) {
      const values = Float32Array.from({ length: 400 }, () => 3 * uniform());
      const ids = Array.from(values.keys())
        .sort((a, b) => values[b]! - values[a]! || a - b)
        .slice(0, 256);
      const top = values[ids[0]!]!;
      for (const options of [{ temperature: 1.2 }, { temperature: 0.5, topP: 0.7 }, { temperature: 1, minP: 0.3 }]) {
        const mass = values.reduce((sum, value) => sum + Math.exp((value - top) / options.temperature), 0);
        const u = uniform();
        const likeliest = { ids, logits: Float32Array.from(ids, (id) => values[id]!), mass };
        const [one, other] = [sampleLikeliest(likeliest, () => values, options, u), sample(values, options, () => u)];
        expect(one.id).toBe(other.id);
        expect(one.logProbability).toBeCloseTo(other.logProbability, 4);
      }
    }
  });

  test('nothing to choose from is said', () => {
    const none = new Float32Array(3).fill(Number.NEGATIVE_INFINITY);
    expect(() => sample(none, { temperature: 1, topK: 0, topP: 1 }, () => 0)).toThrow(/No token may be chosen/);
  });

  test('the generator is uniform and repeats with its seed', () => {
    const [one, two] = [seededUniform(42), seededUniform(42)];
    const values = Array.from({ length: 10000 }, one);
    expect(Array.from({ length: 10000 }, two)).toEqual(values);
    expect(values.reduce((a, b) => a + b, 0) / 10000).toBeCloseTo(0.5, 1);
    expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
  });
});

test('stop texts: the same however the text is cut into pieces', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 30 }),
      fc.array(fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 4 }), { maxLength: 3 }),
      fc.integer({ min: 1, max: 4 }),
      (text, stops, size) => {
        const filter = stopFilter(stops);
        let seen = '';
        let stopped = false;
        for (let i = 0; i < text.length && !stopped; i += size) {
          const passed = filter.push(text.slice(i, i + size));
          seen += passed.text;
          stopped = passed.stopped;
        }
        if (!stopped) seen += filter.end();
        // A longer stop text may begin earlier than one that is complete first, so pieces of one character decide by hand.
        const ends = stops.map((stop) => text.indexOf(stop)).filter((place) => place >= 0);
        expect(stopped).toBe(ends.length > 0);
        if (!stopped) expect(seen).toBe(text);
        else expect(stops.some((stop) => text.startsWith(seen + stop))).toBe(true);
      },
    ),
  );
});
