import { type WeightTensor, weightSource } from '@working-papers/models';
import { type TrainableWeights, trainableWeights } from './trainable-weights.ts';

/**
 * The weights of a model that no checkpoint holds, by names and shapes: all of them change, and begin with what `initial` of a step gives.
 * (`llamaShapes` and `gpt2Shapes` say what a configuration needs.)
 */
export function scratchWeights(shapes: ReadonlyMap<string, readonly number[]>): TrainableWeights {
  const tensors = [...shapes].map(([name, shape]): [string, WeightTensor] => {
    const count = shape.reduce((product, size) => product * size, 1);
    const none = (): never => {
      throw new Error(`The weight '${name}' has no values yet: train it, or give it some.`);
    };
    return [
      name,
      { name, shape, type: 'F32', count, byteLength: 4 * count, bytes: none, bytesSync: none, slice: none },
    ];
  });
  return trainableWeights(weightSource(new Map(tensors), 'fp32'));
}
