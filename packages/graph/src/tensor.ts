import { canonical, checkDimension, type Dimension, formatShape, type Shape } from './dimensions.ts';
import type { OnnxForm } from './onnx/form.ts';

/** Types of elements; the names are NumPy's. */
export type DataType = 'float32' | 'float64' | 'float16' | 'bfloat16' | 'int64' | 'int32' | 'int8' | 'uint8' | 'bool';

/** Elements as JavaScript holds them: Uint16Array carries the bits of float16 and bfloat16, Uint8Array also bool. */
export type TensorData =
  | Float32Array
  | Float64Array
  | Uint16Array
  | BigInt64Array
  | Int32Array
  | Int8Array
  | Uint8Array;

/** Element type and shape: what a shape rule answers for each output. */
export interface TensorType {
  readonly dtype: DataType;
  readonly shape: Shape;
}

/**
 * A symbolic tensor: a handle on one output of an operation. It holds no numbers; `toOnnx` turns the operations that
 * lead to it into a program.
 */
export interface Tensor extends TensorType {
  readonly op: Operation;
  readonly inputs: readonly (Tensor | undefined)[];
  /** Which output of `op` this is. */
  readonly index: number;
  /** A stable name for taps, profiles and errors; the value's name in the ONNX graph where it is free. */
  name?: string;
}

/** One application of a rule: a node of the graph. Its outputs share it. */
export interface Operation {
  readonly rule: Rule;
  readonly attributes: unknown;
  readonly inputs: readonly (Tensor | undefined)[];
  readonly outputs: readonly Tensor[];
}

/** What a gradient rule is given. */
export interface Flow<Inputs, Attributes> {
  readonly inputs: Inputs;
  readonly outputs: readonly Tensor[];
  /** The first output, and the gradient of the loss with respect to it. */
  readonly output: Tensor;
  readonly gradient: Tensor;
  /** Gradients with respect to every output; zeros where the loss does not depend on one of several, undefined for integers. */
  readonly gradients: readonly (Tensor | undefined)[];
  /** The inputs whose gradients are asked for, for a rule that would have to compute more for others. */
  readonly wanted: readonly boolean[];
  readonly attributes: Attributes;
}

/**
 * A row of the operation table: all that is known of an operation, in one place.
 *
 * - `infer` is the shape rule: types and shapes of the outputs, or a ShapeError that names the operation and the shapes.
 * - `gradient` gives the gradient with respect to each input (undefined: none flows). It may build gradients that
 *   nobody asked for: handles cost nothing until they are written.
 * - `again` gives the inputs with which it is computed again after `zero`, a float32 -0 that waits; only where what does not depend on
 *   activations would be held until then.
 * - `onnx` says how it is written: as one ONNX node, by a function that adds nodes, or in terms of other operations.
 */
// biome-ignore lint/suspicious/noExplicitAny: the table holds rows of many input and attribute types
export interface Rule<Inputs extends readonly (Tensor | undefined)[] = any, Attributes = any> {
  readonly name: string;
  readonly infer: (inputs: Inputs, attributes: Attributes) => readonly TensorType[];
  readonly gradient?: (flow: Flow<Inputs, Attributes>) => readonly (Tensor | undefined)[];
  readonly again?: (inputs: Inputs, zero: Tensor) => readonly (Tensor | undefined)[];
  readonly onnx: OnnxForm<Inputs, Attributes>;
}

/** A shape or type that an operation cannot take; the message names the operation, the shapes and the remedy. */
export class ShapeError extends Error {
  override readonly name = 'ShapeError';
}

/** The table: every operation whose module has been loaded. */
export const operationTable: Rule[] = [];

/** Declares a row of the table. */
export function rule<Inputs extends readonly (Tensor | undefined)[], Attributes = undefined>(
  row: Rule<Inputs, Attributes>,
): Rule<Inputs, Attributes> {
  operationTable.push(row);
  return row;
}

/** Applies a rule and returns all outputs. */
export function applyAll<Inputs extends readonly (Tensor | undefined)[], Attributes>(
  row: Rule<Inputs, Attributes>,
  inputs: Inputs,
  attributes: Attributes,
): Tensor[] {
  const types = row.infer(inputs, attributes);
  const outputs: Tensor[] = [];
  const op: Operation = { rule: row, attributes, inputs, outputs };
  for (const [index, { dtype, shape }] of types.entries()) outputs.push({ dtype, shape, op, inputs, index });
  return outputs;
}

/** Applies a rule with one output. */
export function apply<Inputs extends readonly (Tensor | undefined)[]>(
  row: Rule<Inputs, undefined>,
  inputs: Inputs,
): Tensor;
export function apply<Inputs extends readonly (Tensor | undefined)[], Attributes>(
  row: Rule<Inputs, Attributes>,
  inputs: Inputs,
  attributes: Attributes,
): Tensor;
export function apply<Inputs extends readonly (Tensor | undefined)[], Attributes>(
  row: Rule<Inputs, Attributes>,
  inputs: Inputs,
  attributes?: Attributes,
): Tensor {
  return applyAll(row, inputs, attributes as Attributes)[0]!;
}

/** `float32 [batch, 576]`: how tensors are written in errors. */
export function describe(tensor: TensorType): string {
  return `${tensor.dtype} ${formatShape(tensor.shape)}`;
}

export function isFloat(dtype: DataType): boolean {
  return dtype === 'float32' || dtype === 'float64' || dtype === 'float16' || dtype === 'bfloat16';
}

/** Bytes of one element. */
export function elementBytes(dtype: DataType): number {
  switch (dtype) {
    case 'float64':
    case 'int64':
      return 8;
    case 'float32':
    case 'int32':
      return 4;
    case 'float16':
    case 'bfloat16':
      return 2;
    default:
      return 1;
  }
}

/** Canonical form of a shape given from outside; a RangeError names the operation. */
export function checkShape(shape: Shape, where: string): Dimension[] {
  for (const dimension of shape) checkDimension(dimension, where);
  return shape.map(canonical);
}

/** The axis counted from the front; a ShapeError names the operation when the tensor has no such axis. */
export function checkAxis(axis: number, rank: number, where: string): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    throw new ShapeError(`${where}: there is no axis ${axis} in a tensor of ${rank} dimensions.`);
  }
  return axis < 0 ? axis + rank : axis;
}

let freshDimensions = 0;

/** A dimension name that nothing else has, for sizes known only when the program runs. */
export function freshDimension(prefix: string): string {
  freshDimensions += 1;
  return `${prefix}.${freshDimensions}`;
}
