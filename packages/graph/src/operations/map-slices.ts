import { type Dimension, formatShape } from '../dimensions.ts';
import { operationsBefore } from '../onnx/writer.ts';
import { apply, applyAll, describe, type Operation, rule, ShapeError, type Tensor } from '../tensor.ts';

const sliceOfRule = rule<[], { tensor: Tensor }>({
  name: 'mapSlices',
  infer: (_, { tensor: { dtype, shape } }) => [{ dtype, shape: shape.slice(1) }],
  onnx: {
    write: () => {
      throw new ShapeError('A slice within mapSlices was used outside of its body; return it from there.');
    },
  },
});

interface MapAttributes {
  readonly slices: readonly Tensor[];
  readonly results: readonly Tensor[];
}

/** Inputs: what is cut into slices, then what the body takes from around it. */
const mapRule = rule<readonly Tensor[], MapAttributes>({
  name: 'mapSlices',
  infer: ([first], { results }) => results.map(({ dtype, shape }) => ({ dtype, shape: [first!.shape[0]!, ...shape] })),
  onnx: {
    write: (writer, values, { attributes: { slices, results } }) =>
      writer.node('Scan', values.slice(0, slices.length), {
        attributes: { body: { graph: writer.subgraph(slices, results) }, num_scan_inputs: { int: slices.length } },
        outputs: results.length,
      }),
  },
});

/**
 * `body` for each slice of the tensors along their first axis, one after the other, its results stacked along a new first axis
 * (JAX's `lax.map`): what the body needs in between exists for one slice at a time. The body may use any tensor from around it; a
 * result must have one shape in all slices. There is no gradient.
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
  const slices = tensors.map((tensor) => apply(sliceOfRule, [], { tensor }));
  const results = body(...slices);
  if (results.length === 0) throw new ShapeError('The body of mapSlices must give at least one result.');
  return applyAll(mapRule, [...tensors, ...takenFromAround(slices, results)], { slices, results });
}

/** The tensors that do not depend on the slices but are used by what does. */
function takenFromAround(slices: readonly Tensor[], results: readonly Tensor[]): Tensor[] {
  const inside = new Set<Operation>(slices.map(({ op }) => op));
  const taken = new Set<Tensor>();
  for (const op of operationsBefore(results)) {
    const within = op.inputs.some((tensor) => tensor && inside.has(tensor.op));
    if (op.rule === sliceOfRule && !inside.has(op)) {
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
