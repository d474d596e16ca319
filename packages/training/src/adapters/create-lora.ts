import { dequantise } from '@working-papers/models';
import { normalValues, uniformValues } from '../initial-values.ts';
import { adaptableWeights, tiedHead } from './adaptable.ts';
import { type LoraConfig, loraConfig } from './lora-config.ts';
import { moduleNames, taskTypeOf } from './module-names.ts';
import { isWithin, selectTargets } from './targets.ts';
import type { AdaptableWeight, AdapterTensor, BaseModel, LoraAdapter, LoraLayer, WholeWeight } from './types.ts';

/**
 * A fresh LoRA adapter for a model, which changes nothing yet: of each chosen weight A is drawn and B is 0 (of tables A is 0 and B
 * is drawn), as in peft; a seed gives the same numbers each time. A classification head is trained whole unless `modulesToSave` says
 * otherwise. Reads only the weights that are trained whole. Throws a sentence for values and patterns that make no sense.
 */
export function createLora(model: BaseModel, given: Partial<LoraConfig> = {}, seed = 0): LoraAdapter {
  const available = adaptableWeights(model);
  const heads = available.filter(({ head, module }) => head && /^(classifier|score)$/.test(module));
  const config = loraConfig({ modulesToSave: heads.map(({ module }) => module), ...given });
  const { r, alpha } = config;
  const layers = selectTargets(available, config).map((weight): LoraLayer => ({ ...weight, r, alpha }));
  const tensors = new Map<string, AdapterTensor>();
  for (const layer of layers) {
    for (const { name, shape, drawn } of lowRankParts(layer)) {
      const count = shape[0] * shape[1];
      const values = drawn ? drawnValues(layer, seed, name, count) : new Float32Array(count);
      tensors.set(name, { shape, values });
    }
  }
  const whole = wholeWeights(model, config.modulesToSave);
  for (const { name, weight } of whole) {
    const own = model.tensors.get(weight)!;
    tensors.set(name, { shape: own.shape, values: dequantise(own.type, own.bytesSync(), own.count).slice() });
  }
  return { kind: 'lora', taskType: taskTypeOf(model.config), config, layers, whole, tensors };
}

/** Kaiming-uniform with a = sqrt(5), which is 1 / sqrt(in), for products (arXiv 1502.01852); normal for tables. */
const drawnValues = ({ kind, inFeatures }: LoraLayer, seed: number, name: string, count: number): Float32Array =>
  kind === 'linear' ? uniformValues(seed, name, count, 1 / Math.sqrt(inFeatures)) : normalValues(seed, name, count);

/** One of the two matrices of an update. */
export interface LowRankPart {
  /** As the PEFT layout has it, without `base_model.model.`. */
  readonly name: string;
  /** A `[r, in]`, B `[out, r]`; of a table A `[r, rows]`, B `[width, r]`. */
  readonly shape: readonly [number, number];
  /** Whether it is drawn at first; the other one is 0. */
  readonly drawn: boolean;
}

/** A and B of a layer. */
export function lowRankParts({
  module,
  kind,
  r,
  inFeatures,
  outFeatures,
}: LoraLayer): [a: LowRankPart, b: LowRankPart] {
  const name = (part: 'A' | 'B') =>
    kind === 'linear' ? `${module}.lora_${part}.weight` : `${module}.lora_embedding_${part}`;
  return [
    { name: name('A'), shape: [r, inFeatures], drawn: kind === 'linear' },
    { name: name('B'), shape: [outFeatures, r], drawn: kind === 'embedding' },
  ];
}

/** The weights within modules; throws a sentence for a module that has none. */
function wholeWeights(model: BaseModel, modules: readonly string[]): WholeWeight[] {
  if (modules.length === 0) return [];
  const names = moduleNames(model);
  const head = tiedHead(model);
  const found = [...model.tensors.keys()].map((weight) => wholeWeight(names.inClass(weight), weight, head));
  if (head) found.push(wholeWeight(`${head.module}.weight`, head.weight, head));
  const odd = modules.find((module) => !found.some(({ name }) => isWithin(name, module)));
  if (odd !== undefined) {
    throw new Error(
      `modulesToSave names '${odd}', but the checkpoint has no weight within a module of that name. Its weights are called ${found
        .slice(-3)
        .map(({ name }) => name)
        .join(', ')} and the like.`,
    );
  }
  return found.filter(({ name }) => modules.some((module) => isWithin(name, module)));
}

/** A whole weight, which takes the place of the table or of the tied head that has its name, not of both. */
export function wholeWeight(name: string, weight: string, head: AdaptableWeight | undefined): WholeWeight {
  if (!head || weight !== head.weight) return { name, weight };
  return { name, weight, only: name === `${head.module}.weight` ? 'linear' : 'embedding' };
}
