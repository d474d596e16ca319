/** A RangeError unless there is something to measure and all of it is finite. */
export function checkNumbers(where: string, values: ArrayLike<number>): void {
  if (values.length === 0) throw new RangeError(`${where} needs at least one value; got none.`);
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) {
      throw new RangeError(`${where} takes finite numbers; value ${i} of ${values.length} is ${values[i]}.`);
    }
  }
}

/** A RangeError unless both lists have one length. */
export function checkPairs(where: string, a: { readonly length: number }, b: { readonly length: number }): void {
  if (a.length !== b.length) {
    throw new RangeError(`${where} takes two lists of one length; got ${a.length} and ${b.length}.`);
  }
}

export function checkLevel(where: string, level: number): void {
  if (!(level > 0 && level < 1)) {
    throw new RangeError(`${where}: the level must lie between 0 and 1, such as 0.95; got ${level}.`);
  }
}

export function checkCutoff(where: string, k: number): void {
  if (!Number.isInteger(k) || k < 1) throw new RangeError(`${where}: k must be a positive integer; got ${k}.`);
}
