/** Optimisers over given gradients, without a model. */
import { input, type Tensor } from '@working-papers/graph';
import type { Runtime } from '@working-papers/runtime';
import { type AfterUpdate, applyUpdates } from '../optimisers/apply.ts';
import type { Transformation } from '../optimisers/transformation.ts';
import type { averageWeights } from '../optimisers/weight-average.ts';
import type { Parameter } from '../parameters.ts';
import { StepScope } from '../step/scope.ts';
import { BoundStep, type BoundStepOptions } from './bound-step.ts';

export type Numbers = Record<string, { shape: readonly number[]; data: Float32Array }>;

export interface OptimiserStepsOptions extends BoundStepOptions {
  afterUpdate?: AfterUpdate;
  average?: ReturnType<typeof averageWeights>;
  /** Other outputs of the graph, by name; may be filled while the optimiser builds it. */
  outputs?: Record<string, Tensor>;
}

export interface OptimiserSteps {
  /** One step with these gradients, by the weights' names. */
  step(gradients: Record<string, Float32Array>): Promise<void>;
  weight(name: string): Float32Array;
  state(name: string): Float32Array;
  output(name: string): Float32Array;
  release(): void;
}

/** The names that weights and their gradients have as inputs. */
const weightInput = (name: string) => `weight.${name}`;
const gradientInput = (name: string) => `gradient.${name}`;

/** The graph of an optimiser's step over weights of these shapes, with an input for each gradient. */
export function optimiserGraph(
  shapes: ReadonlyMap<string, readonly number[]>,
  optimiser: Transformation,
  { afterUpdate, average }: Pick<OptimiserStepsOptions, 'afterUpdate' | 'average'> = {},
) {
  const parameters = [...shapes].map(([name, shape]): Parameter => {
    return { name, shape, tensor: input(weightInput(name), 'float32', shape) };
  });
  const gradients = new Map(parameters.map(({ name, shape }) => [name, input(gradientInput(name), 'float32', shape)]));
  const scope = new StepScope();
  const next = applyUpdates(optimiser(gradients, parameters, scope), parameters, afterUpdate);
  average?.(next, scope);
  const weights = parameters.flatMap(({ name, tensor }) => {
    const replacement = next.get(name);
    return replacement ? [{ tensor, next: replacement }] : [];
  });
  return { scope, weights };
}

/** Compiles an optimiser's step and starts it from the weights given. */
export async function startOptimiser(
  runtime: Runtime,
  weights: Numbers,
  optimiser: Transformation,
  options: OptimiserStepsOptions = {},
): Promise<OptimiserSteps> {
  const shapes = new Map(Object.entries(weights).map(([name, { shape }]) => [name, shape]));
  const bound = await BoundStep.compile(
    runtime,
    { ...optimiserGraph(shapes, optimiser, options), outputs: options.outputs ?? {} },
    options,
  );
  for (const [name, { data }] of Object.entries(weights)) bound.write(weightInput(name), data);
  return {
    step: async (gradients) => {
      for (const [name, data] of Object.entries(gradients)) bound.write(gradientInput(name), data);
      await bound.run();
    },
    weight: (name) => bound.read(weightInput(name)),
    state: (name) => bound.read(`optimiser.${name}`),
    output: (name) => bound.read(name),
    release: () => bound.release(),
  };
}
