import onnxProto from 'onnx-proto';
import type { Dimension } from '../dimensions.ts';
import type { InitializerAttributes } from '../operations/sources.ts';
import { type DataType, elementBytes, ShapeError, type Tensor } from '../tensor.ts';
import type { OnnxAttribute, WrittenGraph, WrittenNode } from './form.ts';
import { onnxTypes } from './types.ts';
import { GraphWriter, operationsBefore } from './writer.ts';

const { onnx } = onnxProto;

/** Name, type and shape of a program's input or output. */
export interface ValueInfo {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: readonly Dimension[];
}

/** A weight of a program: where its external data stand, and the bytes. */
export interface OnnxInitializer {
  /** The same object in every program that holds the same weight. */
  readonly identity: object;
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: readonly number[];
  /** Place in the file that the model names (`location` of the external data), should it be written; aligned to 4096 bytes. */
  readonly offset: number;
  readonly length: number;
  readonly bytes: () => Promise<Uint8Array>;
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

export interface OnnxSettings {
  /** The name of the file of weights. Default {@link weightsLocation}. */
  location?: string | undefined;
  /**
   * Writes what bears no domain in operations of the ONNX standard alone, so that a checker of the format takes it; the fused
   * operators of `com.microsoft` stay. Default false: ONNX Runtime's quickest.
   */
  standard?: boolean | undefined;
}

const opset = 21;
const irVersion = 10;
const alignment = 4096;

/**
 * Writes the operations that lead to the outputs as an ONNX model whose outputs have the given names. The weights are external data
 * in a file beside the model's.
 */
export function toOnnx(
  outputs: Record<string, Tensor>,
  { location = weightsLocation, standard }: OnnxSettings = {},
): OnnxProgram {
  const entries = Object.entries(outputs);
  if (entries.length === 0) throw new ShapeError('toOnnx takes at least one output; got none.');
  const writer = new GraphWriter(operationsBefore(entries.map(([, tensor]) => tensor)), { standard });
  const nodes = nameOutputs(writer, entries);

  let offset = 0;
  const initializers = writer.initializers.map((identity): OnnxInitializer => {
    const { name, dtype, shape, data } = identity;
    const length = shape.reduce((product, size) => product * size, 1) * elementBytes(dtype);
    const place = offset;
    offset = Math.ceil((offset + length) / alignment) * alignment;
    return { identity, name, dtype, shape, offset: place, length, bytes: () => checkedBytes(name, data, length) };
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
          { key: 'location', value: location },
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
    location,
  };
}

/** The file of a program's weights, in pieces from its beginning to its end: each weight and what aligns the next. */
export async function* externalData({ initializers }: OnnxProgram): AsyncGenerator<Uint8Array> {
  let end = 0;
  for (const { offset, length, bytes } of initializers) {
    if (offset > end) yield new Uint8Array(offset - end);
    yield await bytes();
    end = offset + length;
  }
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
  for (const value of [...made, ...within(writer.nodes), ...writer.constants.map(({ name }) => name)]) {
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
  const nodes = writer.nodes.map((node) => renamedNode(node, current));
  return [...nodes, ...copies.map((node) => ({ ...node, inputs: node.inputs.map(current) }))];
}

/** The node with other names for its values, and for those of graphs within it. */
function renamedNode(node: WrittenNode, current: (value: string | undefined) => string | undefined): WrittenNode {
  const attributes = Object.entries(node.attributes).map(([name, value]) => {
    if (!value || !('graph' in value)) return [name, value] as const;
    const { nodes, inputs, outputs } = value.graph;
    const graph: WrittenGraph = {
      nodes: nodes.map((inner) => renamedNode(inner, current)),
      inputs: inputs.map((info) => ({ ...info, name: current(info.name)! })),
      outputs: outputs.map((info) => ({ ...info, name: current(info.name)! })),
    };
    return [name, { graph }] as const;
  });
  return {
    ...node,
    inputs: node.inputs.map(current),
    outputs: node.outputs.map(current),
    attributes: Object.fromEntries(attributes),
  };
}

/** Values of the graphs within nodes. */
function within(nodes: readonly WrittenNode[]): (string | undefined)[] {
  return nodes.flatMap(({ attributes }) =>
    Object.values(attributes).flatMap((value) =>
      value && 'graph' in value
        ? [
            ...value.graph.inputs.map(({ name }) => name),
            ...value.graph.nodes.flatMap(({ outputs }) => outputs),
            ...within(value.graph.nodes),
          ]
        : [],
    ),
  );
}

async function checkedBytes(name: string, data: InitializerAttributes['data'], length: number): Promise<Uint8Array> {
  const bytes = await (data instanceof Uint8Array ? data : data());
  if (bytes.byteLength !== length) {
    throw new ShapeError(`initializer '${name}': its shape takes ${length} bytes; its data gave ${bytes.byteLength}.`);
  }
  return bytes;
}

function nodeProto(node: WrittenNode): onnxProto.onnx.INodeProto {
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
  if ('graph' in value) {
    const { nodes, inputs, outputs } = value.graph;
    const g = { name, node: nodes.map(nodeProto), input: inputs.map(valueProto), output: outputs.map(valueProto) };
    return { name, type: AttributeType.GRAPH, g };
  }
  return { name, type: AttributeType.INTS, ints: [...value.ints] };
}

function valueProto({ name, dtype, shape }: ValueInfo) {
  const dim = shape.map((dimension) =>
    typeof dimension === 'number' ? { dimValue: dimension } : { dimParam: dimension },
  );
  return { name, type: { tensorType: { elemType: onnxTypes[dtype], shape: { dim } } } };
}
