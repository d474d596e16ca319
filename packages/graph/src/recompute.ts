import { cast } from './operations/cast.ts';
import { add } from './operations/elementwise.ts';
import { neg } from './operations/unary.ts';
import { zeroAfter } from './operations/waiting.ts';
import { describe, type Operation, ShapeError, type Tensor } from './tensor.ts';

/**
 * A part of a graph whose activations a backward pass computes again instead of keeping them (gradient checkpointing, arXiv 1604.06174):
 * all operations that depend on a tensor of `from` and lead to one of `to`. These tensors themselves are kept, and so is what the part
 * takes from elsewhere, weights and masks say.
 */
export interface Segment {
  readonly from: readonly Tensor[];
  readonly to: readonly Tensor[];
}

/** An operation's tensors as its gradient rule shall see them. */
type Seen = Pick<Operation, 'inputs' | 'outputs'>;

interface Plan {
  /** What is computed again, inputs first. */
  readonly inside: readonly Operation[];
  /** What made the tensors that are kept. */
  readonly kept: ReadonlySet<Operation>;
  again?: ReadonlyMap<Tensor, Tensor>;
}

/** The operations that a backward pass computes again, each segment once, when its gradient has come. */
export class Recomputation {
  readonly #plans = new Map<Operation, Plan>();

  /** `order` has the operations that lead to the loss, inputs first. Throws a ShapeError where a segment is none, or two have an operation in common. */
  constructor(order: readonly Operation[], segments: readonly Segment[]) {
    for (const segment of segments) {
      const ends = new Set(segment.to.map(({ op }) => op));
      const kept = new Set([...segment.from.map(({ op }) => op), ...ends]);
      const inside = between(order, segment);
      for (const op of [...inside, ...ends]) {
        if (this.#plans.has(op)) throw new ShapeError(`recompute: two segments share ${label(op.outputs[0]!)}.`);
      }
      const plan: Plan = { inside, kept };
      for (const op of [...inside, ...ends]) this.#plans.set(op, plan);
    }
  }

  /** The operation with its inputs, and its outputs unless they are kept, computed again after the gradients `own` of its outputs. */
  seen(op: Operation, own: readonly (Tensor | undefined)[]): Seen {
    const plan = this.#plans.get(op);
    if (!plan) return op;
    plan.again ??= computedAgain(plan, own);
    const { again, kept } = plan;
    return {
      inputs: op.inputs.map((tensor) => tensor && (again.get(tensor) ?? tensor)),
      outputs: kept.has(op) ? op.outputs : op.outputs.map((tensor) => again.get(tensor)!),
    };
  }
}

/** The operations of a segment, inputs first, without those that make `from` and `to`. */
function between(order: readonly Operation[], { from, to }: Segment): Operation[] {
  const begins = new Set(from.map(({ op }) => op));
  const ends = new Set(to.map(({ op }) => op));
  const dependent = new Set<Operation>();
  for (const op of order) {
    if (begins.has(op)) continue;
    if (op.inputs.some((input) => input && (begins.has(input.op) || dependent.has(input.op)))) dependent.add(op);
  }
  const lost = to.find(({ op }) => !dependent.has(op));
  if (from.length === 0 || to.length === 0 || lost) {
    const end = lost ?? to[0];
    throw new ShapeError(
      `recompute: nothing leads from ${from.map(label).join(', ') || 'no tensor'} over ${end ? label(end) : 'no tensor'} to the loss.`,
    );
  }
  const leading = new Set<Operation>(ends);
  const inside: Operation[] = [];
  for (const op of order.toReversed()) {
    if (!leading.has(op) || !dependent.has(op)) continue;
    if (!ends.has(op)) inside.push(op);
    for (const input of op.inputs) if (input) leading.add(input.op);
  }
  return inside.reverse();
}

/**
 * The tensors of a segment once more. ONNX Runtime merges nodes with the same inputs, so the kept tensors are read through a sum with
 * -0 that waits for the gradients: another value to its optimiser, the same bits to whoever reads it.
 */
function computedAgain({ inside, kept }: Plan, own: readonly (Tensor | undefined)[]): Map<Tensor, Tensor> {
  const zero = neg(zeroAfter(own.filter((tensor) => tensor !== undefined)));
  const again = new Map<Tensor, Tensor>();
  const later = (tensor: Tensor): Tensor => {
    if (!kept.has(tensor.op) || tensor.dtype === 'bool') return again.get(tensor) ?? tensor;
    const waiting = again.get(tensor) ?? add(tensor, cast(zero, tensor.dtype));
    again.set(tensor, waiting);
    return waiting;
  };
  for (const op of inside) {
    const seen = op.inputs.map((tensor) => tensor && later(tensor));
    const inputs: Operation['inputs'] = op.rule.again?.(seen, zero) ?? seen;
    const outputs: Tensor[] = [];
    const copy: Operation = { rule: op.rule, attributes: op.attributes, inputs, outputs };
    for (const output of op.outputs) {
      const { dtype, shape, index } = output;
      outputs.push({ dtype, shape, op: copy, inputs, index });
      again.set(output, outputs.at(-1)!);
    }
  }
  return again;
}

const label = (tensor: Tensor): string =>
  tensor.name ? `'${tensor.name}'` : `${tensor.op.rule.name} (${describe(tensor)})`;
