import onnxProto from 'onnx-proto';
import type { Dimension } from '../dimensions.ts';
import { type DataType, elementBytes, ShapeError, type Tensor } from '../tensor.ts';
import type { OnnxAttribute } from './form.ts';
import { onnxTypes } from './types.ts';
import { GraphWriter, operationsBefore, type WrittenNode } from './writer.ts';

const { onnx } = onnxProto;

/** Name, type and shape of a program's input or output. */
export interface ValueInfo {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: readonly Dimension[];
}

/** A weight of a program: where its external data stand, and the bytes. */
export interface OnnxInitializer {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: readonly number[];
  /** Place in the file that the model names (`location` of the external data), should it be written; aligned to 4096 bytes. */
  readonly offset: number;
  readonly length: number;
  readonly bytes: () => Uint8Array;
}

export interface OnnxProgram {
  /** The model as bytes, without the weights. */
  readonly model: Uint8Array;
  readonly inputs: ValueInfo[];
  readonly outputs: ValueInfo[];
  readonly initializers: OnnxInitializer[];
  /** The file name that the model's external data entries carry. */
  readonly location: string;
}

/** The file name in external data entries. */
export const weightsLocation = 'weights.bin';

const opset = 21;
const irVersion = 10;
const alignment = 4096;

/** Writes the operations that lead to the outputs as an ONNX model whose outputs have the given names. */
export function toOnnx(outputs: Record<string, Tensor>): OnnxProgram {
  const entries = Object.entries(outputs);
  if (entries.length === 0) throw new ShapeError('toOnnx takes at least one output; got none.');
  const writer = new GraphWriter(operationsBefore(entries.map(([, tensor]) => tensor)));
  const nodes = nameOutputs(writer, entries);

  let offset = 0;
  const initializers = writer.initializers.map(({ name, dtype, shape, data }): OnnxInitializer => {
    const length = shape.reduce((product, size) => product * size, 1) * elementBytes(dtype);
    const place = offset;
    offset = Math.ceil((offset + length) / alignment) * alignment;
    return { name, dtype, shape, offset: place, length, bytes: () => checkedBytes(name, data, length) };
  });

  const graph = {
    name: 'graph',
    node: nodes.map(nodeProto),
    input: writer.inputs.map((tensor) => valueProto({ ...tensor, name: tensor.name! })),
    output: entries.map(([name, { dtype, shape }]) => valueProto({ name, dtype, shape })),
    initializer: [
      ...writer.constants.map(({ name, attributes: { dtype, shape, data } }) => ({
        name,
        dataType: onnxTypes[dtype],
        dims: [...shape],
        rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
      })),
      ...initializers.map(({ name, dtype, shape, offset, length }) => ({
        name,
        dataType: onnxTypes[dtype],
        dims: [...shape],
        dataLocation: 1,
        externalData: [
          { key: 'location', value: weightsLocation },
          { key: 'offset', value: String(offset) },
          { key: 'length', value: String(length) },
        ],
      })),
    ],
  };
  const model = onnx.ModelProto.encode({
    irVersion,
    producerName: 'working-papers',
    opsetImport: [
      { domain: '', version: opset },
      { domain: 'com.microsoft', version: 1 },
    ],
    graph,
  }).finish();
  return {
    model,
    inputs: writer.inputs.map(({ name, dtype, shape }) => ({ name: name!, dtype, shape })),
    outputs: entries.map(([name, { dtype, shape }]) => ({ name, dtype, shape })),
    initializers,
    location: weightsLocation,
  };
}

/**
 * Gives the outputs their names. A value made by a node is renamed, so that no copy stands between the node and a bound
 * output; inputs, weights and second names go through an Identity.
 */
function nameOutputs(writer: GraphWriter, entries: readonly (readonly [string, Tensor])[]): WrittenNode[] {
  const taken = new Set(writer.inputs.map(({ name }) => name!));
  const clash = entries.find(([name]) => taken.has(name));
  if (clash) throw new ShapeError(`The output '${clash[0]}' has the name of an input; names must differ.`);
  const made = new Set(writer.nodes.flatMap(({ outputs }) => outputs));
  const fixed = new Set([...taken, ...writer.initializers.map(({ name }) => name)]);
  const renamed = new Map<string, string>();
  const copies: WrittenNode[] = [];
  for (const [name, tensor] of entries) {
    const value = writer.value(tensor);
    if (made.has(value) && !renamed.has(value)) renamed.set(value, name);
    else
      copies.push({
        type: 'Identity',
        name: `output/${name}`,
        domain: '',
        inputs: [value],
        outputs: [name],
        attributes: {},
      });
  }
  // A value that happens to bear an output's name gives way.
  const outputNames = new Set(entries.map(([name]) => name));
  for (const value of [...made, ...writer.constants.map(({ name }) => name)]) {
    if (value === undefined || !outputNames.has(value) || renamed.has(value)) continue;
    let name = `${value}_inner`;
    while (made.has(name) || fixed.has(name) || outputNames.has(name)) name += '_';
    renamed.set(value, name);
  }
  const initializer = entries.find(([name]) => fixed.has(name));
  if (initializer) {
    throw new ShapeError(`The output '${initializer[0]}' has the name of an initialiser; names must differ.`);
  }
  const current = (value: string | undefined) => (value === undefined ? undefined : (renamed.get(value) ?? value));
  for (const constant of writer.constants) constant.name = current(constant.name)!;
  return [...writer.nodes, ...copies].map((node) => ({
    ...node,
    inputs: node.inputs.map(current),
    outputs: copies.includes(node) ? node.outputs : node.outputs.map(current),
  }));
}

function checkedBytes(name: string, data: Uint8Array | (() => Uint8Array), length: number): Uint8Array {
  const bytes = data instanceof Uint8Array ? data : data();
  if (bytes.byteLength !== length) {
    throw new ShapeError(`initializer '${name}': its shape takes ${length} bytes; its data gave ${bytes.byteLength}.`);
  }
  return bytes;
}

function nodeProto(node: WrittenNode) {
  const attributes = Object.entries(node.attributes);
  return {
    opType: node.type,
    name: node.name,
    domain: node.domain,
    input: node.inputs.map((name) => name ?? ''),
    output: node.outputs.map((name) => name ?? ''),
    attribute: attributes.flatMap(([name, value]) => (value === undefined ? [] : [attributeProto(name, value)])),
  };
}

function attributeProto(name: string, value: OnnxAttribute) {
  const { AttributeType } = onnx.AttributeProto;
  if ('int' in value) return { name, type: AttributeType.INT, i: value.int };
  if ('float' in value) return { name, type: AttributeType.FLOAT, f: value.float };
  if ('text' in value) return { name, type: AttributeType.STRING, s: new TextEncoder().encode(value.text) };
  return { name, type: AttributeType.INTS, ints: [...value.ints] };
}

function valueProto({ name, dtype, shape }: ValueInfo) {
  const dim = shape.map((dimension) =>
    typeof dimension === 'number' ? { dimValue: dimension } : { dimParam: dimension },
  );
  return { name, type: { tensorType: { elemType: onnxTypes[dtype], shape: { dim } } } };
}
