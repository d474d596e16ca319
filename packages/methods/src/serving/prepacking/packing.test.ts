import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planByProgram } from './ilp.ts';
import { layOut, places } from './layout.ts';
import { exactLimit, planPacking, planPadded, prefillFlops, segmentsOf } from './packing.ts';
import { attentionFor } from './prefill.ts';

const lengthsOf = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 12 });

/** The least number of bins by trying every assignment: an oracle that shares nothing with the search. */
function leastRows(lengths: readonly number[], capacity: number): number {
  let best = lengths.length;
  const loads: number[] = [];
  const go = (i: number): void => {
    if (loads.length >= best) return;
    if (i === lengths.length) {
      best = loads.length;
      return;
    }
    for (let b = 0; b < loads.length; b++)
      if (loads[b]! + lengths[i]! <= capacity) {
        loads[b]! += lengths[i]!;
        go(i + 1);
        loads[b]! -= lengths[i]!;
      }
    loads.push(lengths[i]!);
    go(i + 1);
    loads.pop();
  };
  go(0);
  return best;
}

describe('planPacking', () => {
  it('packs the worked example: 5, 3, 2, 4, 1 into {5}, {4, 1}, {3, 2}', () => {
    const lengths = [5, 3, 2, 4, 1];
    for (const packing of ['bfd', 'ffd', 'exact'] as const) {
      const plan = planPacking(lengths, { packing, capacity: 5 });
      const rows = plan.rows.map((row) => row.prompts.map((p) => lengths[p]).sort()).sort();
      expect(rows).toEqual([[1, 4], [2, 3], [5]]);
      expect(plan.rows.length * plan.width).toBe(15);
      expect(plan.fill).toBe(1);
    }
    const padded = planPadded(lengths);
    expect(padded.rows.length * padded.width).toBe(25);
  });

  it('places every prompt once and never exceeds the capacity; greedy stays within 11/9 of the least + 6/9', () => {
    fc.assert(
      fc.property(lengthsOf, (lengths) => {
        const capacity = Math.max(...lengths);
        const sum = lengths.reduce((a, b) => a + b, 0);
        const least = leastRows(lengths, capacity);
        for (const packing of ['bfd', 'ffd', 'exact'] as const) {
          const { rows } = planPacking(lengths, { packing });
          expect(rows.flatMap((row) => row.prompts).sort((a, b) => a - b)).toEqual(lengths.map((_, i) => i));
          for (const row of rows) {
            expect(row.length).toBe(row.prompts.reduce((total, p) => total + lengths[p]!, 0));
            expect(row.length).toBeLessThanOrEqual(capacity);
          }
          expect(rows.length).toBeGreaterThanOrEqual(Math.ceil(sum / capacity));
          if (packing === 'exact') expect(rows.length).toBe(least);
          if (packing === 'ffd') expect(rows.length).toBeLessThanOrEqual((11 / 9) * least + 6 / 9);
        }
      }),
      { seed: 1, numRuns: 60 },
    );
  });

  it('equals padding when all lengths are alike, and with one prompt', () => {
    expect(planPacking([7, 7, 7]).rows).toEqual(planPadded([7, 7, 7]).rows);
    expect(planPacking([9]).rows).toEqual(planPadded([9]).rows);
  });

  it('leaves a prompt of no tokens out', () => {
    expect(planPacking([0, 3]).rows).toEqual([{ prompts: [1], starts: [0], length: 3 }]);
    expect(planPacking([0, 0])).toMatchObject({ rows: [], width: 0, tokens: 0, fill: 1 });
  });

  it('says what is wrong', () => {
    expect(() => planPacking([3, 9], { capacity: 5 })).toThrow(/Prompt 1 has 9 tokens and a row holds 5/);
    expect(() => planPacking([2.5])).toThrow(/whole number/);
    expect(() => planPacking(Array(exactLimit + 1).fill(1), { packing: 'exact' })).toThrow(/at most 24/);
  });

  it('costs what the model says: P = 10, c = 4 * 1 * 2 * 5', () => {
    const shape = { parameters: 10, layers: 1, heads: 2, headDim: 5 };
    // Two rows of three tokens, padded: a row is one segment.
    for (const attention of ['dense', 'segments'] as const)
      expect(prefillFlops(planPadded([3, 2]), shape, attention)).toBe(2 * (60 + 360));
    // One row of three tokens, two prompts: 2 * 2 + 1 * 1 pairs within prompts.
    expect(prefillFlops(planPacking([2, 1], { capacity: 3 }), shape, 'dense')).toBe(60 + 360);
    expect(prefillFlops(planPacking([2, 1], { capacity: 3 }), shape, 'segments')).toBe(60 + 200);
  });
});

describe('planByProgram', () => {
  it('finds the least number of rows, every prompt once and no row too long', async () => {
    await fc.assert(
      fc.asyncProperty(lengthsOf, async (lengths) => {
        const plan = await planByProgram(lengths);
        expect(plan.note).toBeUndefined();
        expect(plan.packing).toBe('ilp');
        expect(plan.rows.flatMap((row) => row.prompts).sort((a, b) => a - b)).toEqual(lengths.map((_, i) => i));
        for (const row of plan.rows) {
          expect(row.length).toBe(row.prompts.reduce((total, p) => total + lengths[p]!, 0));
          expect(row.length).toBeLessThanOrEqual(plan.capacity);
        }
        expect(plan.rows.length).toBe(leastRows(lengths, Math.max(...lengths)));
      }),
      { seed: 2, numRuns: 25 },
    );
  });

  it('needs fewer rows than best-fit decreasing where that is not the best', async () => {
    // 60 = 30 + 18 + 12 = 20 + 22 + 18, twice; greedily 30 meets 22.
    const lengths = [30, 30, 22, 22, 20, 20, 18, 18, 18, 18, 12, 12];
    const greedy = planPacking(lengths, { capacity: 60 });
    const plan = await planByProgram(lengths, { capacity: 60 });
    expect(plan.rows).toHaveLength(4);
    expect(plan.fill).toBe(1);
    expect(greedy.rows.length).toBeGreaterThan(4);
  });

  it('says when it falls back on best-fit decreasing', async () => {
    const many = Array.from({ length: 400 }, (_, i) => 200 + ((i * 7919) % 601));
    const plan = await planByProgram(many);
    expect(plan.note).toMatch(
      /would have \d+ decisions for 400 prompts, more than 20000, so best-fit decreasing's \d+ rows/,
    );
    expect(plan.rows).toEqual(planPacking(many).rows);
    const hard = await planByProgram(many.slice(0, 130), { seconds: 0.001 });
    if (hard.packing === 'ilp') expect(hard.note).toMatch(/stopped after 0.001 s/);
    else
      expect(hard.note).toMatch(
        /within 0.001 s, so best-fit decreasing's \d+ rows are used; no packing has fewer than/,
      );
  });

  it('has nothing to solve for one prompt or none, and says what is wrong as the others do', async () => {
    expect((await planByProgram([7])).rows).toEqual(planPadded([7]).rows);
    expect((await planByProgram([])).rows).toEqual([]);
    await expect(planByProgram([3, 9], { capacity: 5 })).rejects.toThrow(/Prompt 1 has 9 tokens and a row holds 5/);
  });
});

describe('segmentsOf', () => {
  it('gives each prompt of a packed row, and a padded row whole', () => {
    expect(segmentsOf(planPacking([5, 3, 2]))).toEqual([
      { row: 0, start: 0, end: 5 },
      { row: 1, start: 0, end: 3 },
      { row: 1, start: 3, end: 5 },
    ]);
    expect(segmentsOf(planPadded([3, 1]))).toEqual([
      { row: 0, start: 0, end: 3 },
      { row: 1, start: 0, end: 3 },
    ]);
  });
});

describe('attentionFor', () => {
  it('is what was asked; else dense for small plans, by segments for long packed rows, dense past what a pass takes', () => {
    const small = planPacking([8, 8]);
    const long = planPacking([900, 300, 300, 300, 200, 200]);
    expect(attentionFor(small, 'segments')).toBe('segments');
    expect(attentionFor(long, 'dense')).toBe('dense');
    expect(attentionFor(small)).toBe('dense');
    expect(attentionFor(long)).toBe('segments');
    expect(attentionFor(planPacking(new Array(300).fill(8), { capacity: 2400 }))).toBe('dense');
  });
});

describe('layOut', () => {
  const prompts = [
    [11, 12, 13, 14, 15],
    [21, 22, 23],
    [31, 32],
  ];
  const plan = planPacking([5, 3, 2]);

  it('restarts positions and masks everything but the own prompt, causally', () => {
    const { ids, positions, mask } = layOut(plan, prompts, { causal: true, padId: 0 });
    expect(ids.flat()).toEqual([11, 12, 13, 14, 15, 21, 22, 23, 31, 32]);
    expect(positions.flat()).toEqual([0, 1, 2, 3, 4, 0, 1, 2, 0, 1]);
    const second = Array.from({ length: 5 }, (_, i) =>
      Array.from({ length: 5 }, (_, j) => (mask[(5 + i) * 5 + j] === 0 ? 1 : 0)).join(''),
    );
    expect(second).toEqual(['10000', '11000', '11100', '00010', '00011']);
  });

  it('lets an encoder see its whole prompt, and padding only itself', () => {
    const { mask } = layOut(planPadded([3, 1]), [[1, 2, 3], [4]], { causal: false, padId: 0 });
    const seen = Array.from(mask, (value) => (value === 0 ? 1 : 0));
    expect(seen.slice(0, 9)).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 1]);
    expect(seen.slice(9)).toEqual([1, 0, 0, 0, 1, 0, 0, 0, 1]);
  });

  it('says where each prompt lies', () => {
    expect(Object.fromEntries(places(plan))).toEqual({
      0: { row: 0, start: 0, end: 5 },
      1: { row: 1, start: 0, end: 3 },
      2: { row: 1, start: 3, end: 5 },
    });
  });
});
