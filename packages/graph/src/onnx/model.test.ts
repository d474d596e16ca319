import onnxProto from 'onnx-proto';
import { describe, expect, it } from 'vitest';
import {
  add,
  constant,
  groupQueryAttention,
  initializer,
  input,
  matmul,
  mul,
  nameDimensions,
  reshape,
  type Tensor,
  toOnnx,
} from '../index.ts';
import { execute, randomFeed } from '../testing/execute.ts';

const decode = (outputs: Record<string, Tensor>) => onnxProto.onnx.ModelProto.decode(toOnnx(outputs).model);
const bytes = (data: Float32Array) => new Uint8Array(data.buffer);

describe('toOnnx', () => {
  const x = input('x', 'float32', ['batch', 4]);
  const w = initializer('layer.weight', 'float32', [4, 3], bytes(Float32Array.from({ length: 12 }, (_, i) => i)));
  const v = initializer('layer.bias', 'float32', [3], () => bytes(Float32Array.from([1, 2, 3])));

  it('writes versions, names, types and dimensions', () => {
    const model = decode({ y: add(matmul(x, w), v) });
    expect(Number(model.irVersion)).toBe(10);
    expect(model.opsetImport.map(({ domain, version }) => [domain, Number(version)])).toEqual([
      ['', 21],
      ['com.microsoft', 1],
    ]);
    const { graph } = model;
    expect(graph!.input!.map(({ name }) => name)).toEqual(['x']);
    const dims = graph!.output![0]!.type!.tensorType!.shape!.dim!;
    expect(dims.map((dim) => dim.dimParam || Number(dim.dimValue))).toEqual(['batch', 3]);
    expect(graph!.node!.map(({ opType }) => opType)).toEqual(['MatMul', 'Add']);
    expect(graph!.node!.at(-1)!.output).toEqual(['y']);
  });

  it('keeps weights outside and constants inside', () => {
    const program = toOnnx({ y: mul(add(matmul(x, w), v), 2) });
    expect(program.initializers.map(({ name, offset, length }) => ({ name, offset, length }))).toEqual([
      { name: 'layer.weight', offset: 0, length: 48 },
      { name: 'layer.bias', offset: 4096, length: 12 },
    ]);
    const { graph } = onnxProto.onnx.ModelProto.decode(program.model);
    const bias = graph!.initializer!.find(({ name }) => name === 'layer.bias')!;
    expect(bias.dataLocation).toBe(1);
    expect(Object.fromEntries(bias.externalData!.map(({ key, value }) => [key, value]))).toEqual({
      location: 'weights.bin',
      offset: '4096',
      length: '12',
    });
    expect(bias.rawData).toHaveLength(0);
    const inside = graph!.initializer!.filter(({ externalData }) => externalData!.length === 0);
    expect(inside.map(({ rawData }) => new Float32Array(Uint8Array.from(rawData!).buffer)[0])).toEqual([2]);
  });

  it('gives the same bytes for the same graph', () => {
    const build = () => toOnnx({ y: reshape(add(matmul(x, w), v), [-1]) }).model;
    expect(build()).toEqual(build());
  });

  it('renames the node that makes an output, so that nothing is copied', () => {
    const cache = () => input(`cache${Math.random()}`, 'float32', [1, 1, 'capacity', 8]);
    const { output, presentKey, presentValue } = groupQueryAttention(
      {
        query: input('query', 'float32', [1, 's', 24]),
        pastKey: cache(),
        pastValue: cache(),
        sequenceLengths: input('lengths', 'int32', [1]),
        totalLength: input('total', 'int32', [1]),
      },
      { heads: 1, kvHeads: 1 },
    );
    const nodes = decode({ output, 'present.key': presentKey, 'present.value': presentValue }).graph!.node!;
    expect(nodes).toHaveLength(1);
    expect(nodes[0]!.output).toEqual(['output', 'present.key', 'present.value']);
  });

  it('writes a tensor once for several uses, and inputs, weights and second names as outputs through a copy', async () => {
    const y = matmul(x, w);
    const outputs = { y, again: y, same: x, weight: w, sum: add(y, y), renamed: nameDimensions(x, ['n', 4]) };
    expect(decode(outputs).graph!.node!.filter(({ opType }) => opType === 'MatMul')).toHaveLength(1);
    const feed = randomFeed([2, 4], 1);
    const result = await execute(outputs, { x: feed });
    expect(result.again!.data).toEqual(result.y!.data);
    expect(result.sum!.data).toEqual(result.y!.data.map((value) => 2 * value));
    expect(result.same!.data).toEqual(result.renamed!.data);
    expect(result.weight!.data).toEqual(Array.from({ length: 12 }, (_, i) => i));
  });

  it('lets taps name nodes, and gives outputs their names where an inner value bears them', async () => {
    const hidden = matmul(x, w);
    hidden.name = 'blocks.0.mlp.output';
    const inner = add(hidden, 1);
    inner.name = 'y';
    const outputs = { y: mul(inner, constant([1, 2, 3], 'float32')) };
    const nodes = decode(outputs).graph!.node!;
    expect(nodes[0]!.name).toContain('blocks.0.mlp.output');
    expect(nodes[0]!.output).toEqual(['blocks.0.mlp.output']);
    expect(nodes.at(-1)!.output).toEqual(['y']);
    expect((await execute(outputs, { x: randomFeed([2, 4], 1) })).y!.shape).toEqual([2, 3]);
  });

  it('refuses names that clash and data that do not fill their shape', async () => {
    expect(() => toOnnx({})).toThrow('at least one output');
    expect(() => toOnnx({ x: mul(x, 2) })).toThrow("The output 'x' has the name of an input");
    expect(() => toOnnx({ y: add(x, input('x', 'float32', ['batch', 4])) })).toThrow("Two inputs have the name 'x'");
    const other = initializer('layer.weight', 'float32', [4, 3], new Uint8Array(48));
    expect(() => toOnnx({ y: add(matmul(x, w), matmul(x, other)) })).toThrow(
      "Two initialisers have the name 'layer.weight'",
    );
    const short = initializer('short', 'float32', [4], () => new Uint8Array(3));
    await expect(toOnnx({ y: add(x, short) }).initializers[0]!.bytes()).rejects.toThrow(
      'its shape takes 16 bytes; its data gave 3',
    );
  });

  it('takes one weight that was asked for twice', () => {
    const data = new Uint8Array(48);
    const twice = [1, 2].map(() => initializer('shared', 'float32', [4, 3], data));
    expect(toOnnx({ y: add(matmul(x, twice[0]!), matmul(x, twice[1]!)) }).initializers).toHaveLength(1);
  });

  it('writes seventeen thousand nodes without recursion', () => {
    let y: Tensor = x;
    for (let i = 0; i < 17_600; i++) y = add(y, x);
    expect(decode({ y }).graph!.node!).toHaveLength(17_600);
  });
});
