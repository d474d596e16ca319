import type { ModelConfig } from '../formats/types.ts';

/** The names of `id2label`, as many as the head tells apart. */
export function labelsOf({ id2label }: ModelConfig, count: number): string[] {
  const names = (typeof id2label === 'object' && id2label !== null ? id2label : {}) as Record<string, unknown>;
  return Array.from({ length: count }, (_, index) => String(names[index] ?? `LABEL_${index}`));
}

/** Softmax in double precision. */
export function softmax(logits: ArrayLike<number>): Float64Array {
  let top = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < logits.length; i++) top = Math.max(top, logits[i]!);
  const shares = Float64Array.from(logits, (value) => Math.exp(value - top));
  const sum = shares.reduce((total, share) => total + share, 0);
  return shares.map((share) => share / sum);
}

/** Places of the largest `count` values, largest first; of equal ones the first. */
export function largest(values: ArrayLike<number>, count: number): number[] {
  return Array.from(values, (_, index) => index)
    .sort((one, other) => values[other]! - values[one]! || one - other)
    .slice(0, count);
}

/** Throws a sentence unless it is a whole number of at least 1. */
export function checkCount(name: string, count: number): void {
  if (!Number.isInteger(count) || count < 1) throw new Error(`${name} must be at least 1; got ${count}.`);
}
