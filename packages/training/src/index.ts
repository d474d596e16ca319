/** How weights change: optimisers, adapters, data, loops and checkpoints. Imports nothing of Node; `/node` does. */
export { crossEntropy, ignored } from './losses/cross-entropy.ts';
export { chain, type OptimiserScope, type Transformation } from './optimisers/transformation.ts';
export type { Parameter, Updates } from './parameters.ts';
export { type TrainableOptions, type TrainableWeights, trainableWeights } from './weights/trainable-weights.ts';
