import type { Dimension, Shape } from '../dimensions.ts';
import type { DataType, Tensor } from '../tensor.ts';

/** An ONNX attribute, its kind stated: JavaScript does not tell 1 from 1.0. */
export type OnnxAttribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly text: string }
  | { readonly ints: readonly number[] }
  | { readonly graph: WrittenGraph };

export type OnnxAttributes = Readonly<Record<string, OnnxAttribute | undefined>>;

export type OnnxDomain = '' | 'com.microsoft';

export interface WrittenNode {
  readonly type: string;
  readonly name: string;
  readonly domain: OnnxDomain;
  readonly inputs: readonly (string | undefined)[];
  readonly outputs: readonly (string | undefined)[];
  readonly attributes: OnnxAttributes;
}

interface WrittenValue {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: Shape;
}

/** A graph within a node; it may use values of the graph around it. */
export interface WrittenGraph {
  readonly nodes: readonly WrittenNode[];
  readonly inputs: readonly WrittenValue[];
  readonly outputs: readonly WrittenValue[];
}

/** What a rule may do while it is written: add nodes and small constants, ask for the value of a dimension. */
export interface OnnxWriter {
  /** Adds a node and returns the names of its outputs. An undefined input is an absent optional one. */
  node(
    type: string,
    inputs: readonly (string | undefined)[],
    options?: { attributes?: OnnxAttributes; domain?: OnnxDomain; outputs?: number | readonly boolean[] },
  ): string[];
  /** A constant int64 list. */
  int64s(values: readonly number[]): string;
  /** A constant scalar. */
  scalar(value: number, dtype: DataType): string;
  /** The int64 list of a shape; named dimensions are read from a tensor that carries them. */
  shape(shape: Shape): string;
  /** One dimension as an int64 list of length 1. */
  dimension(dimension: Dimension): string;
  /** The ONNX value of a tensor, written first where needed. */
  value(tensor: Tensor): string;
  /** The operations between the tensors, as a graph within a node; what else they need must have been written before. */
  subgraph(inputs: readonly Tensor[], outputs: readonly Tensor[]): WrittenGraph;
}

/** How an operation is written as ONNX. */
export type OnnxForm<Inputs, Attributes> =
  /** One node that takes the same inputs. */
  | {
      readonly type: string;
      readonly domain?: OnnxDomain;
      readonly attributes?: (attributes: Attributes) => OnnxAttributes;
      /** Which outputs the node writes, where some are left out in between. */
      readonly outputs?: readonly boolean[];
      /** Other operations instead, where the runtime has no kernel for these types. */
      readonly expand?: (inputs: Inputs, attributes: Attributes) => Tensor | undefined;
      /** The same in operations of the ONNX standard, where the node bears no domain and yet is ONNX Runtime's own. */
      readonly standard?: (inputs: Inputs, attributes: Attributes) => Tensor;
    }
  /** Nodes added by hand; returns the names of the outputs. */
  | {
      readonly write: (
        writer: OnnxWriter,
        values: readonly (string | undefined)[],
        operation: {
          readonly attributes: Attributes;
          readonly inputs: Inputs;
          readonly outputs: readonly Tensor[];
        },
      ) => string[];
    }
  /** Only other operations. */
  | { readonly expand: (inputs: Inputs, attributes: Attributes) => Tensor };
