import { expect, it } from 'vitest';
import { duration, number } from './format.ts';
import { comparable, inRuleOrder } from './values.ts';

const value = (v: number) => ({ value: v, unit: 'r' });

it('puts the value that the rule is about first, whatever order the database gave', () => {
  const rule = { stage: 'direction', values: { correlation: 'r', random95: 'r', cosine: 'r' }, holds: 'true' };
  const stored = { cosine: value(0.255), random95: value(0.285), correlation: value(0.431) };
  expect(inRuleOrder(rule, stored).map(([name]) => name)).toEqual(['correlation', 'random95', 'cosine']);
  expect(inRuleOrder(rule, { extra: value(1), correlation: value(2) })[0]![0]).toBe('correlation');
  expect(inRuleOrder(undefined, undefined)).toEqual([]);
});

it('sets a number beside ours only where it is the paper’s and in the same unit', () => {
  expect(comparable({ value: '4,578', unit: 'r', source: 'repository' }, value(1))).toBe(4578);
  expect(comparable({ value: 'up to 6', unit: 'r', source: 'paper' }, value(1))).toBeUndefined();
  expect(comparable({ value: '6', unit: 'x', source: 'paper' }, value(1))).toBeUndefined();
  for (const source of ['recalled', 'here'] as const)
    expect(comparable({ value: '6', unit: 'r', source }, value(1)), source).toBeUndefined();
});

it('never says sixty seconds or minutes, and writes very small numbers with characters that every font has', () => {
  expect(duration(119.7)).toBe('2 min 0 s');
  expect(duration(59.8)).toBe('1 min 0 s');
  expect(duration(3599.8)).toBe('1 h 0 min');
  expect(duration(9.96)).toBe('10 s');
  expect(number(3.4e-5)).toBe('3.4e-5');
  expect(number(2e7)).toBe('2.0e7');
});
