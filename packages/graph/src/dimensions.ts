/**
 * A dimension of a shape: a number, or a name that stands for one value throughout a graph.
 *
 * Names combine: concatenating `past` and `sequence` gives `past+sequence`, flattening `batch` and `sequence` gives
 * `batch*sequence`. Combined names are kept in one canonical form (a polynomial with integer coefficients, terms
 * sorted), so that two dimensions are equal exactly when their strings are.
 */
export type Dimension = number | string;

export type Shape = readonly Dimension[];

/** A polynomial: a product of names (sorted, joined by `*`, empty for the constant term) to its integer coefficient. */
type Polynomial = Map<string, number>;

const namePattern = /^[^\s*+\-,[\]]+$/;

/** Checks a dimension given from outside: a non-negative safe integer or a name without spaces, `*`, `+`, `-`, commas and brackets. */
export function checkDimension(dimension: Dimension, where: string): void {
  if (typeof dimension === 'number') {
    if (!Number.isSafeInteger(dimension) || dimension < 0) {
      throw new RangeError(`${where}: a dimension must be a non-negative integer or a name; got ${dimension}.`);
    }
  } else if (!parse(dimension)) {
    throw new RangeError(
      `${where}: '${dimension}' is not a dimension name. Use names without spaces, commas and brackets, combined only by + - *.`,
    );
  }
}

function parse(text: string): Polynomial | undefined {
  const polynomial: Polynomial = new Map();
  // Terms are separated by + or -, factors by *; the sign stays with its term.
  for (const term of text.match(/[+-]?[^+-]+/g) ?? []) {
    let coefficient = term.startsWith('-') ? -1 : 1;
    const names: string[] = [];
    for (const factor of term.replace(/^[+-]/, '').split('*')) {
      if (/^\d+$/.test(factor)) coefficient *= Number(factor);
      else if (namePattern.test(factor)) names.push(factor);
      else return undefined;
    }
    accumulate(polynomial, names.sort().join('*'), coefficient);
  }
  return polynomial.size > 0 ? polynomial : undefined;
}

function accumulate(polynomial: Polynomial, names: string, coefficient: number): void {
  const total = (polynomial.get(names) ?? 0) + coefficient;
  if (total === 0) polynomial.delete(names);
  else polynomial.set(names, total);
}

function toPolynomial(dimension: Dimension): Polynomial {
  if (typeof dimension === 'number') return dimension === 0 ? new Map() : new Map([['', dimension]]);
  return parse(dimension) ?? new Map([[dimension, 1]]);
}

function toDimension(polynomial: Polynomial): Dimension {
  const constant = polynomial.get('') ?? 0;
  const terms = [...polynomial].filter(([names]) => names !== '').sort(([a], [b]) => (a < b ? -1 : 1));
  if (terms.length === 0) return constant;
  // A positive term first: a text that begins with a minus sign reads badly in errors and viewers.
  terms.sort((a, b) => Number(b[1] > 0) - Number(a[1] > 0));
  let text = '';
  for (const [names, coefficient] of terms) {
    const size = Math.abs(coefficient);
    const sign = coefficient < 0 ? '-' : text === '' ? '' : '+';
    text += `${sign}${size === 1 ? '' : `${size}*`}${names}`;
  }
  if (constant !== 0) text += constant > 0 ? `+${constant}` : `${constant}`;
  return text;
}

/** The one string (or number) that stands for this dimension. */
export function canonical(dimension: Dimension): Dimension {
  return typeof dimension === 'number' ? dimension : toDimension(toPolynomial(dimension));
}

/** Sum of dimensions; `past` and `sequence` give `past+sequence`. */
export function dimensionSum(...dimensions: Dimension[]): Dimension {
  const sum: Polynomial = new Map();
  for (const dimension of dimensions) {
    for (const [names, coefficient] of toPolynomial(dimension)) accumulate(sum, names, coefficient);
  }
  return toDimension(sum);
}

/** Difference of two dimensions. */
export function dimensionDifference(a: Dimension, b: Dimension): Dimension {
  return dimensionSum(a, dimensionProduct(-1, b));
}

/** Product of dimensions; `sequence` and `batch` give `batch*sequence`. The empty product is 1. */
export function dimensionProduct(...dimensions: Dimension[]): Dimension {
  let product: Polynomial = new Map([['', 1]]);
  for (const dimension of dimensions) {
    const next: Polynomial = new Map();
    for (const [namesA, a] of product) {
      for (const [namesB, b] of toPolynomial(dimension)) {
        const names = [...namesA.split('*'), ...namesB.split('*')].filter((name) => name !== '').sort();
        accumulate(next, names.join('*'), a * b);
      }
    }
    product = next;
  }
  return toDimension(product);
}

/** `total / part` where the division is exact and `part` has a single term; undefined otherwise. */
export function dimensionQuotient(total: Dimension, part: Dimension): Dimension | undefined {
  if (total === part && total !== 0) return 1;
  const divisor = [...toPolynomial(part)];
  const [first] = divisor;
  if (divisor.length !== 1 || first === undefined) return undefined;
  const [divisorNames, divisorCoefficient] = first;
  const quotient: Polynomial = new Map();
  for (const [names, coefficient] of toPolynomial(total)) {
    const remaining = names.split('*').filter((name) => name !== '');
    for (const name of divisorNames.split('*').filter((name) => name !== '')) {
      const position = remaining.indexOf(name);
      if (position < 0) return undefined;
      remaining.splice(position, 1);
    }
    if (coefficient % divisorCoefficient !== 0) return undefined;
    accumulate(quotient, remaining.join('*'), coefficient / divisorCoefficient);
  }
  return toDimension(quotient);
}

/** The terms of a combined dimension, each a coefficient and the names multiplied in it; how the ONNX writer computes it. */
export function dimensionTerms(dimension: string): { coefficient: number; names: string[] }[] {
  return [...toPolynomial(dimension)].map(([names, coefficient]) => ({
    coefficient,
    names: names.split('*').filter((name) => name !== ''),
  }));
}

/** True when every dimension is a number. */
export function isStatic(shape: Shape): shape is readonly number[] {
  return shape.every((dimension) => typeof dimension === 'number');
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dimension, axis) => dimension === b[axis]);
}

/** `[batch, sequence, 576]`: how shapes are written in errors. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}
