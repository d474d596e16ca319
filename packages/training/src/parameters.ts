import type { Tensor } from '@working-papers/graph';

/** A weight that training changes. */
export interface Parameter {
  /** As in the checkpoint: `model.layers.0.mlp.up_proj.weight`. */
  readonly name: string;
  readonly shape: readonly number[];
  /** Its value in the graph of a step: a float32 input. */
  readonly tensor: Tensor;
}

/** One tensor a parameter, by name: gradients, or what is made of them on the way to the weights. */
export type Updates = ReadonlyMap<string, Tensor>;
