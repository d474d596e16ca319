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

/** Some of the parameters: those whose name the pattern is found in, or those that the function says true of. */
export type Selection = RegExp | ((parameter: Parameter) => boolean);

/** Whether a parameter is among the selected. */
export const isSelected = (selection: Selection, parameter: Parameter): boolean =>
  selection instanceof RegExp ? parameter.name.search(selection) >= 0 : selection(parameter);
