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
  for (const value of declared) checkFit(label, 'input', value, given[value.name]!, sizes);
}

/** Throws unless each given tensor fits the output of its name. */
export function checkOutputs(
  label: string,
  declared: readonly ValueInfo[],
  given: Record<string, Typed>,
  sizes: NamedSizes,
): void {
  checkNames(label, 'output', declared, Object.keys(given));
  for (const value of declared) {
    const tensor = given[value.name];
    if (tensor) checkFit(label, 'output', value, tensor, sizes);
  }
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

function checkFit(label: string, kind: string, value: ValueInfo, tensor: Typed, sizes: NamedSizes): void {
  const { name, dtype, shape } = value;
  const where = `${kind} "${name}"`;
  if (tensor.dtype !== dtype) throw new Error(`${label}: ${where} is ${dtype}; the tensor given is ${tensor.dtype}.`);
  const expected = `${label}: ${where} has the shape ${formatShape(shape)}; the tensor given has ${formatShape(tensor.shape)}`;
  if (tensor.shape.length !== shape.length) throw new Error(`${expected}.`);
  shape.forEach((dimension, axis) => {
    const size = tensor.shape[axis]!;
    if (typeof dimension === 'number') {
      if (size !== dimension) throw new Error(`${expected} (axis ${axis}: ${dimension} expected).`);
      return;
    }
    const first = sizes.get(dimension);
    if (!first) sizes.set(dimension, { size, where });
    else if (first.size !== size) {
      throw new Error(`${expected}, but "${dimension}" is ${first.size} in ${first.where}.`);
    }
  });
}

function list(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.map((name) => `"${name}"`).join(', ');
}
