import { add, concat, fusedMatmul, gather, input, split, type Tensor } from '@working-papers/graph';
import type { WeightSource } from '@working-papers/models';
import type { Parameter } from '../parameters.ts';

/** Weights of which some change: those are inputs of the graph, the others what `base` makes of them. */
export interface TrainableWeights extends WeightSource {
  /** Those that the graphs built so far have read and that change, in the order of their first use. */
  readonly parameters: readonly Parameter[];
}

export interface TrainableOptions {
  /** Which weights change, by name; default all. */
  trainable?(name: string): boolean;
}

/**
 * The weights of `base` with those that `trainable` names as float32 inputs `weight.NAME`, in the checkpoint's shapes. Products keep the
 * layout of the checkpoint, so that a gradient has the shape of its weight without being turned. Frozen weights stay initialisers:
 * nothing is computed for their gradients.
 */
export function trainableWeights(
  base: WeightSource,
  { trainable = () => true }: TrainableOptions = {},
): TrainableWeights {
  const made = new Map<string, Parameter>();

  const get: WeightSource['get'] = (name, shape) => {
    const known = base.get(name, shape);
    if (!trainable(name)) return known;
    let parameter = made.get(name);
    if (!parameter) {
      const sizes = known.shape as readonly number[];
      parameter = { name, shape: sizes, tensor: input(`weight.${name}`, 'float32', sizes) };
      made.set(name, parameter);
    }
    return parameter.tensor;
  };

  const linear: WeightSource['linear'] = (x, names, bias, options) => {
    const list = listed(names);
    const biases = bias === undefined ? undefined : listed(bias);
    const changing = list.filter(trainable);
    if (changing.length === 0 && !biases?.some(trainable)) return base.linear(x, names, bias, options);
    if (changing.length > 0 && changing.length < list.length) {
      return concat(
        list.map((name, i) => linear(x, name, biases?.[i], options)),
        -1,
      );
    }
    const inOut = options?.layout === 'in-out';
    const y =
      changing.length === 0
        ? base.linear(x, names, undefined, options)
        : fusedMatmul(
            x,
            joined(
              list.map((name) => get(name)),
              inOut ? 1 : 0,
            ),
            { transposeB: !inOut },
          );
    return biases
      ? add(
          y,
          joined(
            biases.map((name) => get(name)),
            0,
          ),
        )
      : y;
  };

  return {
    weights: 'fp32',
    get bytes() {
      return base.bytes;
    },
    get parameters() {
      return [...made.values()];
    },
    has: (name) => base.has(name),
    get,
    linear,
    apart: (x, names, bias) =>
      names.some(trainable)
        ? names.map((name, i) => linear(x, name, bias?.[i]))
        : split(
            linear(x, names, bias),
            names.map((name) => base.get(name).shape[0] as number),
            -1,
          ),
    embedding: (ids, name, count) =>
      trainable(name) ? gather(get(name, undefined), ids, 0) : base.embedding(ids, name, count),
  };
}

const listed = (names: string | readonly string[]): readonly string[] => (typeof names === 'string' ? [names] : names);

const joined = (tensors: readonly Tensor[], axis: number): Tensor =>
  tensors.length === 1 ? tensors[0]! : concat(tensors, axis);
