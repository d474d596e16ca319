import { type Fields, fieldsOf, isFields, textOf } from '../fields.ts';
import { SplitPreTokenizer } from '../library.ts';
import { isKnownPattern } from './known-patterns.ts';

/** Spans `[start, end)` of a text, in order and apart. */
export type Spans = readonly (readonly [number, number])[];

/** Longest regular expression that is read; those of real models have up to 600 characters. */
const longest = 4_000;

/** What finds the matches of a pattern of a tokenizer.json: `{ String }`, or `{ Regex }` in Oniguruma's syntax. */
export function patternOf(value: unknown): (text: string) => Spans {
  const pattern = fieldsOf(value, 'a pattern');
  if (typeof pattern.String === 'string') {
    const { String: literal } = pattern;
    return (text) => (literal === '' ? [] : literalSpans(text, literal));
  }
  const source = textOf(pattern, 'Regex');
  if (source.length > longest)
    throw new Error(`a regular expression has ${source.length} characters; at most ${longest} are read`);
  const expression = expressionOf(source);
  return (text) => spansOf(text, expression);
}

/** Whether steps of a tokenizer.json hold a regular expression other than those of known models: it may backtrack without end. */
export function hasUnknownPattern(steps: readonly Fields[]): boolean {
  return steps.some(
    ({ pattern }) => isFields(pattern) && typeof pattern.Regex === 'string' && !isKnownPattern(pattern.Regex),
  );
}

/** A regular expression in Oniguruma's syntax as one of JavaScript. */
export function expressionOf(source: string): RegExp {
  const config = { type: 'Split', pattern: { Regex: source }, behavior: 'Isolated', invert: false };
  return new SplitPreTokenizer(config).pattern;
}

export function spansOf(text: string, expression: RegExp): Spans {
  const spans: [number, number][] = [];
  expression.lastIndex = 0;
  for (let match = expression.exec(text); match; match = expression.exec(text)) {
    const end = match.index + match[0].length;
    spans.push([match.index, end]);
    if (match[0] === '') expression.lastIndex += (text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1;
  }
  return spans;
}

function literalSpans(text: string, literal: string): Spans {
  const spans: [number, number][] = [];
  for (let at = text.indexOf(literal); at >= 0; at = text.indexOf(literal, at + literal.length)) {
    spans.push([at, at + literal.length]);
  }
  return spans;
}
