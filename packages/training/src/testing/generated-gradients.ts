/** The weights and gradients that fixtures/make-optimisers.py works with, from the same linear congruential generator. */
import type { Numbers } from './optimiser-steps.ts';

const shapes = { 'layer.weight': [4, 3], 'layer.bias': [5] };

/** Multiples of 2^-23 in [-1, 1), which float32 holds exactly. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    return (state >>> 8) / 2 ** 23 - 1;
  };
}

/** One tensor a shape; the last element of each vector is zero. */
function tensors(next: () => number, scale: number): Numbers {
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => {
      const data = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => next() * scale);
      if (shape.length === 1) data[data.length - 1] = 0;
      return [name, { shape, data }];
    }),
  );
}

/** The weights before the first step. */
export const generatedWeights = (): Numbers => tensors(generator(1), 1);

/** For each step one gradient a weight, of a size that changes from step to step. */
export function* generatedGradients(steps: number): Generator<Record<string, Float32Array>> {
  const next = generator(2);
  for (let step = 0; step < steps; step++)
    yield Object.fromEntries(
      Object.entries(tensors(next, 2 ** ((step % 5) - 2))).map(([name, { data }]) => [name, data]),
    );
}
