import type { Machine } from './machine.ts';

/** Digits that a number may have before and after its point: what a double holds exactly. */
export const mostDigits = 15;
const largest = 10 ** mostDigits - 1;

export interface Bounds {
  minimum?: number | undefined;
  maximum?: number | undefined;
  exclusiveMinimum?: number | undefined;
  exclusiveMaximum?: number | undefined;
}

/** Whole numbers within bounds, of at most 15 digits, as JSON writes them. */
export function writeInteger(machine: Machine, from: number, bounds: Bounds, to: number): void {
  const low = Math.max(
    -largest,
    Math.ceil(bounds.minimum ?? -largest),
    Math.floor(bounds.exclusiveMinimum ?? -Infinity) + 1,
  );
  const high = Math.min(
    largest,
    Math.floor(bounds.maximum ?? largest),
    Math.ceil(bounds.exclusiveMaximum ?? Infinity) - 1,
  );
  if (low > high) throw new Error(`No whole number lies between the bounds ${JSON.stringify(bounds)}.`);
  if (high >= 0) magnitudes(machine, from, Math.max(low, 0), high, to);
  if (low < 0) magnitudes(machine, minus(machine, from), Math.max(1, -high), -low, to);
}

/**
 * Numbers within bounds as JSON writes them: at most 15 digits before and after the point, an exponent of at most two digits
 * where there are no bounds. Bounds must be whole.
 */
export function writeNumber(machine: Machine, from: number, bounds: Bounds, to: number): void {
  const given = Object.entries(bounds).filter((entry): entry is [string, number] => entry[1] !== undefined);
  const odd = given.find(([, value]) => !Number.isInteger(value) || Math.abs(value) >= largest);
  if (odd) throw new Error(`${odd[0]} of a number must be whole and below ${largest} to be held to; got ${odd[1]}.`);
  if (given.length === 0) {
    const whole = machine.state();
    magnitudes(machine, from, 0, largest, whole);
    magnitudes(machine, minus(machine, from), 0, largest, whole);
    const fraction = machine.state();
    machine.empty(whole, fraction);
    point(machine, whole, mostDigits, fraction, 'any');
    exponent(machine, fraction, to);
    return;
  }
  const low = Math.max(-largest, bounds.minimum ?? -Infinity, bounds.exclusiveMinimum ?? -Infinity);
  const high = Math.min(largest, bounds.maximum ?? Infinity, bounds.exclusiveMaximum ?? Infinity);
  const [openLow, openHigh] = [bounds.exclusiveMinimum === low, bounds.exclusiveMaximum === high];
  if (low > high || (low === high && (openLow || openHigh)))
    throw new Error(`No number lies between the bounds ${JSON.stringify(bounds)}.`);
  // So many digits in all that no sum is rounded up to a bound.
  const digits = mostDigits - String(Math.max(Math.abs(low), Math.abs(high))).length;
  if (high >= 0) between(machine, from, [Math.max(low, 0), low >= 0 && openLow], [high, openHigh], digits, to);
  if (low < 0) {
    between(machine, minus(machine, from), [Math.max(-high, 0), high <= 0 && openHigh], [-low, openLow], digits, to);
  }
}

/** Magnitudes from one bound to another, each counted or not. */
function between(
  machine: Machine,
  from: number,
  [low, openLow]: [number, boolean],
  [high, openHigh]: [number, boolean],
  digits: number,
  to: number,
): void {
  if (low === high) {
    if (!openLow && !openHigh) magnitudes(machine, from, low, low, to);
    return;
  }
  const inner = openLow ? low + 1 : low;
  if (inner <= high - 1) {
    const whole = machine.state();
    magnitudes(machine, from, inner, high - 1, whole);
    machine.empty(whole, to);
    point(machine, whole, digits, to, 'any');
  }
  if (openLow) {
    const whole = machine.state();
    magnitudes(machine, from, low, low, whole);
    point(machine, whole, digits, to, 'above 0');
  }
  if (!openHigh) magnitudes(machine, from, high, high, to);
}

function minus(machine: Machine, from: number): number {
  const after = machine.state();
  machine.text(from, '-', after);
  return after;
}

/** A point and digits behind it; `above 0`: not all of them zeros. */
function point(machine: Machine, from: number, digits: number, to: number, which: 'any' | 'above 0'): void {
  if (digits < 1) return;
  const begin = machine.state();
  machine.text(from, '.', begin);
  let zeros = begin;
  let some = machine.state();
  for (let place = 0; place < digits; place++) {
    const [nextZeros, nextSome] = [machine.state(), machine.state()];
    machine.bytes(zeros, 0x30, 0x30, nextZeros);
    machine.bytes(zeros, 0x31, 0x39, nextSome);
    machine.bytes(some, 0x30, 0x39, nextSome);
    machine.empty(nextSome, to);
    if (which === 'any') machine.empty(nextZeros, to);
    [zeros, some] = [nextZeros, nextSome];
  }
}

function exponent(machine: Machine, from: number, to: number): void {
  machine.empty(from, to);
  const [sign, first, second] = [machine.state(), machine.state(), machine.state()];
  for (const letter of 'eE') machine.text(from, letter, sign);
  machine.empty(sign, first);
  for (const mark of '+-') machine.text(sign, mark, first);
  machine.bytes(first, 0x30, 0x39, second);
  machine.empty(second, to);
  machine.bytes(second, 0x30, 0x39, to);
}

/** Whole numbers from `low` to `high` (0 or more) in digits without leading zeros. */
function magnitudes(machine: Machine, from: number, low: number, high: number, to: number): void {
  for (let length = String(low).length; length <= String(high).length; length++) {
    const least = length === 1 ? 0 : 10 ** (length - 1);
    spelled(machine, from, String(Math.max(low, least)), String(Math.min(high, 10 ** length - 1)), to);
  }
}

/** Digits from `low` to `high`, as many of them. */
function spelled(machine: Machine, from: number, low: string, high: string, to: number): void {
  if (low === '') {
    machine.empty(from, to);
    return;
  }
  const step = (first: number, last: number, restLow: string, restHigh: string) => {
    if (first > last) return;
    const next = machine.state();
    machine.bytes(from, 0x30 + first, 0x30 + last, next);
    spelled(machine, next, restLow, restHigh, to);
  };
  const [first, last] = [Number(low[0]), Number(high[0])];
  const [lowRest, highRest] = [low.slice(1), high.slice(1)];
  const [zeros, nines] = ['0'.repeat(lowRest.length), '9'.repeat(lowRest.length)];
  if (first === last) {
    step(first, last, lowRest, highRest);
    return;
  }
  const [wholeLow, wholeHigh] = [lowRest === zeros, highRest === nines];
  if (!wholeLow) step(first, first, lowRest, nines);
  step(wholeLow ? first : first + 1, wholeHigh ? last : last - 1, zeros, nines);
  if (!wholeHigh) step(last, last, zeros, highRest);
}
