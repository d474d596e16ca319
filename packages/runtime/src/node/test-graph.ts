/**
 * ONNX bytes for this room's tests, written straight with onnx-proto, so that they do not lean on the graph package.
 */
import type { DataType, OnnxProgram, ValueInfo } from '@working-papers/graph';
import onnxProto from 'onnx-proto';
import { elementCount, elements } from './element.ts';

const { onnx } = onnxProto;

export interface TestNode {
  op: string;
  inputs: readonly string[];
  outputs: readonly string[];
  domain?: string;
  integers?: Record<string, number>;
}

export const value = (name: string, dtype: DataType, shape: readonly (number | string)[]): ValueInfo => ({
  name,
  dtype,
  shape,
});

const shapeProto = (shape: readonly (number | string)[]) => ({
  dim: shape.map((dimension) => (typeof dimension === 'number' ? { dimValue: dimension } : { dimParam: dimension })),
});

const valueProto = ({ name, dtype, shape }: ValueInfo) => ({
  name,
  type: { tensorType: { elemType: elements[dtype].code, shape: shapeProto(shape) } },
});

/** A model of the given nodes; `weights` are declared as external data. */
export function testModel(graph: {
  inputs: ValueInfo[];
  outputs: ValueInfo[];
  nodes: TestNode[];
  weights?: { name: string; dtype: DataType; shape: number[]; bytes: () => Uint8Array }[];
  constants?: { name: string; dtype: DataType; shape: number[]; data: ArrayBufferView }[];
}): OnnxProgram {
  const { inputs, outputs, nodes, constants = [] } = graph;
  let end = 0;
  const initializers = (graph.weights ?? []).map((weight) => {
    const length = elementCount(weight.shape) * elements[weight.dtype].bytes;
    const offset = Math.ceil(end / 4096) * 4096;
    end = offset + length;
    return { ...weight, identity: weight, bytes: async () => weight.bytes(), offset, length };
  });
  const model = onnx.ModelProto.encode({
    irVersion: 10,
    opsetImport: [
      { domain: '', version: 21 },
      { domain: 'com.microsoft', version: 1 },
    ],
    graph: {
      name: 'test',
      input: inputs.map(valueProto),
      output: outputs.map(valueProto),
      node: nodes.map(({ op, domain = '', integers = {}, ...node }) => ({
        opType: op,
        domain,
        input: [...node.inputs],
        output: [...node.outputs],
        attribute: Object.entries(integers).map(([name, i]) => ({
          name,
          i,
          type: onnx.AttributeProto.AttributeType.INT,
        })),
      })),
      initializer: [
        ...constants.map(({ name, dtype, shape, data }) => ({
          name,
          dataType: elements[dtype].code,
          dims: shape,
          rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
        })),
        ...initializers.map(({ name, dtype, shape, offset, length }) => ({
          name,
          dataType: elements[dtype].code,
          dims: [...shape],
          dataLocation: onnx.TensorProto.DataLocation.EXTERNAL,
          externalData: Object.entries({ location: 'weights', offset, length }).map(([key, value]) => ({
            key,
            value: String(value),
          })),
        })),
      ],
    },
  }).finish();
  return { model, inputs, outputs, initializers, location: 'weights' };
}
