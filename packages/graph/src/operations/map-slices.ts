import { type Dimension, formatShape } from '../dimensions.ts';
import { partialGradients } from '../gradient.ts';
import { operationsBefore } from '../onnx/writer.ts';
import {
  apply,
  applyAll,
  describe,
  isFloat,
  type Operation,
  rule,
  ShapeError,
  type Tensor,
  type TensorType,
} from '../tensor.ts';
import { add, mul } from './elementwise.ts';
import { full } from './expand.ts';
import { reduceSum } from './reduction.ts';

/** What a body is given: a slice, or a sum so far. */
const givenRule = rule<[], TensorType>({
  name: 'slice within mapSlices',
  infer: (_, type) => [type],
  onnx: {
    write: () => {
      throw new ShapeError('A slice within mapSlices was used outside of its body; return it from there.');
    },
  },
});

const given = ({ dtype, shape }: TensorType): Tensor => apply(givenRule, [], { dtype, shape });
const sliceOf = ({ dtype, shape }: TensorType): Tensor => given({ dtype, shape: shape.slice(1) });

interface Body {
  /** What is taken from around, as the body has it: in a recomputed part of a graph the operation's own inputs are others. */
  readonly around: readonly Tensor[];
  readonly slices: readonly Tensor[];
  /** Stacked. */
  readonly results: readonly Tensor[];
  /** Added up over all slices. */
  readonly summed: readonly Tensor[];
}

/** Inputs: what is cut into slices, and what the body takes from around it. Outputs: the stacked results, and the sums. */
const mapRule = rule<readonly Tensor[], Body>({
  name: 'mapSlices',
  infer: ([first], { results, summed }) => [
    ...results.map(({ dtype, shape }) => ({ dtype, shape: [first!.shape[0]!, ...shape] })),
    ...summed,
  ],
  // The body again for each slice and backwards through it at once; what comes back to tensors from around is added up.
  gradient: ({ inputs, gradients, wanted, attributes: { around, slices, results, summed } }) => {
    const held = [...slices, ...around];
    const stacked = gradients.slice(0, results.length).filter((g) => g !== undefined);
    const handed = stacked.map(sliceOf);
    const ends = [...results, ...summed].filter(({ dtype }) => isFloat(dtype));
    const gains = [...handed, ...gradients.slice(results.length).filter((g) => g !== undefined)];
    const losses = ends.map((end, i) => reduceSum(mul(end, gains[i]!)));
    const asked = held.filter((_, place) => wanted[place]);
    const found = partialGradients(losses.reduce(add), asked, [...held, ...gains]);
    const of = (place: number) => (wanted[place] ? [found[asked.indexOf(held[place]!)]!] : []);
    const outputs = applied(
      {
        slices: [...slices, ...handed],
        results: slices.flatMap((_, place) => of(place)),
        summed: held.flatMap((_, place) => (place < slices.length ? [] : of(place))),
      },
      [...inputs.slice(0, slices.length), ...stacked],
    );
    let next = 0;
    return held.map((_, place) => (wanted[place] ? outputs[next++] : undefined));
  },
  onnx: {
    write: (writer, values, { attributes: { slices, results, summed } }) => {
      const before = summed.map(given);
      const after = summed.map((term, i) => add(before[i]!, term));
      const zeros = summed.map(({ dtype, shape }) => writer.value(full(shape, 0, dtype)));
      const names = writer.node('Scan', [...zeros, ...values.slice(0, slices.length)], {
        attributes: {
          body: { graph: writer.subgraph([...before, ...slices], [...after, ...results]) },
          num_scan_inputs: { int: slices.length },
        },
        outputs: summed.length + results.length,
      });
      return [...names.slice(summed.length), ...names.slice(0, summed.length)];
    },
  },
});

function applied(body: Omit<Body, 'around'>, sliced: readonly Tensor[]): Tensor[] {
  const around = takenFromAround(body.slices, [...body.results, ...body.summed]);
  return applyAll(mapRule, [...sliced, ...around], { ...body, around });
}

/**
 * `body` for each slice of the tensors along their first axis, one after the other, its results stacked along a new first axis
 * (JAX's `lax.map`): what the body needs in between exists for one slice at a time. The body may use any tensor from around it; a
 * result must have one shape in all slices. Its gradient computes the body again for each slice, so that what is between exists for one at a
 * time in the backward pass too.
 */
export function mapSlices(tensors: readonly Tensor[], body: (...slices: Tensor[]) => readonly Tensor[]): Tensor[] {
  const [first] = tensors;
  const length: Dimension | undefined = first?.shape[0];
  const odd = tensors.find(({ shape }) => shape[0] === undefined || shape[0] !== length);
  if (!first || odd) {
    throw new ShapeError(
      `mapSlices takes tensors of one length; got ${tensors.map(({ shape }) => formatShape(shape)).join(' and ') || 'none'}.`,
    );
  }
  const slices = tensors.map(sliceOf);
  const results = body(...slices);
  if (results.length === 0) throw new ShapeError('The body of mapSlices must give at least one result.');
  return applied({ slices, results, summed: [] }, tensors);
}

/** The tensors that do not depend on the slices but are used by what does. */
function takenFromAround(slices: readonly Tensor[], results: readonly Tensor[]): Tensor[] {
  const inside = new Set<Operation>(slices.map(({ op }) => op));
  const taken = new Set<Tensor>();
  for (const op of operationsBefore(results)) {
    const within = op.inputs.some((tensor) => tensor && inside.has(tensor.op));
    if (op.rule === givenRule && !inside.has(op)) {
      throw new ShapeError(
        `A slice (${describe(op.outputs[0]!)}) of another mapSlices was used; they cannot be nested.`,
      );
    }
    if (!within) continue;
    inside.add(op);
    for (const tensor of op.inputs) if (tensor && !inside.has(tensor.op)) taken.add(tensor);
  }
  for (const result of results) if (!inside.has(result.op)) taken.add(result);
  return [...taken];
}
