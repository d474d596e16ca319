import { architectureOf, dequantise, isBlockType, type WeightTensor } from '@working-papers/models';
import { floatWeight } from '../weights/float-weight.ts';
import { adaptableByModule, tiedHead } from './adaptable.ts';
import { lowRankParts } from './create-lora.ts';
import { loraScale } from './lora-config.ts';
import { moduleNames } from './module-names.ts';
import type { AdaptableWeight, BaseModel, LoraAdapter, LoraLayer } from './types.ts';

/**
 * A model with an adapter merged into it: W + scale B A in float32 in place of each weight W that has an update, whole weights in place of
 * the base's, all else as it is. Numbers are computed when a tensor is read, one at a time, so it can be saved or opened like any
 * checkpoint. A head that was tied to a table of which one of both has an update becomes a weight of its own. Throws a sentence
 * where a weight is quantised or the adapter was made for another model.
 */
export function mergeAdapter(model: BaseModel, adapter: LoraAdapter): BaseModel {
  const merged = withUpdates(model, adapter, 1);
  const tensors = new Map(merged.tensors);
  const { headWeight } = moduleNames(merged);
  for (const { name, weight, only } of adapter.whole) {
    const own = only === 'linear' ? headWeight : weight;
    const { shape, values } = adapter.tensors.get(name)!;
    tensors.set(
      own,
      floatWeight(own, shape, () => values),
    );
  }
  return { ...merged, tensors };
}

/**
 * A model with an adapter that was merged into it taken out again, to rounding: W - scale B A. Throws a sentence where the adapter has weights
 * that were trained whole, since the base's are gone.
 */
export function unmergeAdapter(model: BaseModel, adapter: LoraAdapter): BaseModel {
  const [lost] = adapter.whole;
  if (lost) {
    throw new Error(
      `The adapter has put its own '${lost.name}' in place of the base's, which cannot be computed back. Open the base model again.`,
    );
  }
  return withUpdates(model, adapter, -1);
}

function withUpdates(model: BaseModel, adapter: LoraAdapter, sign: 1 | -1): BaseModel {
  const untied = withOwnHead(model, adapter);
  const find = adaptableByModule(untied);
  const tensors = new Map(untied.tensors);
  for (const layer of adapter.layers) {
    const found = find(layer.module, layer.kind);
    if (!found) {
      throw new Error(`The adapter has an update of the module "${layer.module}", which this model has not.`);
    }
    const own = tensors.get(found.weight)!;
    if (isBlockType(own.type)) {
      throw new Error(
        `The weight '${found.weight}' is quantised (${own.type}), so a merged one would be rounded again. Attach the adapter instead (loraWeights), or merge it into the unquantised model and quantise that.`,
      );
    }
    tensors.set(found.weight, updated(own, layer, adapter, sign));
  }
  return { ...untied, tensors };
}

/** The same model with its tied head as a weight of its own, where an adapter changes head or table. */
function withOwnHead(model: BaseModel, { layers, whole }: LoraAdapter): BaseModel {
  const head = tiedHead(model);
  if (!head || ![...layers, ...whole].some(({ weight }) => weight === head.weight)) return model;
  if (architectureOf(model.config).kind === 'seq2seq') {
    throw new Error(
      `The adapter changes the head '${head.module}', which is tied to the table '${head.weight}' of both halves, so merging it would change these too. Attach the adapter instead (loraWeights).`,
    );
  }
  const { headWeight: name } = moduleNames(model);
  const { alias: _, ...table } = model.tensors.get(head.weight)!;
  return {
    config: { ...model.config, tie_word_embeddings: false },
    tensors: new Map([...model.tensors, [name, { ...table, name }]]),
  };
}

function updated(own: WeightTensor, layer: LoraLayer, adapter: LoraAdapter, sign: 1 | -1): WeightTensor {
  const [a, b] = lowRankParts(layer).map(({ name }) => adapter.tensors.get(name)!.values) as [
    Float32Array,
    Float32Array,
  ];
  const scale = sign * loraScale(layer, adapter.config);
  const values = () => {
    const sums = dequantise(own.type, own.bytesSync(), own.count).slice();
    addProduct(sums, layer, a, b, scale, own.transposed === true);
    return sums;
  };
  return floatWeight(own.name, own.shape, values, own);
}

/** Adds scale B A to a weight `[out, in]`, or its transpose to one `[in, out]` or a table `[rows, width]`. Sums are of doubles. */
function addProduct(
  weight: Float32Array,
  { r, inFeatures, outFeatures, kind, inOut }: AdaptableWeight & { r: number },
  a: Float32Array,
  b: Float32Array,
  scale: number,
  transposed: boolean,
): void {
  const across = kind === 'embedding' || (inOut && !transposed);
  const row = new Float64Array(inFeatures);
  for (let out = 0; out < outFeatures; out++) {
    row.fill(0);
    for (let k = 0; k < r; k++) {
      const factor = scale * b[out * r + k]!;
      if (factor === 0) continue;
      const from = k * inFeatures;
      for (let i = 0; i < inFeatures; i++) row[i]! += factor * a[from + i]!;
    }
    for (let i = 0; i < inFeatures; i++) weight[across ? i * outFeatures + out : out * inFeatures + i]! += row[i]!;
  }
}
