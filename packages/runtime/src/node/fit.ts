/**
 * Whether tensors fit a program, said in sentences before the call: a missing or misshapen input would otherwise fail
 * somewhere inside a node.
 */
import type { DataType, ValueInfo } from '@working-papers/graph';
import { formatShape } from './element.ts';

interface Typed {
  readonly dtype: DataType;
  readonly shape: readonly number[];
}

/** Sizes that named dimensions have taken, and the value that each was first seen in. */
export type NamedSizes = Map<string, { size: number; where: string }>;

/** Throws unless every one of `declared` is given and fits. `sizes` collects named dimensions across several calls. */
export function checkInputs(
  label: string,
  declared: readonly ValueInfo[],
  given: Record<string, Typed>,
  sizes: NamedSizes,
): void {
  const missing = declared.filter(({ name }) => !given[name]).map(({ name }) => name);
  if (missing.length > 0) {
    throw new Error(
      `${label}: no tensor was given for input ${list(missing)}; it takes ${list(declared.map(({ name }) => name))}.`,
    );
  }
  checkNames(label, 'input', declared, Object.keys(given));
  checkFits(label, 'input', declared, given, sizes);
}

/** Throws unless each given tensor fits the output of its name. */
export function checkOutputs(
  label: string,
  declared: readonly ValueInfo[],
  given: Record<string, Typed>,
  sizes: NamedSizes,
): void {
  checkNames(label, 'output', declared, Object.keys(given));
  checkFits(
    label,
    'output',
    declared.filter(({ name }) => given[name]),
    given,
    sizes,
  );
}

/** Throws when a name is not among the declared ones. */
export function checkNames(
  label: string,
  kind: 'input' | 'output',
  declared: readonly ValueInfo[],
  names: readonly string[],
): void {
  const known = declared.map(({ name }) => name);
  for (const name of names) {
    if (!known.includes(name)) throw new Error(`${label}: there is no ${kind} "${name}"; there is ${list(known)}.`);
  }
}

/** Types, ranks and plain dimensions of all values first, so that combined dimensions know the names they are made of. */
function checkFits(
  label: string,
  kind: string,
  values: readonly ValueInfo[],
  given: Record<string, Typed>,
  sizes: NamedSizes,
): void {
  for (const { name, dtype, shape } of values) {
    const tensor = given[name]!;
    const where = `${kind} "${name}"`;
    if (tensor.dtype !== dtype) throw new Error(`${label}: ${where} is ${dtype}; the tensor given is ${tensor.dtype}.`);
    if (tensor.shape.length !== shape.length) throw new Error(`${misfit(label, where, shape, tensor)}.`);
    shape.forEach((dimension, axis) => {
      const size = tensor.shape[axis]!;
      if (typeof dimension === 'number') {
        if (size === dimension) return;
        throw new Error(`${misfit(label, where, shape, tensor)} (axis ${axis}: ${dimension} expected).`);
      }
      const first = sizes.get(dimension);
      if (!first) sizes.set(dimension, { size, where });
      else if (first.size !== size) {
        throw new Error(
          `${misfit(label, where, shape, tensor)}, but "${dimension}" is ${first.size} in ${first.where}.`,
        );
      }
    });
  }
  for (const { name, shape } of values) {
    shape.forEach((dimension, axis) => {
      const expected = typeof dimension === 'string' ? combinedSize(dimension, sizes) : undefined;
      if (expected !== undefined && expected !== given[name]!.shape[axis]) {
        const reason = `(axis ${axis}: "${dimension}" is ${expected} here)`;
        throw new Error(`${misfit(label, `${kind} "${name}"`, shape, given[name]!)} ${reason}.`);
      }
    });
  }
}

function misfit(label: string, where: string, shape: readonly (number | string)[], tensor: Typed): string {
  return `${label}: ${where} has the shape ${formatShape(shape)}; the tensor given has ${formatShape(tensor.shape)}`;
}

/** The size of `past+sequence` or `2*heads*size`; undefined for a plain name, and while a name in it has no size yet. */
function combinedSize(dimension: string, sizes: NamedSizes): number | undefined {
  if (!/[+*-]/.test(dimension)) return undefined;
  let sum = 0;
  for (const term of dimension.match(/[+-]?[^+-]+/g) ?? []) {
    let product = term.startsWith('-') ? -1 : 1;
    for (const factor of term.replace(/^[+-]/, '').split('*')) {
      const size = /^\d+$/.test(factor) ? Number(factor) : sizes.get(factor)?.size;
      if (size === undefined) return undefined;
      product *= size;
    }
    sum += product;
  }
  return sum;
}

function list(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.map((name) => `"${name}"`).join(', ');
}
