import type { Tensor } from '@working-papers/graph';
import type { Parameter, Updates } from '../parameters.ts';

/** What a transformation keeps from one step to the next, and what it is told at each. */
export interface OptimiserScope {
  /** A float32 tensor that lives between steps, zeros before the first; one a name. */
  state(name: string, shape: readonly number[]): Tensor;
  /** What that state is after the step. */
  put(name: string, next: Tensor): void;
  /** A float32 scalar that is computed before each step, from the number of steps done so far (0 before the first); in double precision until it is handed over. */
  scalar(name: string, of: (step: number) => number): Tensor;
}

/**
 * A part of an optimiser: makes updates of updates, in the graph of the step (Optax, whose names these are). What comes out of the
 * last one is added to the weights.
 */
export type Transformation = (updates: Updates, parameters: readonly Parameter[], scope: OptimiserScope) => Updates;

/** One after the other; each has names of its own in the scope. */
export const chain =
  (...parts: readonly Transformation[]): Transformation =>
  (updates, parameters, scope) =>
    parts.reduce((current, part, index) => part(current, parameters, within(scope, `${index}.`)), updates);

const within = (scope: OptimiserScope, prefix: string): OptimiserScope => ({
  state: (name, shape) => scope.state(prefix + name, shape),
  put: (name, next) => scope.put(prefix + name, next),
  scalar: (name, of) => scope.scalar(prefix + name, of),
});
