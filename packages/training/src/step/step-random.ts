import { gather, input, type Tensor } from '@working-papers/graph';
import { randomKey } from '../random.ts';

/** The name of the input of a graph that its keys are read from. */
export const randomInput = 'random.keys';

/**
 * Keys for what is drawn within a step's graph, dropout say: each follows from the seed, the step's number, the batch's place in the step and
 * a name. So nothing of it is kept between steps, and a training that goes on elsewhere draws what it would have drawn.
 */
export class StepRandom {
  readonly seed: number;
  /** The input of the graph that all keys are read from: int64, one a name. */
  readonly keys: Tensor = input(randomInput, 'int64', ['randomKeys']);
  readonly #names: string[] = [];

  constructor(seed: number) {
    randomKey(seed);
    this.seed = seed;
  }

  /** An int64 scalar in [0, 2^62), another one for each name, step and batch. Throws where the name has one already. */
  key(name: string): Tensor {
    if (this.#names.includes(name)) throw new Error(`Two draws of a step have the name "${name}"; each needs its own.`);
    this.#names.push(name);
    return gather(this.keys, this.#names.length - 1);
  }

  /** What {@link keys} holds in the step that follows `step` others, for its batch number `batch`. */
  keysAt(step: number, batch = 0): BigInt64Array<ArrayBuffer> {
    return BigInt64Array.from(this.#names, (name) => {
      const [first, second] = randomKey(this.seed, 'step', step, batch, name);
      return (BigInt(first & 0x3fffffff) << 32n) | BigInt(second >>> 0);
    });
  }
}
