/** States and weights written over their old values. */
import {
  add,
  gradient,
  input,
  matmul,
  matrixTranspose,
  mul,
  reduceSum,
  reshape,
  type Tensor,
} from '@working-papers/graph';
import { createRuntime } from '@working-papers/runtime/node';
import { afterAll, describe, expect, test } from 'vitest';
import type { Parameter } from '../parameters.ts';
import { nextName, StepScope } from '../step/scope.ts';
import { BoundStep } from '../testing/bound-step.ts';
import { generatedGradients, generatedWeights } from '../testing/generated-gradients.ts';
import { type OptimiserStepsOptions, startOptimiser } from '../testing/optimiser-steps.ts';
import { adafactor } from './adafactor.ts';
import { adamW } from './adam.ts';
import { applyUpdates } from './apply.ts';
import { clipByGlobalNorm } from './clipping.ts';
import { groups } from './groups.ts';
import { checkInPlace } from './in-place.ts';
import { lion } from './lion.ts';
import { sgd } from './sgd.ts';
import { chain, type Transformation } from './transformation.ts';
import { averageWeights } from './weight-average.ts';

const runtime = createRuntime();
afterAll(() => runtime.close());

const optimisers: Record<string, Transformation> = {
  adamW: adamW({ rate: 0.1, weightDecay: 0.1 }),
  'adamW, clipped, in groups': chain(
    clipByGlobalNorm({ maxNorm: 0.5 }),
    groups([
      { parameters: /bias/, optimiser: adamW({ rate: 0.2, decaySchedule: 0.1 }) },
      { parameters: /./, optimiser: sgd({ rate: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.1 }) },
    ]),
  ),
  'sgd, dampening': sgd({ rate: 0.1, momentum: 0.9, dampening: 0.3, weightDecay: 0.1 }),
  lion: lion({ rate: 0.01, weightDecay: 0.1 }),
  adafactor: adafactor({ weightDecay: 0.1 }),
};

describe('written in place, optimisers compute what they do with separate buffers, to the bit', () => {
  for (const optimisation of ['all', 'none'] as const)
    test.each(Object.keys(optimisers))(`%s, optimisation ${optimisation}`, async (name) => {
      const history = async (inPlace: boolean) => {
        const options: OptimiserStepsOptions = { inPlace, optimisation, average: averageWeights(0.7) };
        const run = await startOptimiser(runtime, generatedWeights(), optimisers[name]!, options);
        const seen: Float32Array[] = [];
        for (const gradients of generatedGradients(8)) {
          await run.step(gradients);
          for (const weight of Object.keys(gradients)) seen.push(run.weight(weight), run.state(`average.${weight}`));
        }
        run.release();
        return seen;
      };
      expect(await history(true)).toEqual(await history(false));
    });
});

/** Two layers whose gradients read the weights: that of the first layer needs the second's old weight. */
function network(waiting: boolean) {
  const shapes = { first: [3, 4], second: [4, 2] };
  const parameters = Object.entries(shapes).map(
    ([name, shape]): Parameter => ({ name, shape, tensor: input(name, 'float32', shape) }),
  );
  const [first, second] = parameters.map(({ tensor }) => tensor) as [Tensor, Tensor];
  const answer = matmul(matmul(input('x', 'float32', [5, 3]), first), second);
  const loss = reduceSum(mul(answer, answer));
  const gradients = gradient(loss, [first, second]);
  const scope = new StepScope({ after: waiting ? [...gradients, loss] : [] });
  const optimiser = sgd({ rate: 0.01, momentum: 0.5 });
  const updates = optimiser(new Map(parameters.map(({ name }, index) => [name, gradients[index]!])), parameters, scope);
  const next = applyUpdates(updates, parameters);
  const weights = parameters.map(({ name, tensor }) => ({ tensor, next: next.get(name)! }));
  return { scope, weights, outputs: { loss } };
}

async function train(graph: ReturnType<typeof network>, inPlace: boolean) {
  const step = await BoundStep.compile(runtime, graph, { inPlace });
  const numbers = (length: number, seed: number) => Float32Array.from({ length }, (_, i) => Math.sin(seed + 1.7 * i));
  for (const [name, length] of Object.entries({ x: 15, first: 12, second: 8 }))
    step.write(name, numbers(length, length));
  const losses: number[] = [];
  for (let count = 0; count < 6; count++) {
    await step.run();
    losses.push(step.read('loss')[0]!);
  }
  const results = { losses, first: step.read('first'), second: step.read('second') };
  step.release();
  return results;
}

describe('weights written by the graph that reads them', () => {
  test('are refused where an update does not wait for the gradients of other layers', () => {
    const { scope, weights, outputs } = network(false);
    expect(() => checkInPlace([...scope.states.values(), ...weights], Object.values(outputs))).toThrow(
      /^"second" is written in place, but its new value does not wait for `\w+`, which reads the old one\. Make it depend on that, or/,
    );
  });

  test('train as with separate buffers where the scalars wait for all gradients', async () => {
    const inPlace = await train(network(true), true);
    expect(inPlace).toEqual(await train(network(false), false));
    expect(inPlace.losses.at(-1)).toBeLessThan(inPlace.losses[0]! / 2);
  });

  test('clipping by the global norm waits for the gradients too', () => {
    const { weights } = network(false);
    const [first, second] = weights.map(({ tensor }) => tensor) as [Tensor, Tensor];
    const answer = matmul(matmul(input('x', 'float32', [5, 3]), first), second);
    const [a, b] = gradient(reduceSum(mul(answer, answer)), [first, second]) as [Tensor, Tensor];
    const parameters = [first, second].map((tensor) => ({
      name: tensor.name!,
      shape: tensor.shape as number[],
      tensor,
    }));
    const optimiser = chain(clipByGlobalNorm({ maxNorm: 1 }), sgd({ rate: 1 }));
    const next = applyUpdates(
      optimiser(
        new Map([
          ['first', a],
          ['second', b],
        ]),
        parameters,
        new StepScope(),
      ),
      parameters,
    );
    expect(() => checkInPlace(parameters.map(({ name, tensor }) => ({ tensor, next: next.get(name)! })))).not.toThrow();
  });
});

describe('checkInPlace', () => {
  const old = input('old', 'float32', [3, 3]);
  const other = input('other', 'float32', [3, 3]);

  test('takes a value whose last reader writes it', () => {
    expect(() => checkInPlace([{ tensor: old, next: add(mul(old, 2), mul(old, other)) }])).not.toThrow();
  });

  test.each<[string, Tensor]>([
    ['itself', matmul(old, other)],
    ['its transpose, which may be drawn into the product', matmul(matrixTranspose(old), other)],
    ['its memory under another shape', mul(reshape(old, [9]), reshape(other, [9]))],
  ])('refuses another output that reads %s', (_, reader) => {
    expect(() => checkInPlace([{ tensor: old, next: mul(other, 2) }], [reader])).toThrow('"old" is written in place');
  });

  test('refuses what swaps two values, and an old value as an output', () => {
    const swapped = [
      { tensor: old, next: other },
      { tensor: other, next: old },
    ];
    expect(() => checkInPlace(swapped)).toThrow('"old" is written in place and its old value is an output');
    expect(() => checkInPlace([{ tensor: old, next: mul(old, 2) }], [old])).toThrow('"old" is written in place and');
    expect(() => checkInPlace([{ tensor: old, next: old }])).not.toThrow();
  });

  test('refuses a product that reads what it writes', () => {
    expect(() => checkInPlace([{ tensor: old, next: matmul(old, other) }])).toThrow(
      '"old" is written in place by `matmul`, which reads the old value while it writes. Let an elementwise operation make the new value.',
    );
  });
});

test('outputs have names that follow from the inputs they replace', () => {
  expect(nextName('optimiser.mean.w')).toBe('optimiser.mean.w.next');
});
