import {
  add,
  concat,
  gather,
  initializer,
  matmul,
  matrixTranspose,
  mul,
  pad,
  split,
  type Tensor,
  transpose,
} from '@working-papers/graph';
import type { WeightSource } from '@working-papers/models';
import { lowRankParts } from './create-lora.ts';
import { loraScale } from './lora-config.ts';
import type { AdapterTensor, LoraAdapter, LoraLayer, TensorOf } from './types.ts';

export interface LoraWeightsOptions {
  /** What stands for a tensor of the adapter in the graph: an input where it is trained. Default an initialiser with its numbers. */
  tensor?: TensorOf | undefined;
  /** What goes into an update, by the module's name, in place of the product's input: dropout. */
  dropout?: ((x: Tensor, module: string) => Tensor) | undefined;
}

/** Ranks that updates of one input have together, at most, to be computed by one pair of products: beyond, the zeros between them cost more than a node. */
const mostJoined = 32;

/**
 * The weights of `base` with those of an adapter: each product with a weight W that has an update becomes x W' + scale (x A') B', each
 * row of a table that has one W[id] + scale (B A)'[id], and weights that are trained whole take the place of the base's. Everything
 * else, and the initialisers of all, are the base's own: a graph may build a model with the adapter and without it, and hold the
 * weights once. Gradients flow to A, B and whole weights where these are inputs.
 */
export function loraWeights(
  base: WeightSource,
  adapter: LoraAdapter,
  { tensor = valuesOf(adapter), dropout }: LoraWeightsOptions = {},
): WeightSource {
  const linears = new Map<string, LoraLayer>();
  const tables = new Map<string, LoraLayer>();
  for (const layer of adapter.layers) (layer.kind === 'linear' ? linears : tables).set(layer.weight, layer);
  const wholes = (use: 'linear' | 'embedding') =>
    new Map(
      adapter.whole
        .filter(({ only }) => only !== (use === 'linear' ? 'embedding' : 'linear'))
        .map(({ name, weight }) => [weight, name]),
    );
  const [whole, wholeTables] = [wholes('linear'), wholes('embedding')];
  const replaced = (weight: string, among = whole): Tensor | undefined => {
    const name = among.get(weight);
    return name === undefined ? undefined : tensor(name, adapter.tensors.get(name)!.shape);
  };
  const changed = new Set([...adapter.layers, ...adapter.whole.filter(({ only }) => only)].map(({ weight }) => weight));
  const lowRank = (layer: LoraLayer) => {
    const [a, b] = lowRankParts(layer).map(({ name, shape }) => tensor(name, shape)) as [Tensor, Tensor];
    const scale = loraScale(layer, adapter.config);
    return { a, scaledB: scale === 1 ? b : mul(b, scale) };
  };

  /** x A' (scale B)', `[..., out]`. */
  const update = (x: Tensor, layer: LoraLayer): Tensor => {
    const { a, scaledB } = lowRank(layer);
    const inner = matmul(dropout ? dropout(x, layer.module) : x, matrixTranspose(a)); // [..., r]
    return matmul(inner, matrixTranspose(scaledB));
  };

  /** The updates of several layers of one x beside each other: two thin products for all of them, where their ranks are small. */
  const updates = (x: Tensor, layers: readonly LoraLayer[]): Tensor => {
    const ranks = layers.reduce((sum, { r }) => sum + r, 0);
    if (layers.length === 1 || dropout || ranks > mostJoined) {
      return concat(
        layers.map((layer) => update(x, layer)),
        -1,
      );
    }
    let before = 0;
    const parts = layers.map((layer) => {
      const { a, scaledB } = lowRank(layer);
      const columns: [number, number] = [before, ranks - before - layer.r];
      before += layer.r;
      return { a, b: pad(scaledB, [[0, 0], columns]) };
    });
    const join = (part: 'a' | 'b') =>
      concat(
        parts.map(({ [part]: own }) => own),
        0,
      );
    return matmul(matmul(x, matrixTranspose(join('a'))), matrixTranspose(join('b')));
  };

  const get: WeightSource['get'] = (name, shape) => {
    if (changed.has(name)) {
      throw new Error(
        `The adapter changes '${name}', which is therefore no tensor of its own; ask for products with it (linear) or rows of it (embedding), or merge the adapter.`,
      );
    }
    const own = replaced(name);
    if (own && shape && own.shape.join() !== shape.join()) {
      throw new Error(
        `The adapter's weight '${name}' has the shape [${own.shape.join(', ')}]; the model needs [${shape.join(', ')}].`,
      );
    }
    return own ?? base.get(name, shape);
  };

  /** One product without its update, where weight or bias are the adapter's. */
  const wholeProduct = (x: Tensor, name: string, bias: string | undefined, inOut: boolean): Tensor => {
    const own = replaced(name);
    const y = own
      ? matmul(x, inOut ? own : matrixTranspose(own))
      : base.linear(x, name, undefined, { layout: inOut ? 'in-out' : 'out-in' });
    return bias === undefined ? y : add(y, get(bias));
  };

  const withUpdate = (y: Tensor, x: Tensor, name: string): Tensor => {
    const layer = linears.get(name);
    return layer ? add(y, update(x, layer)) : y;
  };

  const linear: WeightSource['linear'] = (x, names, bias, options) => {
    const list = typeof names === 'string' ? [names] : names;
    const biases = typeof bias === 'string' ? [bias] : bias;
    const hasWhole = [...list, ...(biases ?? [])].some((name) => whole.has(name));
    const layers = list.flatMap((name) => linears.get(name) ?? []);
    if (!hasWhole && layers.length === 0) return base.linear(x, names, bias, options);
    if (!hasWhole && layers.length === list.length)
      return add(base.linear(x, names, bias, options), updates(x, layers));
    const inOut = options?.layout === 'in-out';
    const parts = hasWhole || inOut ? apartByName(x, list, biases, inOut) : base.apart(x, list, biases);
    return concat(
      parts.map((part, i) => withUpdate(part, x, list[i]!)),
      -1,
    );
  };

  const apartByName = (x: Tensor, names: readonly string[], biases: readonly string[] | undefined, inOut: boolean) =>
    names.map((name, i) => wholeProduct(x, name, biases?.[i], inOut));

  const apart: WeightSource['apart'] = (x, names, biases) => {
    const hasWhole = [...names, ...(biases ?? [])].some((name) => whole.has(name));
    const layers = names.flatMap((name) => linears.get(name) ?? []);
    if (!hasWhole && layers.length === names.length) {
      const widths = layers.map(({ outFeatures }) => outFeatures);
      return split(add(base.linear(x, names, biases), updates(x, layers)), widths, -1);
    }
    const parts = hasWhole ? apartByName(x, names, biases, false) : base.apart(x, names, biases);
    return parts.map((part, i) => withUpdate(part, x, names[i]!));
  };

  const embedding: WeightSource['embedding'] = (ids, name, count) => {
    const own = replaced(name, wholeTables);
    if (own && count !== undefined && own.shape[0] !== count) {
      throw new Error(
        `The adapter's table '${name}' has the shape [${own.shape.join(', ')}]; the model needs ${count} rows of numbers.`,
      );
    }
    const rows = own ? gather(own, ids, 0) : base.embedding(ids, name, count);
    const layer = tables.get(name);
    if (!layer) return rows;
    const { a, scaledB } = lowRank(layer);
    const columns = gather(a, ids, 1); // [r, ...ids]
    const inner = transpose(columns, [...ids.shape.map((_, axis) => axis + 1), 0]);
    return add(rows, matmul(inner, matrixTranspose(scaledB)));
  };

  return {
    weights: base.weights,
    get bytes() {
      return base.bytes + [...adapter.tensors.values()].reduce((sum, { values }) => sum + values.byteLength, 0);
    },
    has: (name) => base.has(name) || whole.has(name) || wholeTables.has(name),
    get,
    linear,
    apart,
    embedding,
  };
}

const initializers = new WeakMap<AdapterTensor, Tensor>();

/** Initialisers of an adapter's numbers; one a tensor, so that programs share it. */
export function valuesOf({ tensors }: Pick<LoraAdapter, 'tensors'>): TensorOf {
  return (name) => {
    const held = tensors.get(name);
    if (!held) throw new Error(`The adapter has no tensor '${name}'.`);
    let made = initializers.get(held);
    if (!made) {
      const { buffer, byteOffset, byteLength } = held.values;
      made = initializer(name, 'float32', held.shape, new Uint8Array(buffer, byteOffset, byteLength));
      initializers.set(held, made);
    }
    return made;
  };
}
