import { dimensionTerms } from './dimensions.ts';
import { operationsBefore } from './onnx/writer.ts';
import { elementBytes, type Operation, ShapeError, type Tensor } from './tensor.ts';

export interface TapeOptions {
  /** What the named dimensions are. */
  sizes?: Readonly<Record<string, number>>;
  /** What a tensor is counted under; default the kind of operation that made it. */
  tag?: (tensor: Tensor) => string;
}

/** Activations that the backward pass reads, and so must be kept from the forward one. */
export interface Tape {
  readonly bytes: number;
  readonly byTag: ReadonlyMap<string, number>;
  readonly tensors: readonly { readonly tensor: Tensor; readonly bytes: number; readonly tag: string }[];
}

/**
 * How many bytes of activations the gradients of a loss keep, as the graph has it: results of the forward pass that some operation of the
 * backward pass reads. Inputs, weights and constants are not among them; a reshaped tensor is the one that it was made of. What is computed
 * again is not kept, the beginnings of its segments are. What a kernel takes for itself while it runs is not counted.
 *
 * Throws a ShapeError where the size of a named dimension is missing.
 */
export function tapeOf(loss: Tensor, gradients: readonly Tensor[], options: TapeOptions = {}): Tape {
  const { sizes = {}, tag = (tensor) => tensor.op.rule.name } = options;
  const forward = operationsBefore([loss]);
  const before = new Set(forward);
  const computed = fromInputs(forward);
  const kept = new Set<Tensor>();
  for (const op of operationsBefore(gradients)) {
    if (before.has(op)) continue;
    for (const [place, tensor] of op.inputs.entries()) {
      if (!tensor || !before.has(tensor.op) || readsSizesOnly(op, place)) continue;
      const base = baseOf(tensor);
      if (computed.has(base.op)) kept.add(base);
    }
  }
  const tensors = [...kept].map((tensor) => ({ tensor, bytes: bytesOf(tensor, sizes), tag: tag(tensor) }));
  const byTag = new Map<string, number>();
  for (const { bytes, tag } of tensors) byTag.set(tag, (byTag.get(tag) ?? 0) + bytes);
  return { bytes: tensors.reduce((sum, { bytes }) => sum + bytes, 0), byTag, tensors };
}

/**
 * For each tensor before the loss the name of the first of these that was computed from it, its own where it has one: tags for
 * {@link tapeOf}, from the activations that a model shows. What none was computed from has the tag `loss`.
 */
export function nearestName(loss: Tensor, names: ReadonlyMap<string, Tensor>): (tensor: Tensor) => string {
  const own = new Map([...names].map(([name, tensor]) => [tensor.op, name]));
  const found = new Map<Operation, string>();
  for (const op of operationsBefore([loss]).toReversed()) {
    const name = own.get(op) ?? found.get(op) ?? 'loss';
    found.set(op, name);
    // Later readers come first here, so that the earliest has the last word.
    for (const tensor of op.inputs) if (tensor) found.set(tensor.op, name);
  }
  return ({ op }) => found.get(op) ?? 'loss';
}

/** Operations whose results depend on an input of the graph; the others are folded when it is compiled. */
function fromInputs(operations: readonly Operation[]): Set<Operation> {
  const computed = new Set<Operation>();
  for (const op of operations) {
    if (op.inputs.some((tensor) => tensor && (tensor.op.rule.name === 'input' || computed.has(tensor.op))))
      computed.add(op);
  }
  return computed;
}

/** Operations that hand on their first input's memory. */
const views = new Set(['reshape', 'squeeze', 'unsqueeze', 'nameDimensions', 'stopGradient', 'customGradient']);

function baseOf(tensor: Tensor): Tensor {
  let base = tensor;
  while (views.has(base.op.rule.name)) base = base.op.inputs[0]!;
  return base;
}

/** Whether an operation reads of this input its sizes alone. */
function readsSizesOnly({ rule: { name } }: Operation, place: number): boolean {
  if (name === 'shapeOf' || name === 'dimensionOf' || name === 'sizeOf') return true;
  return place > 0 && (name === 'reshape' || name === 'expand' || name === 'split');
}

function bytesOf({ dtype, shape }: Tensor, sizes: Readonly<Record<string, number>>): number {
  const lengths = shape.map((dimension) => {
    if (typeof dimension === 'number') return dimension;
    const terms = dimensionTerms(dimension).map(({ coefficient, names }) =>
      names.reduce((product, name) => product * sizeOf(name, sizes), coefficient),
    );
    return terms.reduce((sum, term) => sum + term, 0);
  });
  return lengths.reduce((product, length) => product * length, elementBytes(dtype));
}

function sizeOf(name: string, sizes: Readonly<Record<string, number>>): number {
  const size = Object.hasOwn(sizes, name) ? sizes[name] : undefined;
  if (size === undefined) throw new ShapeError(`The tape has tensors of the size '${name}'; give it among the sizes.`);
  return size;
}
