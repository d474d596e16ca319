import { describe, expect, it } from 'vitest';
import { loadDescriptors } from './registry.ts';
import { ruleInWords } from './rule-words.ts';

const values = { speedup: 'x', memory: 'MB', baseline: 'MB' };
const words = (expression: string) => ruleInWords({ stage: 's', values, holds: expression }, expression);

describe('a rule in words', () => {
  it('says comparisons with the unit of the value beside the number', () => {
    expect(words('speedup.low >= 1.5 && memory < 300.0')).toBe(
      'the low end of speedup is at least 1.5 x and memory is below 300 MB',
    );
    expect(words('memory.value <= 0.5 * baseline.value')).toBe('memory is at most 0.5 times baseline');
  });

  it('keeps the grouping of the expression', () => {
    expect(words('(speedup > 2.0 || memory < 1.0) && baseline != 0.0')).toBe(
      '(speedup is above 2 x or memory is below 1 MB) and baseline differs from 0 MB',
    );
    expect(words('(memory + baseline) * 2.0 > 3.0')).toBe('(memory plus baseline) times 2 is above 3');
    expect(words('memory - (baseline - 1.0) > 3.0')).toBe('memory minus (baseline minus 1) is above 3');
    expect(words('!(speedup > 2.0)')).toBe('not (speedup is above 2 x)');
    expect(words('-speedup < 2.0')).toBe('minus speedup is below 2');
  });

  it('has words for every rule of the shelf', async () => {
    for (const { claims } of await loadDescriptors())
      for (const { id, rule } of claims)
        for (const expression of rule ? [rule.holds, ...(rule.partly ? [rule.partly] : [])] : [])
          expect(ruleInWords(rule!, expression), id).not.toMatch(/undefined|&&|[<>]=?/);
  });
});
