import { llamaShapes, type WeightSource, weightSource } from '@working-papers/models';
import { weightOf } from '@working-papers/models/testing';
import { ctxTinyConfig } from '../house/ctx-tiny.ts';

/** Weights of ctx-tiny in memory, as of a checkpoint. */
export function fixedWeights(values: ReadonlyMap<string, Float32Array>): WeightSource {
  const shapes = llamaShapes(ctxTinyConfig);
  return weightSource(
    new Map([...values].map(([name, own]) => [name, weightOf(name, shapes.get(name)!, own)])),
    'fp32',
  );
}
