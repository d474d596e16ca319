import { add, input, type Tensor, zeroAfter } from '@working-papers/graph';
import type { OptimiserScope } from '../optimisers/transformation.ts';

/** A tensor that lives between steps. */
export interface State {
  readonly shape: readonly number[];
  /** Its old value: a float32 input of the graph. */
  readonly tensor: Tensor;
  /** Its new value. */
  readonly next: Tensor;
}

export interface StepScopeOptions {
  /** Begins the names of inputs and outputs. Default `optimiser.`. */
  prefix?: string;
  /**
   * Tensors that must be computed before anything that depends on a scalar of this scope: all gradients, the loss and whatever else reads
   * weights, where weights are written in place by the graph that reads them.
   */
  after?: readonly Tensor[];
}

/**
 * Collects what optimisers keep and want to be told, so that a loop can compile and bind it: the states as inputs with their new
 * values as outputs, and the scalars as inputs with what computes them.
 */
export class StepScope implements OptimiserScope {
  /** What each scalar input is at a step, by the input's name: a float32 tensor of no dimensions. */
  readonly scalars = new Map<string, (step: number) => number>();
  readonly #prefix: string;
  readonly #zero: Tensor | undefined;
  readonly #states = new Map<string, { shape: readonly number[]; tensor: Tensor; next?: Tensor }>();

  constructor({ prefix = 'optimiser.', after = [] }: StepScopeOptions = {}) {
    this.#prefix = prefix;
    this.#zero = after.length > 0 ? zeroAfter(after) : undefined;
  }

  state(name: string, shape: readonly number[]): Tensor {
    const full = this.#fresh(name);
    const tensor = input(full, 'float32', shape);
    this.#states.set(full, { shape, tensor });
    return tensor;
  }

  put(name: string, next: Tensor): void {
    const state = this.#states.get(this.#prefix + name);
    if (!state) throw new Error(`"${name}" is put but no state of that name was asked for.`);
    if (state.next) throw new Error(`The state "${name}" is put twice; a step gives it one new value.`);
    if (next.dtype !== 'float32' || next.shape.join() !== state.shape.join())
      throw new TypeError(
        `The state "${name}" is float32 [${state.shape}]; what is put is ${next.dtype} [${next.shape}].`,
      );
    state.next = next;
  }

  scalar(name: string, of: (step: number) => number): Tensor {
    const full = this.#fresh(name);
    this.scalars.set(full, of);
    const tensor = input(full, 'float32', []);
    return this.#zero ? add(tensor, this.#zero) : tensor;
  }

  /** The states by the names of their inputs; each begins as zeros. Throws where one was never put. */
  get states(): ReadonlyMap<string, State> {
    return new Map(
      [...this.#states].map(([name, { shape, tensor, next }]) => {
        if (!next) throw new Error(`The state "${name}" is asked for but never put; it would stay as it began.`);
        return [name, { shape, tensor, next }];
      }),
    );
  }

  /** The new values of the states, by the names they have as outputs: the input's and `.next`. */
  get outputs(): Record<string, Tensor> {
    return Object.fromEntries([...this.states].map(([name, { next }]) => [nextName(name), next]));
  }

  /** The value of every scalar before the step that follows `step` others, by the input's name. Throws where one is not finite. */
  scalarsAt(step: number): Map<string, number> {
    return new Map(
      [...this.scalars].map(([name, of]) => {
        const value = of(step);
        if (!Number.isFinite(value))
          throw new RangeError(
            `The scalar "${name}" is ${value} at step ${step}; its schedule must give finite numbers.`,
          );
        return [name, value];
      }),
    );
  }

  #fresh(name: string): string {
    const full = this.#prefix + name;
    if (this.#states.has(full) || this.scalars.has(full))
      throw new Error(`Two states or scalars of the optimiser have the name "${name}"; each needs one of its own.`);
    return full;
  }
}

/** The output's name for the new value of what the input `name` holds. */
export const nextName = (name: string): string => `${name}.next`;
