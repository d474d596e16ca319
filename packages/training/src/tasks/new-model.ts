/** Models that begin from scratch: weights that follow from a seed and their names. */
import { architectureOf, elementCount, type ModelConfig, shapesOf, type WeightTensor } from '@working-papers/models';
import { normalValues } from '../initial-values.ts';
import { floatWeight } from '../weights/float-weight.ts';
import type { TrainableModel } from './trainable-model.ts';

/** Deviation of fresh weights where the configuration has no `initializer_range`: that of BERT and GPT-2. */
const usualDeviation = 0.02;

/** What writes into the stream of a decoder. */
const intoStream = /\.(o_proj|down_proj|attn\.c_proj|mlp\.c_proj)\.weight$/;

export const deviationOf = ({ initializer_range: range }: ModelConfig): number =>
  typeof range === 'number' && range > 0 ? range : usualDeviation;

/** A weight that is drawn when it is asked for, the same for one seed and name: gains of norms are 1, biases 0, others normal. */
export function freshWeight(
  name: string,
  shape: readonly number[],
  { seed, deviation }: { seed: number; deviation: number },
): WeightTensor {
  const count = elementCount(shape, name);
  return floatWeight(name, shape, () => {
    if (shape.length > 1) return normalValues(seed, name, count).map((value) => value * deviation);
    return new Float32Array(count).fill(name.endsWith('.weight') ? 1 : 0);
  });
}

/**
 * A model of that configuration whose weights are drawn: normal with the deviation `initializer_range` (0.02), what writes into a decoder's stream divided by
 * the root of twice the layers (GPT-2, section 2.3), gains 1 and biases 0. The same for one seed. Throws a sentence for types whose weights are not listed.
 */
export function newModel(
  { config, ...beside }: Omit<TrainableModel, 'tensors' | 'fresh' | 'sha256'>,
  seed = 0,
): TrainableModel {
  const deviation = deviationOf(config);
  const narrow = deviation / Math.sqrt(2 * architectureOf(config).facts(config).layers);
  const tensors = new Map(
    [...shapesOf(config)].map(([name, shape]) => [
      name,
      freshWeight(name, shape, { seed, deviation: intoStream.test(name) ? narrow : deviation }),
    ]),
  );
  return { ...beside, config, tensors, fresh: new Set(tensors.keys()), sha256: `seed ${seed}` };
}
