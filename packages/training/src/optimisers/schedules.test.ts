import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  constant,
  cosine,
  inverseSquareRoot,
  join,
  linear,
  type Marks,
  rewind,
  type Schedule,
  stepwise,
  warmUp,
} from './schedules.ts';

const { schedules: reference }: { schedules: Record<string, number[]> } = JSON.parse(
  readFileSync(new URL('../../fixtures/optimisers.json', import.meta.url), 'utf8'),
);

const cases: Record<string, Schedule> = {
  LinearLR: linear({ from: 0.05, to: 0.5, steps: 20 }),
  PolynomialLR: linear({ from: 0.5, steps: 40 }),
  CosineAnnealingLR: cosine({ from: 0.5, to: 0.05, steps: 60 }),
  CosineAnnealingWarmRestarts: rewind(cosine({ from: 0.5, to: 0.01, steps: 16 }), { every: 16 }),
  StepLR: stepwise({ from: 0.5, factor: 0.5, every: 7 }),
  MultiStepLR: stepwise({ from: 0.5, factor: 0.1, at: [5, 20, 41] }),
  ExponentialLR: stepwise({ from: 0.5, factor: 0.9, every: 1 }),
  SequentialLR: join(
    [constant(0.1), linear({ from: 0.1, to: 0.5, steps: 10 }), stepwise({ from: 0.5, factor: 0.8, every: 1 })],
    [6, 16],
  ),
  'linear with warm-up': warmUp(10, linear({ from: 0.5, steps: 40 })),
  'cosine with warm-up': warmUp(10, cosine({ from: 0.5, steps: 50 })),
  'inverse square root': warmUp(12, inverseSquareRoot({ from: 0.5, timescale: 12 })),
};

describe('schedules as PyTorch and transformers have them', () => {
  test('every reference has its case', () => {
    expect(Object.keys(cases).sort()).toEqual(Object.keys(reference).sort());
  });

  test.each(Object.keys(cases))('%s', (name) => {
    for (const [step, rate] of reference[name]!.entries()) expect(cases[name]!(step)).toBeCloseTo(rate, 10);
  });
});

describe('ends and middles', () => {
  test('a warm-up begins at 0, meets its schedule at the end, and the floor is never passed', () => {
    const rate = warmUp(40, cosine({ from: 3e-3, to: 1e-5, steps: 260 }));
    expect(rate(0)).toBe(0);
    expect(rate(20)).toBeCloseTo(1.5e-3, 12);
    expect(rate(40)).toBe(3e-3);
    expect(rate(40 + 130)).toBeCloseTo((3e-3 + 1e-5) / 2, 12);
    expect(rate(300)).toBe(1e-5);
    expect(rate(10_000)).toBe(1e-5);
    for (let step = 40; step < 400; step++) expect(rate(step)).toBeGreaterThanOrEqual(1e-5);
  });

  test('without steps a warm-up is the schedule itself', () => {
    expect(warmUp(0, 0.1)(0)).toBe(0.1);
  });

  test('linear decay ends at 0 and stays there', () => {
    expect([0, 5, 10, 11].map(linear({ from: 2, steps: 10 }))).toEqual([2, 1, 0, 0]);
  });

  test('the rate is rewound after each pruning step (arXiv 2203.07259)', () => {
    const rate = rewind(linear({ from: 8, to: 0, steps: 4 }), { at: [2, 5] });
    expect([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map(rate)).toEqual([8, 6, 8, 6, 4, 8, 6, 4, 2, 0, 0]);
  });
});

describe('properties', () => {
  const steps = fc.integer({ min: 1, max: 1000 });
  const step = fc.integer({ min: 0, max: 5000 });

  test('ramps stay between their ends', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 10, noNaN: true }),
        fc.double({ min: 0, max: 10, noNaN: true }),
        steps,
        step,
        (from, to, length, at) => {
          for (const ramp of [linear, cosine]) {
            const value = ramp({ from, to, steps: length })(at);
            expect(value).toBeGreaterThanOrEqual(Math.min(from, to) - 1e-12);
            expect(value).toBeLessThanOrEqual(Math.max(from, to) + 1e-12);
          }
        },
      ),
    );
  });

  test('marks at every n steps are those listed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 0, max: 300 }), (every, at) => {
        const listed: Marks = { at: Array.from({ length: 300 }, (_, index) => (index + 1) * every) };
        const saw: Schedule = (since) => since;
        expect(rewind(saw, { every })(at)).toBe(at % every);
        expect(rewind(saw, listed)(at)).toBe(at % every);
        expect(stepwise({ from: 1, factor: 0.5, every })(at)).toBe(stepwise({ from: 1, factor: 0.5, ...listed })(at));
      }),
    );
  });
});

describe('what cannot be meant', () => {
  test.each<[string, () => unknown, string]>([
    [
      'no steps',
      () => cosine({ from: 1, steps: 0 }),
      'steps of cosine must be a whole number of steps, at least 1; got 0.',
    ],
    [
      'half a step',
      () => linear({ from: 1, steps: 2.5 }),
      'steps of linear must be a whole number of steps, at least 1; got 2.5.',
    ],
    ['no number', () => constant(Number.NaN), 'The value of a constant schedule must be a finite number; got NaN.'],
    ['a negative warm-up', () => warmUp(-1, 1), 'The warm-up must be a whole number of steps, at least 0; got -1.'],
    [
      'falling marks',
      () => stepwise({ from: 1, factor: 0.1, at: [5, 3] }),
      'The marks of stepwise must rise; 3 follows 5.',
    ],
    [
      'a missing boundary',
      () => join([constant(1), constant(2)], []),
      '2 schedules are joined at 1 boundaries; got 0.',
    ],
    [
      'a negative factor',
      () => stepwise({ from: 1, factor: -1, every: 1 }),
      'factor of stepwise must be a finite number of at least 0; got -1.',
    ],
    [
      'no timescale',
      () => inverseSquareRoot({ from: 1, timescale: 0 }),
      'timescale of inverseSquareRoot must be a whole number of steps, at least 1; got 0.',
    ],
  ])('%s', (_, make, sentence) => {
    expect(make).toThrow(sentence);
  });
});
