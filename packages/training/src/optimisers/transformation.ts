import type { Tensor } from '@working-papers/graph';
import type { Parameter, Updates } from '../parameters.ts';

/** What a transformation keeps from one step to the next, and what it is told at each. */
export interface OptimiserScope {
  /** A float32 tensor that lives between steps, zeros before the first; one a name. */
  state(name: string, shape: readonly number[]): Tensor;
  /**
   * What that state is after the step. It is written over the old value, in the same memory, so `next` must depend on
   * everything that reads the old value: read it once and make the rest of what came of that.
   */
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

/** A scope whose names begin with a prefix. */
export const within = (scope: OptimiserScope, prefix: string): OptimiserScope => ({
  state: (name, shape) => scope.state(prefix + name, shape),
  put: (name, next) => scope.put(prefix + name, next),
  scalar: (name, of) => scope.scalar(prefix + name, of),
});

/** Each update changed by itself. Throws where an update is no parameter's. */
export function mapUpdates(
  updates: Updates,
  parameters: readonly Parameter[],
  change: (update: Tensor, parameter: Parameter) => Tensor,
): Updates {
  const byName = new Map(parameters.map((parameter) => [parameter.name, parameter]));
  return new Map(
    [...updates].map(([name, update]) => {
      const parameter = byName.get(name);
      if (!parameter) throw new Error(`There is an update for "${name}", which is not among the parameters.`);
      return [name, change(update, parameter)];
    }),
  );
}
