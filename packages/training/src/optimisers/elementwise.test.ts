/** Small parameters that are changed together, against each by itself. */
import { operationsBefore } from '@working-papers/graph';
import { seededUniform } from '@working-papers/models';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, expect, test } from 'vitest';
import { type Numbers, optimiserGraph, startOptimiser } from '../testing/optimiser-steps.ts';
import { adamW } from './adam.ts';
import { clipByValue } from './clipping.ts';
import { groups } from './groups.ts';
import { lion } from './lion.ts';
import { sgd } from './sgd.ts';
import { chain, type Transformation } from './transformation.ts';

const runtime = createRuntime();
afterAll(() => runtime.close());

/** Ten vectors, three small matrices and a large one. */
const shapes: Record<string, readonly number[]> = {
  table: [128, 80],
  ...Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`bias${i}`, [3 + i]])),
  narrow0: [4, 6],
  narrow1: [8, 1000],
  narrow2: [1, 1],
};
const numbers = (seed: number): Numbers => {
  const uniform = seededUniform(seed);
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => {
      const length = shape.reduce((product, size) => product * size, 1);
      return [name, { shape, data: Float32Array.from({ length }, () => 2 * uniform() - 1) }];
    }),
  );
};
const gradients = Array.from({ length: 4 }, (_, step) =>
  Object.fromEntries(Object.entries(numbers(10 + step)).map(([name, { data }]) => [name, data])),
);

async function trained(names: readonly string[], optimiser: Transformation): Promise<Map<string, Float32Array>> {
  const weights = Object.fromEntries(Object.entries(numbers(1)).filter(([name]) => names.includes(name)));
  const run = await startOptimiser(runtime, weights, optimiser);
  for (const step of gradients)
    await run.step(Object.fromEntries(Object.entries(step).filter(([name]) => names.includes(name))));
  const found = new Map(names.map((name) => [name, run.weight(name)]));
  run.release();
  return found;
}

const rate = (step: number) => 0.1 / (step + 1);

test.each<[string, Transformation]>([
  ['AdamW', adamW({ rate, weightDecay: 0.1 })],
  ['AdamW that lets matrices decay', adamW({ rate, weightDecay: 0.1, decayed: ({ shape }) => shape.length > 1 })],
  ['AdamW that lets most of the small decay', adamW({ rate, weightDecay: 0.1, decayed: /bias[1-9]/ })],
  ['SGD after a clip', chain(clipByValue(0.5), sgd({ rate, momentum: 0.9, nesterov: true, weightDecay: 0.01 }))],
  ['Lion', lion({ rate, weightDecay: 0.3 })],
  [
    'groups',
    groups([
      { parameters: /bias/, optimiser: adamW({ rate, weightDecay: 0 }) },
      { parameters: /./, optimiser: sgd({ rate }) },
    ]),
  ],
])('%s: weights are to the bit what each would become alone', async (_, optimiser) => {
  const names = Object.keys(shapes);
  const together = await trained(names, optimiser);
  for (const name of names) expect(together.get(name), name).toEqual((await trained([name], optimiser)).get(name));
});

test('what is kept of them is one tensor, and their nodes do not grow with their number', () => {
  const adam = adamW({ rate, weightDecay: 0.1 });
  const graph = (small: number) => {
    const all = new Map([
      ['table', shapes.table!] as const,
      ...Array.from({ length: small }, (_, i) => [`b${i}`, [5]] as const),
    ]);
    const { scope, weights } = optimiserGraph(all, adam);
    const operations = operationsBefore([...weights.map(({ next }) => next), ...Object.values(scope.outputs)]);
    const states = [...scope.states].map(([name, { shape }]) => [name, shape]);
    return { states: Object.fromEntries(states), made: operations.filter(({ inputs }) => inputs.length > 0).length };
  };
  expect(graph(40).states).toEqual({
    'optimiser.0.mean.table': [128, 80],
    'optimiser.0.mean.small': [200],
    'optimiser.0.square.table': [128, 80],
    'optimiser.0.square.small': [200],
  });
  // One each: the new weight.
  expect(graph(50).made - graph(40).made).toBe(10);
  expect(Object.keys(graph(3).states)).toContain('optimiser.0.mean.b2');
});
