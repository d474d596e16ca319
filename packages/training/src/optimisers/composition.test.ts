import { input, type Tensor } from '@working-papers/graph';
import { createRuntime } from '@working-papers/runtime/node';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import type { Parameter } from '../parameters.ts';
import { StepScope } from '../step/scope.ts';
import { generatedGradients, generatedWeights } from '../testing/generated-gradients.ts';
import { optimiserGraph, startOptimiser } from '../testing/optimiser-steps.ts';
import { adamW, scaleByAdam } from './adam.ts';
import { clipByGlobalNorm, clipByValue } from './clipping.ts';
import { addDecayedWeights } from './decay.ts';
import { type Group, groups } from './groups.ts';
import { lion, scaleByLion } from './lion.ts';
import { scaleByRate } from './rate.ts';
import { sgd, trace } from './sgd.ts';
import { chain, type Transformation } from './transformation.ts';

const runtime = createRuntime();
afterAll(() => runtime.close());

/** All weights after three steps. */
async function trained(optimiser: Transformation): Promise<Record<string, number[]>> {
  const run = await startOptimiser(runtime, generatedWeights(), optimiser);
  for (const gradients of generatedGradients(3)) await run.step(gradients);
  const weights = Object.fromEntries(Object.keys(generatedWeights()).map((name) => [name, [...run.weight(name)]]));
  run.release();
  return weights;
}

const part = fc.constantFrom<Transformation>(
  clipByGlobalNorm({ maxNorm: 0.5 }),
  clipByValue(0.3),
  scaleByAdam(),
  scaleByLion(),
  trace({ momentum: 0.9, nesterov: true }),
  addDecayedWeights({ weightDecay: 0.1 }),
  scaleByRate((step) => 0.1 / (step + 1)),
);

describe('chain', () => {
  test('does not ask how it is bracketed', async () => {
    await fc.assert(
      fc.asyncProperty(part, part, part, async (a, b, c) => {
        const flat = await trained(chain(a, b, c));
        expect(await trained(chain(chain(a, b), c))).toEqual(flat);
        expect(await trained(chain(a, chain(b, c)))).toEqual(flat);
      }),
      { numRuns: 20 },
    );
  });

  test('of nothing leaves updates as they are', async () => {
    expect(await trained(chain(chain(), sgd({ rate: 0.1 })))).toEqual(await trained(sgd({ rate: 0.1 })));
  });

  test('the same part twice keeps its states apart', async () => {
    const [weight] = Object.values(
      await trained(chain(trace({ momentum: 0.5 }), trace({ momentum: 0.5 }), scaleByRate(1))),
    );
    // By hand: the trace of a trace, for the first element.
    let [w, first, second] = [generatedWeights()['layer.weight']!.data[0]!, 0, 0];
    for (const gradients of generatedGradients(3)) {
      first = 0.5 * first + gradients['layer.weight']![0]!;
      second = 0.5 * second + first;
      w -= second;
    }
    expect(weight![0]).toBeCloseTo(w, 5);
  });
});

describe('groups', () => {
  const rest: Group = { parameters: /./, optimiser: adamW({ rate: 0.1 }) };
  const idle: Group = { parameters: /no such name/, optimiser: sgd({ rate: 5, momentum: 0.9 }) };

  test('a group that takes nothing changes nothing, wherever it stands', async () => {
    const alone = await trained(adamW({ rate: 0.1 }));
    for (const members of [[rest], [idle, rest], [rest, idle], [idle, rest, idle]])
      expect(await trained(groups(members))).toEqual(alone);
  });

  test('each parameter goes its first group’s way and no other', async () => {
    const bias: Group = { parameters: ({ shape }) => shape.length === 1, optimiser: lion({ rate: 0.01 }) };
    const both = await trained(groups([bias, rest]));
    expect(both['layer.bias']).toEqual((await trained(lion({ rate: 0.01 })))['layer.bias']);
    expect(both['layer.weight']).toEqual((await trained(adamW({ rate: 0.1 })))['layer.weight']);
  });

  test('a parameter that no group takes is named', async () => {
    await expect(trained(groups([{ ...rest, parameters: /weight/ }]))).rejects.toThrow(
      'No group takes the parameter "layer.bias". Add a last group with `parameters: /./` for all that are left.',
    );
  });
});

test('an update that is no parameter’s is named', () => {
  const tensor = input('w', 'float32', [1]);
  const parameter: Parameter = { name: 'w', shape: [1], tensor };
  expect(() => sgd({ rate: 1 })(new Map([['v', tensor]]), [parameter], new StepScope())).toThrow(
    'There is an update for "v", which is not among the parameters.',
  );
});

describe('passes over the weights, which bound the speed of a step', () => {
  /** Operations whose result has the size of the weight. */
  function passes(optimiser: Transformation): number {
    const { scope, weights } = optimiserGraph(new Map([['w', [64, 3]]]), optimiser);
    const found = new Set<Tensor>();
    const open = [...scope.states.values(), ...weights].map(({ next }) => next);
    for (let tensor = open.pop(); tensor; tensor = open.pop()) {
      if (found.has(tensor)) continue;
      found.add(tensor);
      open.push(...tensor.inputs.filter((other) => other !== undefined));
    }
    return [...found].filter(({ shape, inputs }) => shape.join() === '64,3' && inputs.length > 0).length;
  }

  test.each<[string, Transformation, number]>([
    ['sgd', sgd({ rate: 0.1 }), 2],
    ['sgd with momentum', sgd({ rate: 0.1, momentum: 0.9 }), 4],
    ['adamW without decay', adamW({ rate: 0.1, weightDecay: 0 }), 10],
    ['adamW', adamW({ rate: 0.1 }), 12],
    ['lion with decay', lion({ rate: 0.1, weightDecay: 0.1 }), 10],
    [
      'clipped sgd: the square, the scaling with rate and clipping in one, the sum',
      chain(clipByGlobalNorm({ maxNorm: 1 }), sgd({ rate: 0.1 })),
      3,
    ],
  ])('%s', (_, optimiser, wanted) => {
    expect(passes(optimiser)).toBe(wanted);
  });
});
