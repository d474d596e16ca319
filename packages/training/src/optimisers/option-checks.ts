/** Sentences about options that make no sense; a RangeError each. */

/** Throws unless `value` is a finite number of at least `least`. */
export function checkAtLeast(least: number, name: string, value: number): void {
  if (!(value >= least && value < Number.POSITIVE_INFINITY))
    throw new RangeError(`${name} must be a finite number of at least ${least}; got ${value}.`);
}

/** Throws unless `value` is a finite number above 0. */
export function checkPositive(name: string, value: number): void {
  if (!(value > 0 && value < Number.POSITIVE_INFINITY))
    throw new RangeError(`${name} must be a finite number above 0; got ${value}.`);
}

/** Throws unless `value` is at least 0 and below 1: what may be kept of an average at each step. */
export function checkFraction(name: string, value: number): void {
  if (!(value >= 0 && value < 1)) throw new RangeError(`${name} must be at least 0 and below 1; got ${value}.`);
}

/** Throws unless `value` is a whole number of steps of at least `least`. */
export function checkSteps(least: number, name: string, value: number): void {
  if (!(Number.isSafeInteger(value) && value >= least))
    throw new RangeError(`${name} must be a whole number of steps, at least ${least}; got ${value}.`);
}
