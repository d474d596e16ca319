/** The graphs of a step: loss and gradients of a batch, and what they make of the weights. */
import {
  add,
  constant,
  div,
  gradient,
  greater,
  input,
  mul,
  type Segment,
  type Tensor,
  where,
} from '@working-papers/graph';
import { type AfterUpdate, applyUpdates } from '../optimisers/apply.ts';
import { globalNorm } from '../optimisers/clipping.ts';
import { checkInPlace, type Replaced } from '../optimisers/in-place.ts';
import type { Transformation } from '../optimisers/transformation.ts';
import type { Parameter, Updates } from '../parameters.ts';
import { nextName, StepScope } from './scope.ts';
import type { StepRandom } from './step-random.ts';

/** What one step of training is made of. */
export interface TrainingGraph {
  /** A float32 scalar; its graph's inputs, other than the parameters, are what a batch gives. */
  loss: Tensor;
  /** Further float32 scalars that are handed out after each step. */
  metrics?: Readonly<Record<string, Tensor>>;
  parameters: readonly Parameter[];
  optimiser: Transformation;
  /** Changes each new weight before it is kept. */
  afterUpdate?: AfterUpdate;
  /** What is computed again in the backward pass instead of being kept; see `blockSegments`. */
  recompute?: readonly Segment[];
  /** Where the graph's dropout has its keys from; a step tells it its number. */
  random?: StepRandom;
  /**
   * A float32 scalar, at least 0: how much a batch counts among those of one step. Where the loss is a mean over labelled tokens it is their
   * number (`labelledWeight`), and several batches then make the step that one of all their rows would; without it each batch counts the
   * same, and a token of a short one more than others.
   */
  weight?: Tensor;
  /** What {@link TrainingStep.watch} says beside the metrics; steps that are run otherwise do not compute it. */
  watched?: Watched;
}

/** Float32 scalars about what is inside of a step. */
export interface Watched {
  metrics?: Readonly<Record<string, Tensor>>;
  /** Of the gradients, before the optimiser has them. */
  gradients?(gradients: Updates): Readonly<Record<string, Tensor>>;
  /** Of what is added to the weights. */
  changes?(changes: Updates): Readonly<Record<string, Tensor>>;
}

/** The outputs of a program, and the states and scalars of its optimiser. */
export interface StepProgram {
  readonly outputs: Record<string, Tensor>;
  readonly scope: StepScope;
}

/** One program for a step of one batch: loss, gradients and update. */
export function wholeStep(graph: TrainingGraph): StepProgram {
  const { loss, metrics = {}, parameters, recompute } = graph;
  return update(graph, gradientsOf(loss, parameters, recompute), { loss, ...named('metric.', metrics) });
}

/** The same step to the same bits, which also says what is `watched`. */
export function watchedStep(graph: TrainingGraph, watched: Watched): StepProgram {
  const { loss, metrics = {}, parameters, recompute } = graph;
  const gradients = gradientsOf(loss, parameters, recompute);
  const seen = { ...metrics, ...watched.metrics, ...watched.gradients?.(gradients) };
  return update(graph, gradients, { loss, ...named('metric.', seen) }, watched.changes);
}

/** Two programs for steps of several batches: one adds a batch to sums that stay in memory, the other makes the update of them. */
export function accumulatedStep(graph: TrainingGraph): {
  batch: Record<string, Tensor>;
  update: StepProgram;
  sums: ReadonlyMap<string, readonly number[]>;
} {
  const { loss, metrics = {}, parameters, recompute, weight } = graph;
  const weighed = (tensor: Tensor) => (weight ? mul(tensor, weight) : tensor);
  const gradients = gradientsOf(weighed(loss), parameters, recompute);
  const sums: Replaced[] = [];
  const summed = (name: string, shape: readonly number[], term: Tensor): Tensor => {
    const tensor = input(`sum.${name}`, 'float32', shape);
    sums.push({ tensor, next: add(tensor, term) });
    return tensor;
  };
  const total = summed('weight', [], weight ?? constant(1, 'float32'));
  const divisor = where(greater(total, 0), total, 1);
  const mean = (name: string, shape: readonly number[], term: Tensor) => div(summed(name, shape, term), divisor);
  const updates: Updates = new Map(
    parameters.map(({ name, shape }) => [name, mean(`gradient.${name}`, shape, gradients.get(name)!)]),
  );
  const reported = Object.fromEntries(
    Object.entries({ loss, ...named('metric.', metrics) }).map(([name, tensor]) => [
      name,
      mean(name, [], weighed(tensor)),
    ]),
  );
  checkInPlace(sums);
  return {
    batch: Object.fromEntries(sums.map(({ tensor, next }) => [nextName(tensor.name!), next])),
    update: update(graph, updates, reported),
    sums: new Map(sums.map(({ tensor }) => [tensor.name!, tensor.shape as readonly number[]])),
  };
}

function gradientsOf(loss: Tensor, parameters: readonly Parameter[], recompute: TrainingGraph['recompute']): Updates {
  const tensors = parameters.map(({ tensor }) => tensor);
  const gradients = gradient(loss, tensors, { recompute });
  return new Map(parameters.map(({ name }, index) => [name, gradients[index]!]));
}

/** New weights and state in place of the old ones, after all that reads them: the norm of all gradients and what else is reported. */
function update(
  { parameters, optimiser, afterUpdate }: TrainingGraph,
  gradients: Updates,
  others: Record<string, Tensor>,
  watchChanges: Watched['changes'] = () => ({}),
): StepProgram {
  const reported: Record<string, Tensor> = { ...others, gradientNorm: globalNorm(gradients) };
  const scope = new StepScope({ after: Object.values(reported) });
  const changes = optimiser(gradients, parameters, scope);
  Object.assign(reported, named('metric.', watchChanges(changes)));
  const weights = applyUpdates(changes, parameters, afterUpdate);
  const outputs = { ...reported, ...scope.outputs };
  for (const [name, next] of weights) outputs[nextName(`weight.${name}`)] = next;
  const replaced = parameters.flatMap(({ name, tensor }) => {
    const next = weights.get(name);
    return next ? [{ tensor, next }] : [];
  });
  checkInPlace([...replaced, ...scope.states.values()], Object.values(reported));
  return { outputs, scope };
}

const named = (prefix: string, tensors: Readonly<Record<string, Tensor>>): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [prefix + name, tensor]));
