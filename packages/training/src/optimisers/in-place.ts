/**
 * Values that a graph reads and writes in one memory. ONNX Runtime knows nothing of it and runs nodes in any order that their inputs
 * allow, so whatever reads the old value must be something that the new one depends on. (It does happen: of two layers trained by one
 * graph, ONNX Runtime 1.30 wrote the second's weight before the first's gradient had read it.)
 */
import { type Operation, operationsBefore, type Tensor } from '@working-papers/graph';

/** An input of the graph, and what is written over it. */
export interface Replaced {
  readonly tensor: Tensor;
  readonly next: Tensor;
}

/**
 * Throws unless every input that is replaced is read before it is written, in any order of running. `others` are the graph's other
 * outputs.
 */
export function checkInPlace(replaced: Iterable<Replaced>, others: readonly Tensor[] = []): void {
  const all = [...replaced];
  const outputs = [...all.map(({ next }) => next), ...others];
  const operations = operationsBefore(outputs);
  const readers = readersIn(operations);
  const waiting = waitingFor(operations, all);
  for (const [place, { tensor, next }] of all.entries()) {
    if (next !== tensor && outputs.includes(tensor))
      throw new Error(
        `"${tensor.name}" is written in place and its old value is an output, which is copied at any time. Copy it before the step instead.`,
      );
    for (const reader of throughViews(tensor, readers)) {
      if (((waiting.get(reader)! >> BigInt(place)) & 1n) === 0n)
        throw new Error(
          `"${tensor.name}" is written in place, but its new value does not wait for \`${label(reader)}\`, which reads the old one. Make it depend on that, or give the reader's results to the scope as \`after\`.`,
        );
      if (reader === next.op && !elementwise.has(reader.rule.name))
        throw new Error(
          `"${tensor.name}" is written in place by \`${label(reader)}\`, which reads the old value while it writes. Let an elementwise operation make the new value.`,
        );
    }
  }
}

/** Operations that may give their input's own memory on, or be drawn into the operation that follows. */
const views = new Set([
  'reshape',
  'squeeze',
  'unsqueeze',
  'transpose',
  'slice',
  'expand',
  'cast',
  'nameDimensions',
  'stopGradient',
  'customGradient',
]);

/** Operations that read each element before they write it. */
const elementwise = new Set(['add', 'sub', 'mul', 'div', 'max', 'min', 'clip', 'where', 'neg', 'abs', 'sign', 'sqrt']);

function throughViews(tensor: Tensor, readers: ReadonlyMap<Tensor, readonly Operation[]>): Set<Operation> {
  const found = new Set<Operation>();
  const open = [tensor];
  for (let next = open.pop(); next; next = open.pop())
    for (const reader of readers.get(next) ?? []) {
      if (found.has(reader)) continue;
      found.add(reader);
      if (views.has(reader.rule.name)) open.push(...reader.outputs);
    }
  return found;
}

function readersIn(operations: readonly Operation[]): Map<Tensor, Operation[]> {
  const readers = new Map<Tensor, Operation[]>();
  for (const op of operations)
    for (const tensor of op.inputs) {
      if (!tensor) continue;
      const known = readers.get(tensor);
      if (known) known.push(op);
      else readers.set(tensor, [op]);
    }
  return readers;
}

/** For each operation which new values wait for it or are made by it: bit i for the i-th. The operations stand inputs first. */
function waitingFor(operations: readonly Operation[], replaced: readonly Replaced[]): Map<Operation, bigint> {
  const waiting = new Map(operations.map((op) => [op, 0n]));
  for (const [place, { next }] of replaced.entries())
    waiting.set(next.op, waiting.get(next.op)! | (1n << BigInt(place)));
  for (const op of operations.toReversed())
    for (const tensor of op.inputs) {
      if (tensor) waiting.set(tensor.op, waiting.get(tensor.op)! | waiting.get(op)!);
    }
  return waiting;
}

const label = ({ rule, outputs }: Operation) => outputs.find(({ name }) => name)?.name ?? rule.name;
