import type { Machine, Rule } from './machine.ts';

/** Code points, both ends counted, ascending and apart. */
export type Ranges = readonly (readonly [low: number, high: number])[];

export const everyCharacter: Ranges = [
  [0, 0xd7ff],
  [0xe000, 0x10ffff],
];

/** Sorted, joined, and without surrogates, which UTF-8 cannot say. */
export function normalised(ranges: Ranges): Ranges {
  const joined: [number, number][] = [];
  for (const [low, high] of [...ranges].sort((one, other) => one[0] - other[0])) {
    const last = joined.at(-1);
    if (last && low <= last[1] + 1) last[1] = Math.max(last[1], high);
    else joined.push([low, high]);
  }
  return intersection(joined, everyCharacter);
}

export function intersection(one: Ranges, other: Ranges): Ranges {
  return one.flatMap(([low, high]) =>
    other
      .map(([from, to]): [number, number] => [Math.max(low, from), Math.min(high, to)])
      .filter(([from, to]) => from <= to),
  );
}

/** All characters that are not in these. */
export function complement(ranges: Ranges): Ranges {
  const rest: [number, number][] = [];
  let from = 0;
  for (const [low, high] of normalised(ranges)) {
    if (low > from) rest.push([from, low - 1]);
    from = high + 1;
  }
  if (from <= 0x10ffff) rest.push([from, 0x10ffff]);
  return intersection(rest, everyCharacter);
}

/** How the characters of a text are written as bytes: a rule for each set of them, made once. */
export interface Writing {
  character(ranges: Ranges): Rule;
}

/** UTF-8 as it is. */
export function plainWriting(machine: Machine): Writing {
  return {
    character: remembered((ranges) => withRule(machine, (rule) => utf8(machine, rule.start, ranges, rule.end))),
  };
}

const shortEscapes: readonly [number, string][] = [
  [0x22, '\\"'],
  [0x5c, '\\\\'],
  [0x08, '\\b'],
  [0x0c, '\\f'],
  [0x0a, '\\n'],
  [0x0d, '\\r'],
  [0x09, '\\t'],
];
/** What a JSON string (RFC 8259, section 7) holds as it is. */
const unescaped = complement([
  [0, 0x1f],
  [0x22, 0x22],
  [0x5c, 0x5c],
]);

/** Inside of a JSON string: escapes where they are needed; where every character may stand, those that may be used as well. */
export function jsonWriting(machine: Machine): Writing {
  const character = (ranges: Ranges): Rule =>
    withRule(machine, ({ start, end }) => {
      utf8(machine, start, intersection(ranges, unescaped), end);
      for (const [code, written] of shortEscapes) {
        if (has(ranges, code)) machine.text(start, written, end);
      }
      for (let code = 0; code < 0x20; code++) {
        const short = shortEscapes.some(([known]) => known === code);
        if (has(ranges, code) && !short) machine.text(start, `\\u${code.toString(16).padStart(4, '0')}`, end);
      }
      if (ranges === everyCharacter) anyEscape(machine, start, end);
    });
  return { character: remembered(character) };
}

/** `\/`, and any character as `\u` with four hexadecimal digits, twice where it takes a pair of surrogates. */
function anyEscape(machine: Machine, start: number, end: number): void {
  machine.text(start, '\\/', end);
  const begin = (from: number) => {
    const state = machine.state();
    machine.text(from, '\\u', state);
    return state;
  };
  const digits = (from: number, sets: readonly string[], to: number) => {
    let state = from;
    for (const [i, set] of sets.entries()) {
      const next = i === sets.length - 1 ? to : machine.state();
      for (const digit of set) machine.text(state, digit, next);
      state = next;
    }
  };
  const any = '0123456789abcdefABCDEF';
  const first = begin(start);
  digits(first, ['0123456789abcefABCEF', any, any, any], end);
  digits(first, ['dD', '01234567', any, any], end);
  const between = machine.state();
  digits(first, ['dD', '89abAB', any, any], between);
  digits(begin(between), ['dD', 'cdefCDEF', any, any], end);
}

const has = (ranges: Ranges, code: number) => ranges.some(([low, high]) => low <= code && code <= high);

function withRule(machine: Machine, fill: (rule: Rule) => void): Rule {
  const rule = machine.rule();
  fill(rule);
  return rule;
}

function remembered(make: (ranges: Ranges) => Rule): (ranges: Ranges) => Rule {
  const known = new Map<string, Rule>();
  return (ranges) => {
    const key = ranges === everyCharacter ? 'every' : ranges.join(' ');
    let rule = known.get(key);
    if (!rule) {
      rule = make(ranges);
      known.set(key, rule);
    }
    return rule;
  };
}

/** The UTF-8 bytes (RFC 3629) of any of these code points. */
function utf8(machine: Machine, from: number, ranges: Ranges, to: number): void {
  for (const [low, high] of ranges) {
    for (const [first, last] of [
      [0, 0x7f],
      [0x80, 0x7ff],
      [0x800, 0xffff],
      [0x10000, 0x10ffff],
    ] as const) {
      const [start, end] = [Math.max(low, first), Math.min(high, last)];
      if (start <= end) sequences(machine, from, encoded(start), encoded(end), to);
    }
  }
}

const encoded = (code: number) => [...new TextEncoder().encode(String.fromCodePoint(code))];

/** Byte sequences from `low` to `high`, equally long, in the order of UTF-8. */
function sequences(machine: Machine, from: number, low: readonly number[], high: readonly number[], to: number): void {
  const [first, last] = [low[0]!, high[0]!];
  if (low.length === 1) {
    machine.bytes(from, first, last, to);
    return;
  }
  const step = (start: number, end: number, restLow: readonly number[], restHigh: readonly number[]) => {
    const next = machine.state();
    machine.bytes(from, start, end, next);
    sequences(machine, next, restLow, restHigh, to);
  };
  const [lowest, highest] = [low.slice(1).map(() => 0x80), low.slice(1).map(() => 0xbf)];
  const [lowRest, highRest] = [low.slice(1), high.slice(1)];
  if (first === last) {
    step(first, last, lowRest, highRest);
    return;
  }
  const wholeLow = lowRest.every((byte) => byte === 0x80);
  const wholeHigh = highRest.every((byte) => byte === 0xbf);
  const [middleFrom, middleTo] = [wholeLow ? first : first + 1, wholeHigh ? last : last - 1];
  if (!wholeLow) step(first, first, lowRest, highest);
  if (middleFrom <= middleTo) step(middleFrom, middleTo, lowest, highest);
  if (!wholeHigh) step(last, last, lowest, highRest);
}
