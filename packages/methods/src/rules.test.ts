import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Rule, Value } from './contract.ts';
import { checkRule, verdict } from './rules.ts';

const rule = (holds: string, values: Record<string, string> = { a: 'x', b: 'x' }, partly?: string): Rule => ({
  stage: 'time',
  values,
  holds,
  ...(partly === undefined ? {} : { partly }),
});
const x = (value: number, low?: number, high?: number): Value => ({
  value,
  unit: 'x',
  ...(low === undefined ? {} : { low }),
  ...(high === undefined ? {} : { high }),
});

describe('checkRule', () => {
  it.each([
    ['a >= 1.5 * b', undefined],
    ['a > 0.0 && !(b < 1.0) || a == b', undefined],
    ['(a > b ? a - b : b - a) <= 0.5', undefined],
    ['a.low >= 1.5 * b.high && -a.value < b.value', undefined],
  ])('accepts %s', (holds) => {
    expect(() => checkRule(rule(holds))).not.toThrow();
  });

  it.each([
    ['size(a) > 1.0', /calls are not allowed/],
    ['a.matches("(a+)+b") && b > 1.0', /calls are not allowed/],
    ['[a, b].all(v, v > 1.0)', /calls are not allowed/],
    ['has(a.low) && b > 1.0', /calls are not allowed/],
    ['a > 1.0 && "b" == "b"', /only numbers/],
    ['a > 2', /write 2\.0 instead of 2/],
    ['[a, b][0] > 1.0', /'\[\]' is not allowed/],
    ['{"k": a}.k > 1.0', /only \.value, \.low and \.high/],
    ['a in [b]', /'in' is not allowed/],
    ['a % b > 1.0', /'%' is not allowed/],
    ['a.mean > b', /only \.value, \.low and \.high/],
    ['a.low.low > b', /only \.value, \.low and \.high/],
    ['a > c', /reads 'c', which its values do not list/],
    ['a > 1.0', /lists the value 'b', which no expression reads/],
    ['a.low > b && a > b', /both whole and by its ends/],
    ['a + b', /gives a double/],
    ['a > b &&', /'holds'/],
    ['true && a > b', /only numbers/],
    [`a > b${' '.repeat(200)}`, /at most 200/],
  ])('refuses %s', (holds, message) => {
    expect(() => checkRule(rule(holds))).toThrow(message);
  });

  it('refuses a stage without a name and a broken second expression', () => {
    expect(() => checkRule({ ...rule('a > b'), stage: '' })).toThrow(/no stage/);
    expect(() => checkRule(rule('a > b', undefined, 'size(a) > b'))).toThrow(/'partly'/);
  });
});

describe('verdict', () => {
  const twice = rule('a.low >= 2.0', { a: 'x' }, 'a.low > 1.0');

  it('reads the ends of an interval', () => {
    expect(verdict(twice, { a: x(3, 2, 4) }, 'time')).toBe('holds');
    expect(verdict(twice, { a: x(3, 1.9, 4) }, 'time')).toBe('partly');
    expect(verdict(twice, { a: x(3, 1, 4) }, 'time')).toBe('does not hold here');
  });

  it('is not tested without a rule, values, the right stage or the right unit', () => {
    expect(verdict(undefined, { a: x(1) })).toBe('not tested');
    expect(verdict(twice, undefined)).toBe('not tested');
    expect(verdict(twice, { a: x(3, 2, 4) }, 'memory')).toBe('not tested');
    expect(verdict(twice, { a: { ...x(3, 2, 4), unit: '%' } })).toBe('not tested');
    expect(verdict(twice, {})).toBe('not tested');
    expect(verdict(twice, { a: x(3) })).toBe('not tested');
    expect(verdict(rule('toString > 1.0', { toString: 'x' }), {})).toBe('not tested');
  });

  it('lets no value that is not finite reach a rule, where !(a < b) would be true', () => {
    const not = rule('!(a < b)');
    fc.assert(
      fc.property(fc.constantFrom(Number.NaN, Infinity, -Infinity), fc.double({ noNaN: true }), (bad, good) => {
        expect(verdict(not, { a: x(bad), b: x(good) })).toBe('not tested');
        expect(verdict(not, { a: x(good), b: x(bad) })).toBe('not tested');
      }),
    );
  });

  it('is not tested when the arithmetic leaves the finite numbers', () => {
    const ratio = rule('!(a / b < 1.0)');
    expect(verdict(ratio, { a: x(0), b: x(0) })).toBe('not tested');
    expect(verdict(ratio, { a: x(1), b: x(0) })).toBe('not tested');
    expect(verdict(rule('a * b > 1.0'), { a: x(1e200), b: x(1e200) })).toBe('not tested');
    expect(verdict(ratio, { a: x(2), b: x(1) })).toBe('holds');
  });

  it('compares as numbers do', () => {
    const finite = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e100, max: 1e100 });
    fc.assert(
      fc.property(finite, finite, (a, b) => {
        const expected = a >= 1.5 * b ? 'holds' : a > b ? 'partly' : 'does not hold here';
        expect(verdict(rule('a >= 1.5 * b', undefined, 'a > b'), { a: x(a), b: x(b) })).toBe(expected);
      }),
    );
  });
});
