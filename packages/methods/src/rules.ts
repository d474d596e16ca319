/**
 * Rules: how measured values become a verdict. A rule is data (two expressions in a small subset of the Common Expression
 * Language), so that a page can show it and another instance can check it. Checked when a descriptor is loaded.
 */
import { type ASTNode, Environment } from '@marcbachmann/cel-js';
import type { Rule, Value, Verdict } from './contract.ts';

/** Longest expression, in characters. */
export const expressionLimit = 200;

const arithmetic = new Set(['+', '-', '*', '/', '-_']);
const allowed = new Set([...arithmetic, '<', '<=', '>', '>=', '==', '!=', '&&', '||', '!_', '?:']);
const ends = new Set(['value', 'low', 'high']);

/** What an expression reads of one name: its value alone (a double), or ends of its interval. */
type Reading = { whole: boolean; ends: Set<string> };

/** The children of a node that are nodes themselves. */
function children(node: ASTNode): ASTNode[] {
  const list = Array.isArray(node.args) ? node.args : [node.args];
  return list.filter((child): child is ASTNode => typeof child === 'object' && child !== null && 'op' in child);
}

/** Notes in `readings` what `node` reads; throws a sentence for anything outside the subset. */
function inspect(node: ASTNode, readings: Map<string, Reading>): void {
  const reading = (name: string): Reading => {
    const known = readings.get(name) ?? { whole: false, ends: new Set<string>() };
    readings.set(name, known);
    return known;
  };
  if (node.op === 'value') {
    if (typeof node.args === 'bigint') throw new Error(`write ${node.args}.0 instead of ${node.args}`);
    if (typeof node.args !== 'number') throw new Error(`only numbers may be written out, not ${typeof node.args}s`);
    return;
  }
  if (node.op === 'id') {
    reading(node.args).whole = true;
    return;
  }
  if (node.op === '.') {
    const [target, end] = node.args;
    if (target.op !== 'id' || !ends.has(end)) throw new Error('only .value, .low and .high of a name may be read');
    reading(target.args).ends.add(end);
    return;
  }
  if (node.op === 'call' || node.op === 'rcall') throw new Error(`calls are not allowed (${String(node.args[0])})`);
  if (!allowed.has(node.op)) throw new Error(`'${node.op}' is not allowed`);
  for (const child of children(node)) inspect(child, readings);
}

/** What all expressions of a rule read, by name. Throws a sentence for an expression that is not a rule's. */
function readingsOf(rule: Rule): Map<string, Reading> {
  const readings = new Map<string, Reading>();
  for (const [part, expression] of expressionsOf(rule)) {
    if (expression.length > expressionLimit)
      throw new Error(`'${part}' has ${expression.length} characters; at most ${expressionLimit} are allowed`);
    try {
      inspect(new Environment().parse(expression).ast, readings);
    } catch (error) {
      throw new Error(`'${part}': ${firstLine(error)}`);
    }
  }
  return readings;
}

const expressionsOf = (rule: Rule): [string, string][] =>
  rule.partly === undefined
    ? [['holds', rule.holds]]
    : [
        ['holds', rule.holds],
        ['partly', rule.partly],
      ];

const firstLine = (error: unknown): string => String(error instanceof Error ? error.message : error).split('\n')[0]!;

function environmentOf(readings: Map<string, Reading>): Environment {
  const environment = new Environment({ unlistedVariablesAreDyn: false });
  for (const [name, { whole }] of readings)
    if (whole) environment.registerVariable(name, 'double');
    else environment.registerVariable(name, { schema: { value: 'double', low: 'double', high: 'double' } });
  return environment;
}

/**
 * Throws a sentence when `rule` is not one: an expression too long, a call, a macro, a string, an index, an integer, a name that
 * `values` does not list, a listed name that no expression reads, or a result that is not true or false.
 */
export function checkRule(rule: Rule): void {
  if (!rule.stage) throw new Error('The rule names no stage.');
  const readings = readingsOf(rule);
  for (const [name, { whole, ends: read }] of readings) {
    if (!(name in rule.values)) throw new Error(`The rule reads '${name}', which its values do not list.`);
    if (whole && read.size > 0)
      throw new Error(`The rule reads '${name}' both whole and by its ends; write ${name}.value for the whole.`);
  }
  for (const name of Object.keys(rule.values))
    if (!readings.has(name)) throw new Error(`The rule lists the value '${name}', which no expression reads.`);
  const environment = environmentOf(readings);
  for (const [part, expression] of expressionsOf(rule)) {
    const result = environment.check(expression);
    if (!result.valid) throw new Error(`'${part}': ${firstLine(result.error)}`);
    if (result.type !== 'bool') throw new Error(`'${part}' gives a ${result.type}; a rule gives true or false.`);
  }
}

/** The text of every arithmetic part of an expression, so that a division by zero can be told from a number. */
function arithmeticParts(node: ASTNode): string[] {
  const own = arithmetic.has(node.op) ? [node.input.slice(node.range.start, node.range.end)] : [];
  return [...own, ...children(node).flatMap(arithmeticParts)];
}

/**
 * The verdict of `rule` over measured `values` of `stage`. 'not tested' without a rule, in another stage, and when a value that the
 * rule reads is missing, in another unit, or not finite, or when its arithmetic leaves the finite numbers (a division by zero).
 */
export function verdict(rule: Rule | undefined, values: Record<string, Value> | undefined, stage?: string): Verdict {
  if (!rule || !values || (stage !== undefined && stage !== rule.stage)) return 'not tested';
  checkRule(rule);
  const readings = readingsOf(rule);
  const context: Record<string, number | Record<string, number>> = {};
  for (const [name, { whole, ends: read }] of readings) {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (!value || value.unit !== rule.values[name] || !Number.isFinite(value.value)) return 'not tested';
    const interval = { value: value.value, low: value.low ?? Number.NaN, high: value.high ?? Number.NaN };
    for (const end of read) if (!Number.isFinite(interval[end as keyof typeof interval])) return 'not tested';
    context[name] = whole ? value.value : interval;
  }
  const environment = environmentOf(readings);
  for (const [, expression] of expressionsOf(rule))
    for (const part of arithmeticParts(environment.parse(expression).ast))
      if (!Number.isFinite(environment.evaluate(part, context))) return 'not tested';
  if (environment.evaluate(rule.holds, context) === true) return 'holds';
  if (rule.partly !== undefined && environment.evaluate(rule.partly, context) === true) return 'partly';
  return 'does not hold here';
}
