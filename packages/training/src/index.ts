/** How weights change: optimisers, adapters, data, loops and checkpoints. Imports nothing of Node; `/node` does. */
export * from './adapters/index.ts';
export { chain, type OptimiserScope, type Transformation } from './optimisers/transformation.ts';
export type { Parameter, Updates } from './parameters.ts';
